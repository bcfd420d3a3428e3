const AHEAD = 4; // rows that are kept above and below the ones in view

/**
 * A listbox of which only the rows in view are in the page: a row of fixed height for each item, absolutely placed on
 * a rail as high as all. The active row is always there, so that what assistive technology is told about exists; every
 * row says which of how many it is.
 */
class WindowedList {
  /** `build()` gives a new row, `fill(row, item)` says what it shows, `chosen(opened)` is told of a new choice; `opened` if
   * it was pointed at. */
  constructor(box, { build, fill, chosen }) {
    Object.assign(this, { box, build, fill, chosen });
    this.items = [];
    this.active = -1;
    this.rows = new Map(); // position -> element
    this.spare = [];
    this.rail = make("div", { className: "rail", role: "presentation" });
    box.replaceChildren(this.rail);
    this.height = parseFloat(getComputedStyle(box).getPropertyValue("--row"));
    box.addEventListener("scroll", () => this.later(), { passive: true });
    box.addEventListener("click", (event) => {
      const row = event.target.closest("[role=option]");
      if (row) this.choose(Number(row.dataset.position), true);
    });
    new ResizeObserver(() => this.later()).observe(box);
  }

  set(items, active) {
    this.items = items;
    this.active = items.length ? active : -1;
    for (const position of [...this.rows.keys()]) this.drop(position);
    this.rail.style.height = `${items.length * this.height}px`;
    this.reveal();
    this.render();
  }

  choose(position, opened = false) {
    if (!this.items.length) return;
    this.active = Math.max(0, Math.min(this.items.length - 1, position));
    this.reveal();
    this.render();
    this.chosen(opened);
  }

  step(by) {
    this.choose(this.active + by);
  }

  /** Rows that are seen at once. */
  get page() {
    return Math.max(1, Math.floor(this.box.clientHeight / this.height) - 1);
  }

  reveal() {
    const top = Math.max(0, this.active) * this.height;
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top + this.height > this.box.scrollTop + this.box.clientHeight) {
      this.box.scrollTop = top + this.height - this.box.clientHeight;
    }
  }

  later() {
    this.due ??= requestAnimationFrame(() => {
      this.due = undefined;
      this.render();
    });
  }

  render() {
    const first = Math.max(0, Math.floor(this.box.scrollTop / this.height) - AHEAD);
    const last = Math.ceil((this.box.scrollTop + this.box.clientHeight) / this.height) + AHEAD;
    const wanted = new Set();
    for (let position = first; position < Math.min(last, this.items.length); position++) wanted.add(position);
    if (this.active >= 0) wanted.add(this.active);
    for (const position of [...this.rows.keys()]) if (!wanted.has(position)) this.drop(position);
    for (const position of wanted) {
      if (!this.rows.has(position)) this.place(position);
      const row = this.rows.get(position);
      row.setAttribute("aria-selected", String(position === this.active));
      if (position === this.active) this.box.setAttribute("aria-activedescendant", row.id);
    }
    if (this.active < 0) this.box.removeAttribute("aria-activedescendant");
  }

  place(position) {
    const row = this.spare.pop() ?? make("div", { className: "row", role: "option" }, ...this.build());
    row.id = `${this.box.id}-${position}`;
    row.dataset.position = position;
    row.setAttribute("aria-setsize", this.items.length);
    row.setAttribute("aria-posinset", position + 1);
    row.style.transform = `translateY(${position * this.height}px)`;
    const after = Math.min(...[...this.rows.keys()].filter((other) => other > position)); // read in order, too
    this.rail.insertBefore(row, this.rows.get(after) ?? null);
    this.rows.set(position, row);
    this.fill(row, this.items[position]);
  }

  drop(position) {
    const row = this.rows.get(position);
    this.rows.delete(position);
    row.remove();
    this.spare.push(row);
  }
}
