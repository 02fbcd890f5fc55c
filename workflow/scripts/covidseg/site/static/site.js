// What every page does: theme, menu, search, the commit in the banner.
"use strict";

const root = document.body.dataset.root;

document.getElementById("theme").addEventListener("click", () => {
  const page = document.documentElement;
  const dark = (page.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  page.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("covidseg-theme", page.dataset.theme); } catch { /* as in theme.js */ }
});

// On a narrow window the navigation and the search stand behind buttons.
function opens(button, part) {
  button.addEventListener("click", () => {
    const open = part.classList.toggle("open");
    button.setAttribute("aria-expanded", open);
    if (open) part.querySelector("input, a").focus();
  });
}
opens(document.getElementById("open-menu"), document.getElementById("navigation"));
opens(document.getElementById("open-search"), document.getElementById("search-form"));

// window.RUN, in run.js, is written after the last job of a run: {commit, ...}
for (const place of document.querySelectorAll(".commit")) {
  if (!window.RUN?.commit) continue;
  place.textContent = `commit ${window.RUN.commit.slice(0, 7)}`;
  place.hidden = false;
}

// window.SEARCH, in search-index.js: [{title, kind, page}, ...]
const field = document.getElementById("search"), found = document.getElementById("found");
const MOST = 12;

// The smaller, the better: the words at the start of the title, then whole words, then parts of words.
function rank(entry, text) {
  const title = entry.title.toLowerCase();
  if (title.startsWith(text)) return 0;
  return ` ${title} `.includes(` ${text} `) ? 1 : 2;
}

function hits(text) {
  const words = text.split(/\s+/).filter(Boolean);
  const fits = (entry) => words.every((word) => `${entry.title} ${entry.kind}`.toLowerCase().includes(word));
  return words.length ? (window.SEARCH || []).filter(fits).sort((a, b) => rank(a, text) - rank(b, text)) : [];
}

function item(entry) {
  const line = document.createElement("li"), link = document.createElement("a"), kind = document.createElement("small");
  link.href = root + entry.page;
  link.textContent = entry.title;
  kind.textContent = entry.kind;
  link.append(kind);
  line.append(link);
  return line;
}

function search() {
  const text = field.value.trim().toLowerCase(), all = hits(text);
  found.querySelector("ul").replaceChildren(...all.slice(0, MOST).map(item));
  found.querySelector("p").textContent = all.length > MOST ? `${MOST} of ${all.length} found` : `${all.length || "Nothing"} found`;
  found.hidden = !text;
}

// Arrow keys go through the links that were found; Enter in the field opens the first.
function walk(event) {
  const links = [...found.querySelectorAll("a")], place = links.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && links.length) {
    event.preventDefault();
    (links[place + step] || (step < 0 ? field : links[links.length - 1])).focus();
  } else if (event.key === "Enter" && event.target === field && links.length) {
    links[0].click();
  } else if (event.key === "Escape") {
    field.value = "";
    search();
    field.blur();
  }
}

const form = document.getElementById("search-form");
field.addEventListener("input", search);
field.addEventListener("focus", search);
form.addEventListener("keydown", walk);
form.addEventListener("focusout", (event) => { if (!form.contains(event.relatedTarget)) found.hidden = true; });
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /input|select|textarea/i.test(event.target.tagName)) return;
  event.preventDefault();
  form.classList.add("open");
  field.focus();
});
