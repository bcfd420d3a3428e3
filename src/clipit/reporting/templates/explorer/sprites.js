const SHEETS_KEPT = 16; // a sheet of 96 px pictures takes 3.7 MB once decoded

/**
 * The small pictures of a data set. A sheet is decoded, off the main thread, when a canvas first shows one of its
 * pictures; one sheet at a time, the one asked for last first, and none that has meanwhile been scrolled away.
 */
class Sprites {
  constructor(dataset, side, perSheet, columns) {
    Object.assign(this, { dataset, side, perSheet, columns });
    this.decoded = new Map(); // sheet -> ImageBitmap, the one used longest ago first
    this.waiting = new Map(); // canvas -> image
    this.decoding = false;
  }

  /** Draws a picture on a canvas, now or when its sheet is decoded; a canvas shows what was asked for last. */
  show(canvas, image) {
    this.waiting.delete(canvas);
    if (canvas.width !== this.side) canvas.width = canvas.height = this.side;
    const sheet = this.sheetOf(image);
    if (this.decoded.has(sheet)) {
      this.paint(canvas, image);
    } else {
      canvas.getContext("2d").clearRect(0, 0, this.side, this.side);
      this.waiting.set(canvas, image);
      this.decode();
    }
  }

  sheetOf(image) {
    return Math.floor(image / this.perSheet);
  }

  paint(canvas, image) {
    const sheet = this.sheetOf(image);
    const bitmap = this.decoded.get(sheet);
    this.decoded.delete(sheet);
    this.decoded.set(sheet, bitmap);
    const place = image % this.perSheet;
    const [x, y] = [place % this.columns, Math.floor(place / this.columns)];
    const { side } = this;
    canvas.getContext("2d").drawImage(bitmap, x * side, y * side, side, side, 0, 0, side, side);
  }

  async decode() {
    if (this.decoding) return;
    this.decoding = true;
    for (;;) {
      await new Promise(requestAnimationFrame); // the canvases of a frame are in the page by then
      for (const canvas of this.waiting.keys()) if (!canvas.isConnected) this.waiting.delete(canvas);
      if (!this.waiting.size) break;
      const sheet = this.sheetOf([...this.waiting.values()].at(-1));
      const file = new Blob([bytesOf(`sheet-${this.dataset}-${sheet}`)], { type: "image/webp" });
      this.decoded.set(sheet, await createImageBitmap(file));
      for (const [canvas, image] of this.waiting) {
        if (this.sheetOf(image) === sheet) {
          this.waiting.delete(canvas);
          this.paint(canvas, image);
        }
      }
      for (const [old, bitmap] of this.decoded) {
        if (this.decoded.size <= SHEETS_KEPT) break;
        bitmap.close();
        this.decoded.delete(old);
      }
    }
    this.decoding = false;
  }
}
