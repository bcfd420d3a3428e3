function onListKey(view, event) {
  const { list } = view;
  const moves = { ArrowDown: 1, ArrowUp: -1, PageDown: list.page, PageUp: -list.page, Home: -Infinity, End: Infinity };
  if (event.key in moves) list.step(moves[event.key]);
  else if (event.key === "Enter" || event.key === " ") view.read();
  else return;
  event.preventDefault();
}

function onKey(view, event) {
  const { form, list } = view;
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const typing = event.target.closest("input, select, textarea");
  if (event.key === "Escape") {
    if (typing !== form.query || !form.query.value) return view.leave();
    form.query.value = "";
    return view.apply(view.key);
  }
  if (typing) return;
  const act = {
    j: () => list.step(1),
    k: () => list.step(-1),
    "?": () => $("help").showModal(),
    "/": () => {
      openFilters(true);
      form.query.focus();
    },
  }[event.key];
  if (act) {
    event.preventDefault();
    act();
  } else if (event.target === document.body) onListKey(view, event);
}
