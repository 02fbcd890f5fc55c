// The numbers of a case beside its pictures: scores, the fold, lesions, and the error of every slice.
"use strict";

covidseg.numbers = (() => {
  const ROWS = [
    ["DSC", 3], ["NSD", 3], ["Sensitivity", 3], ["Precision", 3], ["volume_prediction_mL", 0], ["volume_error_mL", 0],
  ];
  const BETTER = ["DSC", "NSD", "Sensitivity", "Precision"];

  function element(tag, options = {}, ...children) {
    const made = document.createElement(tag);
    const { className, ...attributes } = options;
    if (className) made.className = className;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const number = (value, digits) => value.toFixed(digits).replace("-", "−");
  const signed = (value, digits) => (value > 0 ? "+" : "") + number(value, digits);
  const millilitres = (value) => number(value, Math.abs(value) >= 10 ? 0 : 1);

  function row(name, label, digits, both) {
    const known = both.map((scores) => scores?.[name] ?? null);
    const best = BETTER.includes(name) && known.every((value) => value !== null) ? Math.max(...known) : null;
    const cells = known.map((value, n) => {
      if (value === null) return element("td", { className: "right" }, "–");
      const words = name === "volume_error_mL" ? (value > 0 ? "+" : "") + millilitres(value)
        : name.startsWith("volume") ? millilitres(value) : number(value, digits);
      const cell = element("td", { className: value === best && known[0] !== known[1] ? "right best" : "right" }, words);
      const share = both[n].volume_error_relative;
      if (name === "volume_error_mL" && share !== null) cell.append(" ", element("small", {}, `${signed(100 * share, 0)}%`));
      return cell;
    });
    return element("tr", {}, element("th", { scope: "row" }, label), ...cells);
  }

  // models: [{letter, title, fold, scores, among}], A and B; among: DSC of all cases of the fold
  function scores(box, models, tolerance) {
    const heads = models.map((model) => element("th", { scope: "col", className: "right" }, model.letter, element("br"), model.title));
    const labels = { NSD: `NSD, ${tolerance} mm`, volume_prediction_mL: "Volume, mL", volume_error_mL: "Error, mL" };
    const both = models.map((model) => model.scores);
    const rows = ROWS.filter(([name]) => both.some((found) => (found?.[name] ?? null) !== null))
      .map(([name, digits]) => row(name, labels[name] ?? name, digits, both));
    box.replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, element("td"), ...heads)), element("tbody", {}, ...rows)));
  }

  // Fills a table's body with one row per prediction and region; data: as of the page.
  function predictions(body, data) {
    const cell = (value, digits, without) => element("td", { className: "right" }, value === null ? without : number(value, digits));
    const of = (values, name) => values[data.metrics.indexOf(name)];
    for (const { experiment, title, folds } of data.methods) for (const fold of folds) {
      const key = `${experiment}/fold${fold}`, link = `#b=${encodeURIComponent(experiment)}/fold${fold}`;
      for (const [region, values] of Object.entries(data.scores[key]))
        body.append(element("tr", {}, element("td", {}, title), element("td", {}, fold), element("td", {}, region.replaceAll("_", " ")),
          cell(of(values, "DSC"), 3, "not defined"), cell(of(values, "NSD"), 3, "not defined"), cell(of(values, "volume_prediction_mL"), 1, "–"),
          element("td", {}, element("a", { href: link }, "Show as B"))));
    }
  }

  const SVG = "http://www.w3.org/2000/svg";
  function shape(tag, attributes, words) {
    const made = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (words !== undefined) made.textContent = words;
    return made;
  }

  // Draws the DSC of all cases of each model's fold, with this case filled.
  function among(box, note, models) {
    const picture = shape("svg", { viewBox: "0 0 320 92", role: "img" }), x = (value) => 26 + 280 * value, said = [];
    models.forEach((model, n) => {
      const y = 22 + 34 * n, own = model.scores?.DSC ?? null, fold = model.among.filter((value) => value !== null);
      picture.append(shape("text", { x: 4, y: y + 4 }, model.letter), shape("line", { x1: x(0), x2: x(1), y1: y, y2: y, class: "rule" }));
      for (const value of fold) picture.append(shape("circle", { cx: x(value), cy: y, r: 4.5, class: "dot" }));
      if (own === null) return;
      picture.append(shape("circle", { cx: x(own), cy: y, r: 5, class: "own" }), shape("text", { x: x(own), y: y - 9, "text-anchor": "middle", class: "value-label" }, number(own, 2)));
      said.push(`${model.letter} ${number(own, 2)}, number ${fold.filter((value) => value > own).length + 1} of ${fold.length}`);
    });
    for (const value of [0, 0.25, 0.5, 0.75, 1]) picture.append(shape("text", { x: x(value), y: 82, "text-anchor": "middle" }, value));
    picture.setAttribute("aria-label", `DSC of this case among its fold: ${said.join("; ")}`);
    const counts = models.map((model) => `${model.among.length} cases of fold ${model.fold}`);
    note.textContent = `DSC of the ${[...new Set(counts)].join(" (A) and of the ")}${counts[0] === counts[1] ? "" : " (B)"}; this case is filled.`;
    box.replaceChildren(picture);
  }

  function found(share, overlap) {
    const cell = element("td"), bar = element("progress", { max: 1, value: share, "aria-hidden": "true" });
    cell.append(bar, " ", share < overlap || !share ? element("b", {}, "missed") : `${Math.round(100 * share)}%`);
    if (share && share < overlap) cell.append(` ${number(100 * share, 0)}%`);
    return cell;
  }

  // lesions: [{ml, voxel}]; shares: of A and of B, or undefined; go(voxel) moves the viewer
  function lesions(box, found_by, { list, overlap, go }) {
    if (!list?.length) return box.replaceChildren(element("p", { className: "small" }, "The annotation has no lesion."));
    const head = ["mL", "found by A", "found by B"].map((words, n) => element("th", { scope: "col", className: n ? "" : "right" }, words));
    const rows = list.map((lesion, n) => {
      const button = element("button", { type: "button", className: "go", "aria-label": `Go to lesion ${n + 1}, ${millilitres(lesion.ml)} mL` }, number(lesion.ml, lesion.ml >= 10 ? 0 : 1));
      button.addEventListener("click", () => go(lesion.voxel));
      const shares = found_by.map((shares) => (shares ? found(shares[n], overlap) : element("td", {}, "–")));
      return element("tr", {}, element("td", { className: "right" }, button), ...shares);
    });
    const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
    box.replaceChildren(element("div", { className: "lesions", tabindex: 0, role: "region", "aria-label": "Lesions" }, table),
      element("p", { className: "small" }, `A lesion is missed if less than ${Math.round(100 * overlap)}% of it is marked.`));
  }

  // Draws missed and wrong mL of each slice: A up, B down. errors: [{missed, wrong}, ...], or undefined.
  function strip(canvas, errors, slice) {
    const ratio = Math.min(window.devicePixelRatio || 1, 2), width = canvas.clientWidth, height = canvas.clientHeight;
    Object.assign(canvas, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const pen = canvas.getContext("2d"), known = errors.filter(Boolean), count = known[0]?.missed.length ?? 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const highest = Math.max(0.001, ...known.flatMap(({ missed, wrong }) => missed.map((value, z) => value + wrong[z])));
    const left = 26, step = (width - left - 8) / count, middle = height / 2, unit = (middle - 6) / highest, bar = Math.max(1, step * 0.72);
    pen.fillStyle = "rgba(255, 255, 255, 0.16)";
    pen.fillRect(left + slice * step, 2, Math.max(step, 2), height - 4);
    const pattern = pen.createPattern(covidseg.draw.hatch(), "repeat");
    errors.forEach((error, side) => {
      const sign = side ? 1 : -1;
      error?.missed.forEach((missed, z) => {
        const x = left + (z + 0.5) * step - bar / 2, first = missed * unit, second = error.wrong[z] * unit;
        pen.fillStyle = covidseg.draw.MISSED;
        pen.fillRect(x, middle, bar, sign * first);
        pen.fillStyle = pattern;
        pen.fillRect(x, middle + sign * first, bar, sign * second);
      });
    });
    pen.fillStyle = "#8E97A3";
    pen.fillRect(left, middle - 0.75, width - left - 8, 1.5);
    pen.fillStyle = "#C9CFD6";
    pen.font = "12px system-ui, sans-serif";
    pen.fillText("A", 6, middle / 2 + 4);
    pen.fillText("B", 6, middle * 1.5 + 4);
    return { left, step };
  }

  // Copies the address of the view, and says so on the button.
  async function copyAddress(button, hash) {
    const words = button.textContent;
    history.replaceState(null, "", hash);
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    button.textContent = copied ? "Copied" : "It is in the address bar";
    setTimeout(() => { button.textContent = words; }, 2000);
  }

  return { scores, predictions, among, lesions, strip, copyAddress, element, number, millilitres };
})();
