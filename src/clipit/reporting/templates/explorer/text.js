/**
 * A new element. `about` sets properties, attributes (with a hyphen, or `role`) and listeners (`onclick`); children
 * are elements or text. Text only ever enters the page as text: nothing here, or elsewhere, parses HTML.
 */
function make(tag, about = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name === "role" || name.includes("-")) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const EDGE = 260; // characters of a long report that are shown before and after the passage
const LONG = 1100; // characters from which a report is long

/** The part of a text to show at first: all of it, or what is around a passage, from word to word. */
function excerpt(text, start, stop) {
  if (text.length <= LONG) return [0, text.length];
  let from = Math.max(0, start - EDGE);
  let to = Math.min(text.length, stop + EDGE);
  while (from > 0 && /\S/.test(text[from - 1])) from--;
  while (to < text.length && /\S/.test(text[to])) to++;
  return [from, to];
}

/** Where a text holds what is searched for, as [start, stop], in capitals or not, from one line to the next too. */
function hitsIn(text, query) {
  if (!query) return [];
  const literally = query.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&").replace(/\s+/g, "\\s+");
  return Array.from(text.matchAll(new RegExp(literally, "giu")), (hit) => [hit.index, hit.index + hit[0].length]);
}

/** The text from `from` to `to`, with the passage marked and what was searched for emphasised. */
function marked(text, from, to, start, stop, query) {
  while (stop > start && /\s/.test(text[stop - 1])) stop--;
  const hits = hitsIn(text, query);
  const cut = (first, last) => {
    const pieces = [];
    let at = Math.max(first, from);
    for (const [a, b] of [...hits, [Infinity, Infinity]]) {
      const end = Math.min(last, to);
      const plain = text.slice(at, Math.min(Math.max(a, at), end));
      const hit = text.slice(Math.max(a, at), Math.min(b, end));
      if (plain) pieces.push(plain);
      if (hit) pieces.push(make("em", { className: "hit" }, hit));
      at = Math.max(at, Math.min(b, end));
    }
    return pieces;
  };
  const found = document.createDocumentFragment();
  if (from > 0) found.append("… ");
  found.append(...cut(from, start));
  if (stop > start) found.append(make("mark", {}, ...cut(start, stop)));
  found.append(...cut(Math.max(start, stop), to));
  if (to < text.length) found.append(" …");
  return found;
}

const count = (n) => n.toLocaleString("en");
const plural = (n, what) => `${count(n)} ${what}${n === 1 ? "" : "s"}`;
const figure = (x) => (x === null ? "–" : x.toFixed(3));
/** A score has the scale of its method. */
const score = (x) => (x === null ? "–" : String(Number(x.toPrecision(3))));
const share = (x) => `${Math.round(100 * x)}%`;
