const $ = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 900px)");

function openFilters(open) {
  $("filters-open").setAttribute("aria-expanded", String(open));
  $("filters").classList.toggle("open", open);
}

function listen(view) {
  const { form, list } = view;
  let due;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", ({ target }) => {
    clearTimeout(due);
    if (target.matches("input")) due = setTimeout(() => view.apply(view.key), 150);
  });
  form.addEventListener("change", ({ target }) => {
    if (target === form.pairs) view.open(Number(target.value));
    else if (target.matches("select")) view.apply(view.key);
  });
  $("clear").onclick = () => {
    clearFilters(form);
    view.apply(view.key);
    list.box.focus({ preventScroll: true }); // the button is gone
  };
  for (const kind of ["images", "reports"]) {
    $(`view-${kind}`).onclick = () => {
      view.setKind(kind);
      view.apply();
    };
  }
  $("filters-open").onclick = () => openFilters($("filters-open").getAttribute("aria-expanded") === "false");
  $("back").onclick = () => view.leave();
  $("previous").onclick = () => list.step(-1);
  $("next").onclick = () => list.step(1);
  for (const name of ["help", "about"]) $(`${name}-open`).onclick = () => $(name).showModal();
  list.box.addEventListener("keydown", (event) => onListKey(view, event));
  document.addEventListener("keydown", (event) => onKey(view, event));
}

async function start() {
  const contents = await unpack("contents");
  const view = new View(contents, $("filters"), $("list"));
  view.form.pairs.replaceChildren(...options(contents.collections.map(({ name }) => name)));
  await view.open(0);
  listen(view);
  document.body.dataset.ready = "true";
}

start();
