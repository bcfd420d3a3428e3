/** A row of the list: the pictures of an image or of the images a report attracts, and three lines. */
function buildRow() {
  const canvas = () => make("canvas", { "aria-hidden": "true" });
  const lines = ["name", "about", "snippet"].map((name) => make("span", { className: name }));
  return [
    make("span", { className: "strip" }, canvas(), canvas(), canvas()),
    make("span", { className: "lines" }, ...lines),
  ];
}

function fillRow(view, row, item) {
  const { collection, method } = view;
  const images = view.kind === "images";
  const pairs = images ? [collection.pair(method, item, 0)] : item.first.length ? item.first : item.later;
  const shown = images ? [item] : pairs.map(({ image }) => image);
  row.title = labelOf(view, item);
  row.querySelectorAll("canvas").forEach((canvas, i) => {
    canvas.hidden = i >= shown.length;
    if (!canvas.hidden) view.sprites.show(canvas, shown[i]);
  });
  const [name, about, snippet] = row.querySelectorAll(".lines > span");
  name.textContent = images ? collection.name(item) : collection.reportName(item.report);
  about.textContent = images
    ? `${figure(pairs[0].similarity)} · ${classOf(collection, item)} · ${collection.split(item)}`
    : `first for ${plural(item.first.length, "image")}`;
  snippet.textContent = snippetOf(collection, pairs[0], images);
}

/** A row in words, for who rests the pointer on it, or has what is written there read out with its description. */
function labelOf({ collection, kind, method }, item) {
  if (kind === "reports") return `${collection.reportName(item.report)}, first for ${plural(item.first.length, "image")}`;
  const { report, similarity } = collection.pair(method, item, 0);
  const met = `first report ${collection.reportName(report)}, similarity ${figure(similarity)}`;
  return `${collection.name(item)}, ${classOf(collection, item)}, ${collection.split(item)}, ${met}`;
}

/** The beginning of the matched passage; where there is no text, its section, and which report it is of if `named`. */
function snippetOf(collection, { report, passage }, named) {
  if (!collection.hasText) {
    return [named ? collection.reportName(report) : "", collection.section(passage)].filter(Boolean).join(", ");
  }
  const [start, stop] = collection.place(passage);
  return collection.text(report).slice(start, Math.min(stop, start + 160));
}

function classOf(collection, image) {
  const name = collection.className(image);
  return collection.dataset.weak && name !== "unlabelled" ? `${name} (weak label)` : name;
}
