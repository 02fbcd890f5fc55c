// Tables of a paper: sorted and filtered by DataTables, with strategies as blocks until a column is sorted.
"use strict";

const narrow = matchMedia("(max-width: 640px)");
const LANGUAGE = { emptyTable: "No rows", zeroRecords: "No row is left; press a chip" };

function blocksOf(element) {
  return (rows, number) => {
    const template = document.getElementById(`${element.id}-block-${number}`);
    return template ? template.content.cloneNode(true).firstElementChild : "";
  };
}

// Numbers of which some are missing: missing ones stay at the end, whatever the order.
function byNumber(sign) {
  return (a, b) => (a === "" || b === "" ? (a === "") - (b === "") : sign * (a - b));
}
Object.assign(DataTable.ext.type.order, { "number-asc": byNumber(1), "number-desc": byNumber(-1) });

// A table of scores: column 0 has the number of the row's block.
function scoreTable(element) {
  const sortable = [...element.tHead.rows[0].cells].flatMap((cell, column) => (cell.scope === "col" ? [column] : []));
  const table = new DataTable(element, {
    paging: false, info: false, searching: true, layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    autoWidth: false, order: [], language: LANGUAGE,
    columnDefs: [
      { targets: 0, visible: false },
      { targets: sortable, orderable: true },  // the first entry that names a column holds
      { targets: "_all", orderSequence: ["desc", "asc", ""], orderable: false },
    ],
    rowGroup: element.querySelector(".strategy") ? { dataSrc: 0, startRender: blocksOf(element) } : false,
  });
  table.on("order", () => {
    const sorted = table.order().some(([, direction]) => direction);
    element.classList.toggle("sorted", sorted);
    if (element.querySelector(".strategy")) table.rowGroup()[sorted ? "disable" : "enable"]();
  });
  table.search.fixed("chips", (text, data, index) => {
    const row = table.row(index).node();
    return hidden(element.id, "strategy", row.dataset.strategy) || hidden(element.id, "source", row.dataset.source) ? false : true;
  });
  element.tBodies[0].addEventListener("click", (event) => {
    const button = event.target.closest(".open");
    if (button) toggle(table, button);
  });
  return table;
}

// Returns the content of an open row. A pointer on a patient shows what a screen reader says.
function opened(template) {
  const content = template.content.cloneNode(true).firstElementChild;
  for (const link of content.querySelectorAll(".patients a")) {
    link.append(document.createElementNS(link.namespaceURI, "title"));
    link.lastChild.textContent = link.getAttribute("aria-label");
  }
  return content;
}

function toggle(table, button) {
  const row = table.row(button.closest("tr")), node = row.node();
  const opens = !row.child.isShown();
  if (opens) row.child(opened(document.getElementById(node.dataset.key))).show();
  else row.child.hide();
  node.classList.toggle("opened", opens);
  button.setAttribute("aria-expanded", opens);
}

function hidden(table, kind, value) {
  return [...document.querySelectorAll(`.chip[data-table="${table}"][data-kind="${kind}"]`)]
    .some((chip) => chip.dataset.value === value && chip.getAttribute("aria-pressed") === "false");
}

function showMeasures(element, table, button) {
  for (const other of button.parentElement.children) other.setAttribute("aria-pressed", other === button);
  const shown = new Set(button.dataset.measures.trim().split(" "));
  table.columns().every(function () {
    const measure = /measure-(\d+)/.exec(this.header().className);
    if (measure) this.visible(shown.has(measure[1]), false);
  });
}

const tables = new Map();
for (const element of document.querySelectorAll("table.scores")) tables.set(element.id, scoreTable(element));
for (const element of document.querySelectorAll("table.words")) {
  new DataTable(element, {
    paging: false, info: false, searching: false, autoWidth: false, order: [], language: LANGUAGE,
    layout: { topStart: null, topEnd: null, bottomStart: null, bottomEnd: null },
    columnDefs: [{ targets: "_all", orderSequence: ["asc", "desc", ""] }],
  });
}

for (const chip of document.querySelectorAll(".chip[data-kind]")) {
  chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true");
    tables.get(chip.dataset.table).draw();
  });
}
for (const button of document.querySelectorAll("[data-measures]")) {
  button.addEventListener("click", () => showMeasures(document.getElementById(button.dataset.table), tables.get(button.dataset.table), button));
}
function fitMeasures() {
  for (const group of document.querySelectorAll(narrow.matches ? ".phone-only" : ".wide-only")) {
    group.querySelector('[aria-pressed="true"]')?.click();
  }
  for (const group of narrow.matches ? [] : document.querySelectorAll(".phone-only")) {
    const id = group.querySelector("button").dataset.table;
    if (!group.previousElementSibling?.matches(".wide-only")) tables.get(id).columns().every(function () {
      if (/measure-/.test(this.header().className)) this.visible(true, false);
    });
  }
}
narrow.addEventListener("change", fitMeasures);
fitMeasures();

for (const button of document.querySelectorAll(".picture")) {
  button.addEventListener("click", () => document.getElementById(button.dataset.picture).showModal());
}

// The contents say which section is read.
const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((one) => one.isIntersecting)) {
    for (const [id, link] of links) link.toggleAttribute("aria-current", id === entry.target.id);
  }
}, { rootMargin: "0px 0px -70% 0px" });
for (const section of document.querySelectorAll(".sections > section")) watcher.observe(section);
