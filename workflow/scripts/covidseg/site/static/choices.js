// Chips hide the choices that are of no chosen kind, and tables without rows.
"use strict";

const marks = document.getElementById("marks");

marks.addEventListener("click", (event) => {
  const chip = event.target.closest("button");
  if (!chip) return;
  chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") !== "true");
  const shown = [...marks.querySelectorAll('[aria-pressed="true"]')].map((each) => each.dataset.mark);
  for (const row of document.querySelectorAll("tr[data-marks]")) {
    row.hidden = !row.dataset.marks.split(" ").some((mark) => shown.includes(mark));
  }
  for (const part of document.querySelectorAll(".choices")) part.hidden = !part.querySelector("tr[data-marks]:not([hidden])");
});
