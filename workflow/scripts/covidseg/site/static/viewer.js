// The viewer of a case: its state, its controls, and what they change.
"use strict";

(() => {
  const { draw, numbers, space } = covidseg, { element } = numbers;
  const get = (id) => document.getElementById(id);
  const data = JSON.parse(get("case-data").textContent);
  const root = document.body.dataset.root, LAYOUTS = ["side", "overlaid", "3d"], WINDOWS = ["lung", "mediastinum", "wide"];
  const step = data.spacing.map((mm, axis) => (axis ? mm * data.factor : mm)), inHU = data.kind === "hounsfield";
  const methodOf = (name) => data.methods.find((method) => method.experiment === name);
  const lesionRegion = data.regions.find(({ name }) => data.lesions[name]) ?? data.regions[0];

  // voxel: (z, y, x) of the viewer's own voxels; a, b: {method, fold, mask, regions}; truth: the annotation;
  // strip: where the strip of errors has its slices
  const state = {
    layout: "side", window: "lung", opacity: 0.8, shown: true, plane: "axial", region: lesionRegion,
    voxel: data.size.map((count) => count >> 1), a: null, b: null, truth: null, strip: null,
  };
  let scan, lungs, folds, pending = false, written = 0;
  const canvases = {};

  const toOwn = (voxel) => voxel.map((place, axis) =>
    Math.min(data.size[axis] - 1, Math.max(0, Math.floor((place - data.start[axis]) / (axis ? data.factor : 1)))));
  const toScan = (voxel) => voxel.map((place, axis) =>
    Math.min(data.shape[axis] - 1, data.start[axis] + (axis ? place * data.factor + (data.factor >> 1) : place)));
  const keyOf = ({ method, fold }) => `${method.experiment}/fold${fold}`;
  const errorsOf = (side) => state[side]?.regions[state.region.name];

  function go(voxel) { state.voxel = toOwn(voxel); refresh(); }

  // ---- models

  async function choose(side, experiment, fold) {
    const method = methodOf(experiment) ?? methodOf(data.chosen[side === "a" ? 0 : 1]);
    fold = method.folds.includes(fold) ? fold : method.folds[0];
    const wanted = (state[`${side}Wanted`] = `${method.experiment}/fold${fold}`);
    const content = await covidseg.load(`${data.folder}/${method.file}`, method.experiment);
    const mask = await covidseg.masks(content.masks, method.labels, data.size, method.folds.indexOf(fold) * method.labels.length);
    if (state[`${side}Wanted`] !== wanted) return;
    state[side] = { method, fold, mask, regions: inMillilitres(content.folds[fold]) };
    showChoice(side);
  }

  function inMillilitres(regions) {
    const volume = (count) => count * data.voxel_ml;
    return Object.fromEntries(Object.entries(regions).map(([name, { missed, wrong, found }]) =>
      [name, { missed: missed.map(volume), wrong: wrong.map(volume), found }]));
  }

  function showChoice(side) {
    const { method, fold } = state[side], folds = get(`${side}-fold`);
    get(side).value = method.experiment;
    folds.replaceChildren(...method.folds.map((number) => element("option", { value: number }, `fold ${number}`)));
    folds.value = fold;
    get(`path-${side}`).textContent = `results/predictions/${keyOf(state[side])}/${data.dataset}/${data.case}.nii.gz`;
  }

  // ---- the address of the view

  function readAddress() {
    const found = new URLSearchParams(location.hash.slice(1)), loads = [];
    const other = { a: data.chosen[0], b: data.chosen[1] };
    const second = other.a === other.b ? methodOf(other.b).folds[1] : undefined;  // with one method alone, another fold
    for (const side of ["a", "b"]) {
      const [, experiment, fold] = /^(.*)\/fold(\d+)$/.exec(found.get(side) ?? "") ?? [];
      if (experiment || !state[side]) loads.push(choose(side, experiment ?? other[side], fold === undefined ? side === "b" ? second : undefined : Number(fold)));
    }
    if (LAYOUTS.includes(found.get("layout"))) state.layout = found.get("layout");
    if (inHU && WINDOWS.includes(found.get("window"))) state.window = found.get("window");
    state.region = data.regions.find(({ name }) => name === found.get("region")) ?? state.region;
    const voxel = (found.get("voxel") ?? "").split(",").map(Number);
    if (voxel.length === 3 && voxel.every(Number.isInteger)) state.voxel = toOwn(voxel);
    return Promise.all(loads);
  }

  function address(voxel = true) {
    const name = (side) => encodeURIComponent(keyOf(state[side])).replace("%2F", "/");
    const parts = [`a=${name("a")}`, `b=${name("b")}`, `layout=${state.layout}`, `window=${state.window}`];
    if (data.regions.length > 1) parts.push(`region=${state.region.name}`);
    if (voxel) parts.push(`voxel=${toScan(state.voxel).join(",")}`);
    return `#${parts.join("&")}`;
  }

  function writeAddress() {
    clearTimeout(written);
    written = setTimeout(() => history.replaceState(null, "", address()), 200);
    for (const link of document.querySelectorAll(".keep-view")) link.hash = address(false);
  }

  // ---- drawing

  function canvas(name, place) {
    const made = element("canvas", { tabindex: 0, role: "img" });
    made.dataset.plane = name;
    canvases[place] = made;
    return made;
  }

  // Returns metric -> value, or undefined if the method does not have the region.
  function scoresOf(side) {
    const values = data.scores[keyOf(state[side])]?.[state.region.name];
    return values && Object.fromEntries(data.metrics.map((name, n) => [name, values[n]]));
  }

  const dsc = (side) => scoresOf(side)?.DSC ?? null;
  const dscWords = (side) => (dsc(side) === null ? "DSC –" : `DSC ${numbers.number(dsc(side), 2)}`);
  const letter = (side) => element("span", { className: "letter" }, side.toUpperCase());

  function buildSide(box) {
    box.append(element("span", { className: "side" }), element("div", { className: "head" }, element("span", {}, "Annotation"), element("span", { className: "end" }, `${numbers.millilitres(state.region.ml)} mL`)));
    for (const side of ["a", "b"])
      box.append(element("div", { className: "head" }, element("span", { title: state[side].method.title }, letter(side), element("span", { className: "title" }, state[side].method.title)), element("span", { className: "end" }, dscWords(side))));
    for (const name of Object.keys(draw.PLANES)) {
      box.append(element("span", { className: "side" }, name[0].toUpperCase() + name.slice(1)));
      for (const column of ["annotation", "a", "b"]) box.append(canvas(name, `${name}-${column}`));
    }
  }

  function buildOverlaid(box) {
    const legend = ["a", "b"].map((side) => element("span", { className: `line ${side}` }, `${side.toUpperCase()} ${state[side].method.title} ${dscWords(side)}`));
    box.append(element("div", { className: "legend" }, element("span", { className: "line" }, "annotation"), ...legend), canvas("axial", "axial-all"),
      element("div", { className: "beside" }, canvas("coronal", "coronal-all"), canvas("sagittal", "sagittal-all")));
  }

  function build() {
    const box = get("planes"), flat = state.layout !== "3d";
    box.replaceChildren();
    for (const name of Object.keys(canvases)) delete canvases[name];
    box.className = state.layout;
    box.hidden = !flat;
    get("space").hidden = flat;
    if (state.layout === "side") buildSide(box);
    if (state.layout === "overlaid") buildOverlaid(box);
    const models = ["a", "b"].map((side) => ({
      letter: side.toUpperCase(), title: state[side].method.title, fold: state[side].fold,
      scores: scoresOf(side), among: folds[keyOf(state[side])]?.[state.region.name] ?? [],
    }));
    numbers.scores(get("scores"), models, data.tolerance[state.region.name]);
    numbers.among(get("among"), get("among-note"), models);
    get("lesions-section").hidden = !data.lesions[state.region.name];
    numbers.lesions(get("lesions"), ["a", "b"].map((side) => errorsOf(side)?.found), { list: data.lesions[state.region.name], overlap: data.overlap, go });
    get("fold-of-a").textContent = `${state.a.method.split}, fold ${state.a.fold}`;
    showOrigin();
    showPressed();
    draw3d();
    refresh();
  }

  function showOrigin() {
    const link = (address, words) => element("li", {}, element("a", { href: root + address }, words));
    const elsewhere = (side) => element("li", {}, `${side.toUpperCase()} was predicted elsewhere: ${state[side].method.experiment}`);
    const trained = (side) => link(`trainings/index.html#${encodeURIComponent(state[side].method.model)}/fold${state[side].fold}`, `Training of ${side.toUpperCase()}: ${state[side].method.model}, fold ${state[side].fold}`);
    const papers = [...new Set(["a", "b"].map((side) => state[side].method.paper))];
    const made = ["a", "b"].map((side) => (state[side].method.model ? trained : elsewhere)(side));
    get("origin").replaceChildren(...papers.map((paper) => link(`papers/${paper}/index.html`, `Tables of ${paper}`)), ...made);
  }

  function showPressed() {
    for (const button of get("layouts").children) button.setAttribute("aria-pressed", button.dataset.layout === state.layout);
    for (const button of get("windows").children) {
      button.setAttribute("aria-pressed", inHU && button.dataset.window === state.window);
      button.disabled = !inHU;
    }
    get("region").value = state.region.name;
  }

  function draw3d() {
    if (state.layout !== "3d") return;
    const masks = [
      { name: "annotation", colour: "#FFFFFF", opacity: 0.45, volume: state.truth },
      ...["a", "b"].map((side, n) => ({ name: `${side.toUpperCase()} ${state[side].method.title}`, colour: ["#5CC8FF", "#FFA94D"][n], opacity: 0.5, volume: state[side].mask })),
    ];
    space.show(get("space"), { size: data.size, step, lungs, label: state.region.label, masks: state.shown ? masks : [] })
      .catch((error) => get("space").replaceChildren(element("p", { className: "loading" }, error.message)));
  }

  function refresh() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => { pending = false; redraw(); });
  }

  const widthOf = (box) => box.clientWidth || 300;

  // Returns screen pixels per mm, so that a plane fits into a width and all planes of a layout have one scale.
  function scaleFor(planes, width) {
    return width / Math.max(...planes.map((name) => data.size[draw.PLANES[name].across] * step[draw.PLANES[name].across]));
  }

  function redraw() {
    const shades = draw.greys(scan.values, inHU && state.window), box = get("planes");
    const columns = getComputedStyle(box).gridTemplateColumns.split(" ").map(parseFloat);
    for (const [place, made] of Object.entries(canvases)) {
      const [name, column] = place.split("-"), overlaid = column === "all";
      const scale = !overlaid ? scaleFor(Object.keys(draw.PLANES), columns.at(-1))
        : name === "axial" ? scaleFor(["axial"], columns[0]) : scaleFor(["coronal", "sagittal"], widthOf(made.parentElement) / (columns.length > 1 ? 1 : 2.05));
      const sides = overlaid ? ["a", "b"] : column === "annotation" ? [] : [column];
      draw.plane(made, {
        name, size: data.size, step, scale, voxel: state.voxel, label: state.region.label, scan: scan.codes, truth: state.truth, shades,
        shown: state.shown, opacity: state.opacity, overlaid, masks: sides.map((side) => ({ name: side, volume: state[side].mask })),
        key: [state.window, state.opacity, state.shown, state.region.label, overlaid, ...sides.map((side) => keyOf(state[side]))].join(" "),
        bar: place === "axial-annotation" || place === "axial-all", title: overlaid ? sliceWords(name) : "",
      });
      made.setAttribute("aria-label", `${column === "annotation" ? "Annotation" : overlaid ? "All masks" : column.toUpperCase()}, ${sliceWords(name).toLowerCase()}; ${errorWords()}`);
    }
    showSlice();
    writeAddress();
  }

  function sliceWords(name) {
    const { fixed } = draw.PLANES[name];
    return `${name[0].toUpperCase()}${name.slice(1)} ${toScan(state.voxel)[fixed] + 1} of ${data.shape[fixed]}`;
  }

  function errorWords() {
    const z = state.voxel[0], said = ["a", "b"].map((side) => {
      const found = errorsOf(side);
      return found ? `${side.toUpperCase()} missed ${numbers.number(found.missed[z], 1)}, wrong ${numbers.number(found.wrong[z], 1)}` : `${side.toUpperCase()} does not have this region`;
    });
    return `slice ${toScan(state.voxel)[0] + 1}: ${said.join(" · ")}`;
  }

  function showSlice() {
    const slider = get("strip"), [z, y, x] = toScan(state.voxel), value = scan.values[scan.codes[(state.voxel[0] * data.size[1] + state.voxel[1]) * data.size[2] + state.voxel[2]]];
    get("strip-box").hidden = false;
    state.strip = numbers.strip(slider, ["a", "b"].map(errorsOf), state.voxel[0]);
    get("slice-errors").textContent = errorWords();
    get("readout").textContent = `voxel ${x}, ${y}, ${z} · ${numbers.number(value, 0)}${inHU ? " HU" : ", grey level"}`;
    for (const [name, number] of [["min", data.start[0] + 1], ["max", data.start[0] + data.size[0]], ["now", z + 1]]) slider.setAttribute(`aria-value${name}`, number);
    slider.setAttribute("aria-valuetext", `${errorWords()} mL`);
  }

  // ---- start

  function fail(error) {
    Object.assign(get("loading"), { hidden: false, textContent: `The case cannot be shown: ${error.message}` });
    throw error;
  }

  function fillChoices() {
    for (const side of ["a", "b"]) get(side).append(...data.methods.map((method) => element("option", { value: method.experiment }, method.title)));
    numbers.predictions(get("predictions"), data);
    get("region").append(...data.regions.map(({ name, title }) => element("option", { value: name }, title)));
  }

  async function start() {
    fillChoices();
    const largest = data.lesions[state.region.name]?.[0];
    if (largest) state.voxel = toOwn(largest.voxel);
    const [content, known] = await Promise.all([covidseg.load(`${data.folder}/scan.js`, "scan"), covidseg.load("folds.js", "folds"), readAddress()]);
    const labels = data.regions.map(({ label }) => label), glass = content.lungs;
    const [codes, annotation, mask] = await Promise.all([
      covidseg.pictures(content.slices, data.size), covidseg.masks(content.annotation, labels, data.size), covidseg.masks(glass.mask, [1], glass.size),
    ]);
    scan = { codes, values: content.values };
    folds = known;
    state.truth = annotation;
    lungs = { size: glass.size, field: mask };
    get("loading").hidden = true;
    covidseg.listen({ data, state, inHU, LAYOUTS, WINDOWS, step, errorsOf, choose, readAddress, address, build, showPressed, draw3d, refresh, fail });
    build();
  }

  start().catch(fail);
})();
