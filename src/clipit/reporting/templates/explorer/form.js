function options(names) {
  return names.map((name, i) => make("option", { value: String(i) }, name));
}

/** Fills the form's lists for a collection; a class or split without images is not offered. */
function fillForm(form, collection) {
  const offered = (numbers, names) => {
    const times = names.map(() => 0);
    for (const number of numbers) times[number]++;
    return options(names.map((name, i) => `${name} (${count(times[i])})`)).filter((_, i) => times[i]);
  };
  const all = () => make("option", { value: "" }, "all");
  form.method.replaceChildren(...options(collection.methods));
  form.class.replaceChildren(all(), ...offered(collection.images.class, collection.dataset.classes));
  form.split.replaceChildren(all(), ...offered(collection.images.split, collection.splits));
  $("class-label").textContent = collection.dataset.weak ? "Class (weak labels)" : "Class";
  form.low.value = form.high.value = "";
}

/** Shows the least and greatest similarity where a bound may be written. */
function hintRange(form, collection, method) {
  const [low, high] = collection.range(method);
  form.low.placeholder = (Math.floor(low * 100) / 100).toFixed(2);
  form.high.placeholder = (Math.ceil(high * 100) / 100).toFixed(2);
}

const FILTERS = ["query", "class", "split", "low", "high", "order"];

function clearFilters(form) {
  for (const name of FILTERS) form[name].value = "";
}

function anyFilter(form) {
  return FILTERS.some((name) => form[name].value !== "");
}
