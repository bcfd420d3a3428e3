const MANY = 60; // pictures of a report that are shown before one asks for more

/** A small picture that leads to its image. */
function pictureButton(view, pair) {
  const { collection } = view;
  const canvas = make("canvas", { "aria-hidden": "true" });
  view.sprites.show(canvas, pair.image);
  const name = `${collection.name(pair.image)}, ${collection.className(pair.image)}`;
  const rank = pair.rank ? `rank ${pair.rank + 1}, ` : "";
  return make(
    "button",
    {
      type: "button",
      className: "picture",
      title: name,
      onclick: () => view.goTo("images", pair.image),
      "aria-label": `${name}, ${rank}similarity ${figure(pair.similarity)}`,
    },
    canvas,
    make("span", {}, pair.rank ? `${pair.rank + 1}. ` : "", figure(pair.similarity)),
  );
}

/** Pictures, the first ones at once and the others when asked for. */
function pictures(view, pairs) {
  const box = make("div", { className: "pictures" });
  const more = make("button", { type: "button", className: "more" });
  let shown = 0;
  const show = () => {
    const next = pairs.slice(shown, shown + MANY).map((pair) => pictureButton(view, pair));
    shown += next.length;
    box.append(...next);
    more.textContent = `Show ${count(Math.min(MANY, pairs.length - shown))} more of ${count(pairs.length - shown)}`;
    more.hidden = shown === pairs.length;
    return next[0];
  };
  more.onclick = () => show().focus();
  show();
  return [box, more];
}

/** A report's text with a passage marked; of a long one at first the part around it, unless the search hits beyond. */
function reportText(view, report, passage) {
  const { query } = view.wanted;
  const text = view.collection.text(report);
  const [start, stop] = view.collection.place(passage);
  const [from, to] = excerpt(text, start, stop);
  const shown = make("p", { className: "text", dir: "auto" });
  const words = plural(text.split(/\s+/).filter(Boolean).length, "word");
  const all = make("button", { type: "button", className: "more" });
  const show = (open) => {
    shown.replaceChildren(marked(text, open ? 0 : from, open ? text.length : to, start, stop, query));
    all.setAttribute("aria-expanded", String(open));
    all.textContent = open ? "Show what is around the passage alone" : `Show all ${words}`;
    all.onclick = () => show(!open);
  };
  const [hit] = hitsIn(text, query);
  show(hit !== undefined && (hit[0] < from || hit[1] > to));
  return from === 0 && to === text.length ? [shown] : [shown, all];
}

function facts(...pairs) {
  const fact = ([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value));
  return make("dl", { className: "facts" }, ...pairs.map(fact));
}

function reportCard(view, pair) {
  const { collection } = view;
  const name = collection.reportName(pair.report);
  const section = collection.section(pair.passage);
  return make(
    "li",
    { className: "card" },
    make(
      "h4",
      {},
      make("span", { className: "rank", "aria-label": `rank ${pair.rank + 1}` }, String(pair.rank + 1)),
      make("bdi", {}, name),
      make(
        "button",
        { type: "button", className: "link", onclick: () => view.goTo("reports", pair.report) },
        "its images",
        make("span", { className: "hidden" }, `, of ${name}`),
      ),
    ),
    facts(
      ["similarity", figure(pair.similarity)],
      ["score", score(pair.score)],
      ["weight", pair.weight ? share(pair.weight) : "0: not in the target"],
      ["passage in", section || "–"],
    ),
    ...(collection.hasText ? reportText(view, pair.report, pair.passage) : []),
  );
}

/** The first report by each of the other methods. */
function otherMethods(view, image) {
  const { collection } = view;
  const own = collection.pair(view.method, image, 0).report;
  const rows = collection.methods.map((method, m) => {
    const pair = collection.pair(m, image, 0);
    if (m === view.method || !pair) return null;
    const name = make("button", { type: "button", className: "link", onclick: () => view.goToMethod(m) }, method);
    return make(
      "tr",
      {},
      make("th", { scope: "row" }, name),
      make("td", {}, make("bdi", {}, collection.reportName(pair.report)), pair.report === own ? " (the same)" : ""),
      make("td", {}, figure(pair.similarity)),
    );
  });
  if (collection.methods.length < 2) return [];
  const heads = ["method", "first report", "similarity"].map((name) => make("th", { scope: "col" }, name));
  return [
    make("h3", {}, "By the other methods"),
    make("table", {}, make("thead", {}, make("tr", {}, ...heads)), make("tbody", {}, ...rows.filter(Boolean))),
  ];
}

/** An image beside its reports. */
function imageDetail(view, image) {
  const { collection } = view;
  const canvas = make("canvas", { role: "img", "aria-label": `The image, ${classOf(collection, image)}` });
  view.sprites.show(canvas, image);
  const pairs = collection.pairsOf(view.method, image);
  return [
    make(
      "div",
      { className: "subject" },
      canvas,
      make(
        "div",
        {},
        make("h2", { id: "detail-title", tabIndex: -1 }, make("bdi", {}, collection.name(image))),
        facts(["class", classOf(collection, image)], ["split", collection.split(image)]),
      ),
    ),
    make(
      "div",
      { className: "met" },
      make("h3", {}, `${plural(pairs.length, "report")} by ${collection.methods[view.method]}, the best first`),
      make("ol", { className: "reports" }, ...pairs.map((pair) => reportCard(view, pair))),
      ...otherMethods(view, image),
    ),
  ];
}

/** The passage that most of the pairs were met by. */
function commonPassage(pairs) {
  const times = new Map();
  for (const { passage } of pairs) times.set(passage, (times.get(passage) ?? 0) + 1);
  return [...times].reduce((best, each) => (each[1] > best[1] ? each : best));
}

/** A report and the images that it attracts. */
function reportDetail(view, { report, first, later }) {
  const { collection } = view;
  const [passage, times] = commonPassage(first.length ? first : later);
  const classes = new Map();
  for (const { image } of first) classes.set(classOf(collection, image), (classes.get(classOf(collection, image)) ?? 0) + 1);
  const ordered = [...classes].sort((a, b) => b[1] - a[1]).map(([name, n]) => `${name} ${count(n)}`);
  const everywhere = collection.pairs.methods[view.method].uses[report];
  return [
    make("h2", { id: "detail-title", tabIndex: -1 }, make("bdi", {}, collection.reportName(report))),
    facts(
      ["first for", `${plural(first.length, "image")} listed here; ${count(everywhere)} of all ${count(collection.dataset.all)}`],
      ["their classes", ordered.join(", ") || "–"],
      ["passage in", `${collection.section(passage) || "–"}, met by ${count(times)} of ${count((first.length ? first : later).length)}`],
    ),
    ...(collection.hasText ? reportText(view, report, passage) : []),
    make("h3", {}, `First report of ${plural(first.length, "image")}, the most similar first`),
    ...(first.length ? pictures(view, first) : []),
    ...(later.length
      ? [make("h3", {}, `Rank 2 to ${collection.ranks} of ${plural(later.length, "image")}`), ...pictures(view, later)]
      : []),
  ];
}
