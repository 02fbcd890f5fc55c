// The filter by verdict hides claims, and papers without claims that are left.
"use strict";

const filter = document.getElementById("verdict-filter");

function show(verdict) {
  for (const button of filter.querySelectorAll("button")) button.setAttribute("aria-pressed", button.dataset.verdict === verdict);
  for (const claim of document.querySelectorAll(".claim")) claim.hidden = Boolean(verdict) && claim.dataset.verdict !== verdict;
  for (const group of document.querySelectorAll(".unmeasured, .claims")) group.hidden = !group.querySelector(".claim:not([hidden])");
}
filter?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) show(button.dataset.verdict);
});

// A link to a claim opens its line, and the group that the line stands in.
function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  for (let part = target?.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
  if (target?.matches(".claim")) target.scrollIntoView();
}
addEventListener("hashchange", openTarget);
openTarget();
