/** What is shown: a collection, one of its methods, its images or its reports, and the one that is selected. */
class View {
  constructor(contents, form, box) {
    Object.assign(this, { contents, form });
    this.kind = "images";
    this.list = new WindowedList(box, {
      build: buildRow,
      fill: (row, item) => fillRow(this, row, item),
      chosen: (opened) => this.showSelected(opened),
    });
  }

  async open(c) {
    this.collection = await Collection.open(this.contents, c);
    const { dataset, datasetNumber } = this.collection;
    this.sprites = new Sprites(datasetNumber, dataset.side, this.contents.per_sheet, this.contents.columns);
    $("what").textContent = this.contents.collections[c].about;
    fillForm(this.form, this.collection);
    this.apply();
  }

  get method() {
    return Number(this.form.method.value);
  }

  get selected() {
    return this.list.items[this.list.active];
  }

  /** The number of the image or report that is selected, null if none is. */
  get key() {
    return this.selected === undefined ? null : this.keyOf(this.selected);
  }

  keyOf(item) {
    return this.kind === "images" ? item : item.report;
  }

  listed() {
    this.wanted = wantedBy(this.form);
    return (this.kind === "images" ? listedImages : listedReports)(this.collection, this.method, this.wanted);
  }

  /** Lists anew what the form asks for, and stays at the image or report `key` if it is among them. */
  apply(key = null) {
    const items = this.listed();
    const images = this.kind === "images";
    hintRange(this.form, this.collection, this.method);
    this.list.box.setAttribute("aria-label", images ? "Images" : "Reports, hubs first");
    this.list.set(items, Math.max(0, items.findIndex((item) => this.keyOf(item) === key)));
    const all = images
      ? plural(this.collection.size, "image")
      : plural(this.collection.reportsBy(this.method), "report");
    $("status").textContent = items.length
      ? `${count(items.length)} of ${all}`
      : `None of ${all} matches`;
    $("clear").hidden = !anyFilter(this.form);
    this.showDetail();
  }

  showDetail() {
    const [detail, { selected }] = [$("detail-content"), this];
    const inside = detail.contains(document.activeElement);
    const build = this.kind === "images" ? imageDetail : reportDetail;
    detail.replaceChildren(...(selected === undefined ? [] : build(this, selected)));
    $("detail").scrollTop = 0;
    if (inside) this.focusDetail();
    $("previous").disabled = this.list.active <= 0;
    $("next").disabled = this.list.active >= this.list.items.length - 1;
  }

  /** Shows what was chosen in the list, and says so to who cannot see it unless the choice moves on at once. */
  showSelected(opened) {
    this.showDetail();
    if (opened && narrow.matches) this.read();
    clearTimeout(this.saying);
    this.saying = setTimeout(() => {
      const { active, items } = this.list;
      const what = this.kind === "images" ? "Image" : "Report";
      const label = this.selected === undefined ? "" : labelOf(this, this.selected);
      $("said").textContent = `${what} ${count(active + 1)} of ${count(items.length)}: ${label}`;
    }, 300);
  }

  setKind(kind) {
    this.kind = kind;
    document.body.dataset.view = kind;
    for (const name of ["images", "reports"]) $(`view-${name}`).setAttribute("aria-pressed", String(name === kind));
  }

  /** Goes to an image or a report, which the filters must not hide. */
  goTo(kind, key) {
    this.setKind(kind);
    if (!this.listed().some((item) => this.keyOf(item) === key)) clearFilters(this.form);
    this.apply(key);
    this.read();
  }

  goToMethod(method) {
    this.form.method.value = String(method);
    this.apply(this.key);
    this.read();
  }

  /** From the list to what is beside it, which on a narrow screen takes the list's place. */
  read() {
    document.body.classList.add("reading");
    this.focusDetail();
  }

  focusDetail() {
    $("detail-title")?.focus({ preventScroll: true });
  }

  /** Back to the list. */
  leave() {
    document.body.classList.remove("reading");
    this.list.box.focus({ preventScroll: true });
    this.list.reveal();
  }
}
