// The index of the cases: find, show or hide data sets, and show the scores of one model. scores.js has SCORES:
// experiment -> metric -> one score per row, in the printed order.
"use strict";

const cases = [...document.querySelectorAll("#cases tbody tr")];
const find = document.getElementById("find"), model = document.getElementById("model"), training = document.getElementById("training");
const chips = [...document.querySelectorAll(".chip[data-dataset]")];

function filterCases() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const datasets = new Set(chips.filter((chip) => chip.ariaPressed === "true").map((chip) => chip.dataset.dataset));
  const tested = SCORES[model.value]?.DSC;
  for (const row of cases) {
    const fits = datasets.has(row.dataset.dataset) && words.every((word) => row.dataset.words.includes(word));
    row.hidden = !fits || Boolean(tested && tested[row.dataset.place] === null);
  }
  document.getElementById("shown").textContent = `${cases.filter((row) => !row.hidden).length} of ${cases.length} shown`;
}

function choose() {
  const scores = SCORES[model.value];
  for (const cell of document.querySelectorAll(".chosen")) cell.hidden = !scores;
  for (const row of scores ? cases : []) {
    [...row.querySelectorAll("td.chosen")].forEach((cell, column) => {
      const value = Object.values(scores)[column][row.dataset.place];
      cell.textContent = value === null ? "" : value.toFixed(3);
    });
  }
  const trained = model.selectedOptions[0].dataset.model;  // empty for what was predicted elsewhere
  training.hidden = !(scores && trained);
  if (trained) training.hash = `${trained}/fold0`;
  filterCases();
}

find.addEventListener("input", filterCases);
model.addEventListener("change", choose);
for (const chip of chips) {
  chip.addEventListener("click", () => {
    chip.ariaPressed = chip.ariaPressed !== "true";
    filterCases();
  });
}
choose();  // a browser that goes back keeps what was chosen
