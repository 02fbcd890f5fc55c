// What every page does: theme, search.
"use strict";

const root = document.body.dataset.root;

document.getElementById("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).getPropertyValue("color-scheme") === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const next = dark ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try { localStorage.setItem("covidseg-theme", next); } catch { /* as in theme.js */ }
});

// window.SEARCH, in search-index.js: [{title, kind, page}, ...]
const field = document.getElementById("search"), found = document.getElementById("found");

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const hits = words.length
    ? (window.SEARCH || []).filter((entry) => words.every((word) => `${entry.title} ${entry.kind}`.toLowerCase().includes(word)))
    : [];
  found.replaceChildren(...hits.slice(0, 12).map((entry) => {
    const item = document.createElement("li"), link = document.createElement("a"), kind = document.createElement("small");
    link.href = root + entry.page;
    link.textContent = entry.title;
    kind.textContent = entry.kind;
    item.append(link, kind);
    return item;
  }));
  if (words.length && !hits.length) {
    const item = document.createElement("li");
    item.textContent = "Nothing found";
    found.append(item);
  }
  found.hidden = !words.length;
}
field.addEventListener("input", search);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !/input|select|textarea/i.test(event.target.tagName)) {
    event.preventDefault();
    field.focus();
  }
  if (event.key === "Escape") { field.value = ""; search(); }
});
