// The page of the trainings: the filters, and the curves that are compared.
"use strict";

const narrow = matchMedia("(max-width: 640px)");
const curves = new Map();  // name -> {title, curves: {title: [epochs, values]}}; files/<name>/curves.js fills it
const rows = new Map([...document.querySelectorAll("#trainings tbody tr")].map((row) => [row.dataset.name, row]));
const pinned = new Set();

// Filters. Everything with data-source is shown or hidden; what has no fold (a mean) fits every fold.
const filters = document.getElementById("filters");
let fold = "all";

function filter() {
  const chosen = (name) => new Set([...filters.querySelectorAll(`[name=${name}]:checked`)].map((box) => box.value));
  const groups = chosen("group"), sources = chosen("source");
  const fits = ({ group, source, fold: own }) => groups.has(group) && sources.has(source) && (fold === "all" || !own || own === fold);
  for (const part of document.querySelectorAll("[data-source]")) part.toggleAttribute("hidden", !fits(part.dataset));
  for (const panel of document.querySelectorAll("[data-panel]")) panel.hidden = !panel.querySelector(".fold:not([hidden])");
  document.body.classList.toggle("one-fold", fold !== "all");
  const shown = [...rows.values()].filter((row) => !row.hidden).length;
  document.getElementById("shown").textContent = `${shown} of ${rows.size} shown`;
}

function choose(next) {
  fold = next;
  for (const button of filters.querySelectorAll("[data-choose]")) button.ariaPressed = button.dataset.choose === fold;
  filter();
}

filters.addEventListener("change", filter);
filters.addEventListener("submit", (event) => event.preventDefault());
for (const button of filters.querySelectorAll("[data-choose]")) button.addEventListener("click", () => choose(button.dataset.choose));

if (narrow.matches) filters.parentElement.open = false;

// Pins. A script brings the curves, because browsers forbid a page from disk to fetch its neighbours.
function load(name) {
  return new Promise((done) => {
    if (curves.has(name)) { done(); return; }
    const script = document.createElement("script");
    script.src = rows.get(name).dataset.curves;
    script.onload = script.onerror = done;
    document.head.append(script);
  });
}

const DASHES = [["solid", ""], ["dash", "6 3"], ["dot", "2 2"], ["dashdot", "6 2 2 2"], ["longdash", "9 4"]];

// Colour is the strategy's; trainings of one colour differ in their dashes.
function looks() {
  const seen = {};
  return [...pinned].map((name) => {
    const row = rows.get(name), colour = getComputedStyle(row.querySelector(".swatch")).backgroundColor;
    const dash = DASHES[(seen[colour] = (seen[colour] ?? -1) + 1) % DASHES.length];
    return { name, title: row.dataset.title, colour, dash: dash[0], dashes: dash[1] };
  });
}

function chip(look) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "chip";
  const line = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  line.setAttribute("viewBox", "0 0 24 6");
  line.setAttribute("width", "24");
  line.setAttribute("height", "6");
  line.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({ d: "M0 3h24", stroke: look.colour, "stroke-width": 2.5, "stroke-dasharray": look.dashes })) path.setAttribute(key, value);
  line.append(path);
  const cross = document.createElement("span");
  cross.textContent = "×";
  button.append(line, look.title, cross);
  button.setAttribute("aria-label", `Unpin ${look.title}`);
  button.addEventListener("click", () => toggle(look.name));
  return button;
}

function toggle(name) {
  if (!pinned.delete(name)) pinned.add(name);
  draw();
}

// The theme's colours, which Plotly does not read from the style sheet.
function inks() {
  const probe = document.body.appendChild(document.createElement("i"));
  const found = { family: getComputedStyle(document.body).fontFamily };
  for (const name of ["third", "second", "line", "card", "ink"]) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}

// Labels at the ends of the curves, moved apart by pixels of the plot.
function endLabels(traces, range, height, ink) {
  const pixel = (value) => height * (range[1] - value) / (range[1] - range[0]);
  let above = -Infinity;
  return traces.map((trace) => ({ trace, y: trace.y.at(-1) })).sort((a, b) => b.y - a.y).map(({ trace, y }) => {
    const place = Math.max(pixel(y), above + 14);
    above = place;
    return { x: trace.x.at(-1), y, yshift: pixel(y) - place, xshift: 6, xanchor: "left", text: `<span style="color:${trace.line.color}">●</span> ${trace.label}`, showarrow: false, font: { color: ink.second, size: 11 } };
  });
}

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

function figure(title, traces, ink, first) {
  const labelled = first && !narrow.matches;
  const frame = document.createElement("figure"), caption = document.createElement("figcaption"), place = document.createElement("div");
  frame.className = first ? "plot wide-plot" : "plot";
  caption.textContent = title;
  place.setAttribute("role", "img");
  place.setAttribute("aria-label", `${title}: ${traces.map((trace) => `${trace.plain} ends at ${trace.y.at(-1)}`).join("; ")}`);
  frame.append(caption, place);
  const values = traces.flatMap((trace) => trace.y), low = Math.min(...values), high = Math.max(...values);
  const pad = (high - low || Math.abs(high) || 1) * 0.08, range = [low - pad, high + pad];
  const epochs = traces.flatMap((trace) => trace.x), ends = [Math.min(...epochs), Math.max(...epochs)];
  const height = 200, margin = { l: 46, r: labelled ? 210 : 12, t: 6, b: 30 };
  const axis = { gridcolor: ink.line, zeroline: false, tickfont: { size: 11 }, fixedrange: false };
  return [frame, () => Plotly.newPlot(place, traces, {
    height, margin, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false, hovermode: "x unified",
    font: { family: ink.family, size: 11, color: ink.third }, hoverlabel: { bgcolor: ink.card, bordercolor: ink.line, font: { color: ink.ink } },
    xaxis: { ...axis, showgrid: false, range: ends[0] < ends[1] ? ends : [ends[0] - 1, ends[1] + 1], title: { text: "Epoch", standoff: 4, font: { size: 11 } } }, yaxis: { ...axis, range },
    annotations: labelled ? endLabels(traces, range, height - margin.t - margin.b, ink) : [],
  }, { displayModeBar: false, responsive: true })];
}

function tracesOf(title, all) {
  return all.filter((look) => curves.get(look.name)?.curves[title]).map((look) => {
    const [x, y] = curves.get(look.name).curves[title];
    return {
      x, y, plain: look.title, label: escaped(look.title.replace(/, fold \d+$/, "")), name: escaped(look.title),
      mode: x.length > 1 ? "lines" : "markers", line: { color: look.colour, dash: look.dash, width: 2 }, hovertemplate: "%{y:.4g}",
    };
  });
}

let drawing = 0;

async function draw() {
  const own = ++drawing;
  await Promise.all([...pinned].map(load));
  if (own !== drawing) return;  // the pins have changed meanwhile
  const all = looks(), ink = inks();
  document.getElementById("pins").replaceChildren(...all.map(chip));
  document.getElementById("count").textContent = all.length;
  for (const [name, row] of rows) {
    const button = row.querySelector(".pin");
    button.ariaPressed = pinned.has(name);
    button.firstElementChild.textContent = pinned.has(name) ? "Pinned" : "Pin";
  }
  for (const part of document.querySelectorAll(".fold")) part.classList.toggle("pinned", pinned.has(part.dataset.name));
  const titles = new Set(all.flatMap((look) => Object.keys(curves.get(look.name)?.curves ?? {})));
  const figures = [...titles].map((title, place) => figure(title, tracesOf(title, all), ink, place === 0));
  document.getElementById("plots").replaceChildren(...figures.map(([frame]) => frame));
  await covidseg.plotly();
  if (own === drawing) for (const [, plot] of figures) plot();
}

document.addEventListener("click", (event) => {
  const part = event.target.closest(".pin, .fold");
  if (part) toggle(part.closest("[data-name]").dataset.name);
});

// #<model>/fold<k> names a training: the page pins it, shows its row, and scrolls there.
async function follow(alone) {
  const name = decodeURIComponent(location.hash.slice(1)), row = rows.get(name);
  if (!row) return false;
  if (alone) pinned.clear();
  if (row.hidden) { filters.reset(); choose("all"); }
  pinned.add(name);
  await draw();
  row.scrollIntoView({ block: "center" });
  return true;
}

// The curves have the theme's colours.
new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
addEventListener("hashchange", () => follow(false));

follow(true).then((found) => {
  if (found) return;
  for (const name of JSON.parse(document.getElementById("compared").dataset.pinned)) pinned.add(name);
  draw();
});
