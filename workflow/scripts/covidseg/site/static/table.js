// Tables that a reader sorts: the first click on a heading sorts upwards, the second downwards, the third restores the
// printed order. Empty cells stay at the end.
"use strict";

function sortKey(row, column) {
  const cell = row.cells[column];
  return (cell.dataset.value ?? cell.textContent).trim();
}

function compareKeys(a, b) {
  return a && b && Number.isFinite(+a) && Number.isFinite(+b) ? a - b : a.localeCompare(b, "en", { numeric: true });
}

function sortRows(body, printed, column, order) {
  const rows = printed.map((row) => [sortKey(row, column), row]);
  const filled = rows.filter(([key]) => key), empty = rows.filter(([key]) => !key);
  const sign = order === "descending" ? -1 : 1;
  if (order !== "none") filled.sort(([a], [b]) => sign * compareKeys(a, b));
  body.append(...(order === "none" ? printed : [...filled, ...empty].map(([, row]) => row)));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], printed = [...body.rows], heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const next = { none: "ascending", ascending: "descending", descending: "none" }[head.ariaSort];
    for (const other of heads) if (other.ariaSort) other.ariaSort = "none";
    head.ariaSort = next;
    sortRows(body, printed, column, next);
  }));
}
