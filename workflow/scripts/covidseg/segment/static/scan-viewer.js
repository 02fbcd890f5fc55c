// The viewer of a segmented scan: three planes and 3D, with infection, lungs, and where the networks disagree.
"use strict";

(() => {
  const { draw, numbers, space } = covidseg, { element } = numbers, get = (id) => document.getElementById(id);
  const data = JSON.parse(get("scan-data").textContent), PLANES = Object.keys(draw.PLANES), WINDOWS = ["lung", "mediastinum", "wide"];
  const inHU = data.kind === "hounsfield", step = data.spacing.map((mm, axis) => (axis ? mm * data.factor : mm));

  // voxel: (z, y, x) of the viewer's own voxels; masks: whether each of them is shown
  const state = {
    layout: "planes", window: "lung", opacity: 0.8, plane: "axial", lesion: -1, voxel: data.size.map((count) => count >> 1),
    masks: { infection: true, lungs: true, disagreement: false },
  };
  const canvases = {};
  let scan, pending = false, written = 0, hidden = null;

  const within = (place, axis) => Math.min(data.size[axis] - 1, Math.max(0, place));
  const toOwn = (voxel) => voxel.map((place, axis) => within(Math.floor((place - data.start[axis]) / (axis ? data.factor : 1)), axis));
  const toScan = (voxel) => voxel.map((place, axis) =>
    Math.min(data.shape[axis] - 1, data.start[axis] + (axis ? place * data.factor + (data.factor >> 1) : place)));

  // ---- the address of the view

  function readAddress() {
    const found = new URLSearchParams(location.hash.slice(1)), voxel = (found.get("voxel") ?? "").split(",").map(Number);
    if (voxel.length === 3 && voxel.every(Number.isInteger)) state.voxel = toOwn(voxel);
    if (inHU && WINDOWS.includes(found.get("window"))) state.window = found.get("window");
    if (["planes", "3d"].includes(found.get("layout"))) state.layout = found.get("layout");
  }

  function writeAddress() {
    clearTimeout(written);
    written = setTimeout(() => history.replaceState(null, "", `#layout=${state.layout}&window=${state.window}&voxel=${toScan(state.voxel).join(",")}`), 200);
  }

  // ---- drawing

  // Returns a volume's slice in a plane, as the viewer of the site cuts the scan.
  function cut(volume, name) {
    const { fixed, across, down, turned } = draw.PLANES[name], steps = [data.size[1] * data.size[2], data.size[2], 1];
    const width = data.size[across], height = data.size[down], cells = new Uint8Array(width * height);
    for (let row = 0, at = 0; row < height; row++) {
      let from = state.voxel[fixed] * steps[fixed] + (turned ? height - 1 - row : row) * steps[down];
      for (let column = 0; column < width; column++, from += steps[across]) cells[at++] = volume[from];
    }
    return { width, height, data: cells };
  }

  function drawOver(canvas, name, scale) {
    const { across, down } = draw.PLANES[name], steps = [step[across] * scale, step[down] * scale], pen = canvas.getContext("2d");
    if (state.masks.disagreement) {
      const slice = cut(scan.disagreement, name), strength = 2.55 * state.opacity;
      const colours = draw.paint("disagreement", slice, (n) => ((Math.round(slice.data[n] * strength) << 24) | 0x1b61f2) >>> 0);
      pen.imageSmoothingEnabled = false;
      pen.drawImage(colours, 0, 0, slice.width * steps[0], slice.height * steps[1]);
    }
    if (!state.masks.lungs) return;
    const slice = cut(scan.lungs, name);
    for (const side of [1, 2]) draw.stroke(pen, draw.outline(slice, side), steps, [draw.MISSED, 1.4]);
  }

  function redraw() {
    const shades = draw.greys(scan.values, inHU && state.window), box = get("planes");
    const columns = getComputedStyle(box).gridTemplateColumns.split(" ").map(parseFloat);
    const widths = { axial: columns[0], coronal: columns.at(-1), sagittal: columns.at(-1) };
    for (const [name, canvas] of Object.entries(canvases)) {
      const beside = name === "axial" ? ["axial"] : ["coronal", "sagittal"];
      const width = columns.length > 1 || name === "axial" ? widths[name] : columns[0] / 2.05;
      const scale = width / Math.max(...beside.map((one) => data.size[draw.PLANES[one].across] * step[draw.PLANES[one].across]));
      draw.plane(canvas, {
        name, size: data.size, step, scale, voxel: state.voxel, label: 1, scan: scan.codes, truth: scan.infection, shades, masks: [],
        shown: state.masks.infection, opacity: state.opacity, overlaid: false, key: [state.window, state.opacity, state.masks.infection].join(" "),
        bar: name === "axial", title: sliceWords(name),
      });
      drawOver(canvas, name, scale);
      canvas.setAttribute("aria-label", sliceWords(name));
    }
    const [z, y, x] = toScan(state.voxel), at = (state.voxel[0] * data.size[1] + state.voxel[1]) * data.size[2] + state.voxel[2];
    const said = scan.disagreement[at] ? ` · ${scan.disagreement[at]}% of the networks disagree` : "";
    get("readout").textContent = `voxel ${x}, ${y}, ${z} · ${numbers.number(scan.values[scan.codes[at]], 0)}${inHU ? " HU" : ", grey level"}${said}`;
    writeAddress();
  }

  function sliceWords(name) {
    const { fixed } = draw.PLANES[name];
    return `${name[0].toUpperCase()}${name.slice(1)} ${toScan(state.voxel)[fixed] + 1} of ${data.shape[fixed]}`;
  }

  function refresh() {
    if (pending || !scan || state.layout !== "planes") return;
    pending = true;
    requestAnimationFrame(() => { pending = false; redraw(); });
  }

  function build() {
    const flat = state.layout === "planes";
    get("planes").hidden = !flat;
    get("space").hidden = flat;
    for (const button of get("layouts").children) button.setAttribute("aria-pressed", button.dataset.layout === state.layout);
    for (const button of get("masks").children) button.setAttribute("aria-pressed", state.masks[button.dataset.mask]);
    for (const button of get("windows").children) {
      button.setAttribute("aria-pressed", inHU && button.dataset.window === state.window);
      button.disabled = !inHU;
    }
    if (!flat) draw3d();
    refresh();
  }

  function draw3d() {
    const masks = state.masks.infection ? [{ name: "infection", colour: "#5CC8FF", opacity: 0.6, volume: scan.infection }] : [];
    space.show(get("space"), { size: data.size, step, lungs: scan.glass, label: 1, masks })
      .catch((error) => get("space").replaceChildren(element("p", { className: "loading" }, error.message)));
  }

  // ---- what a reader does

  function go(number) {
    state.lesion = number;
    state.voxel = toOwn(data.lesions[number].voxel);
    refresh();
  }

  function moveSlice(by, plane = state.plane) {
    const { fixed } = draw.PLANES[plane];
    state.voxel[fixed] = within(state.voxel[fixed] + by, fixed);
    refresh();
  }

  function toggleAll() {
    [state.masks, hidden] = hidden ? [hidden, null] : [{ infection: false, lungs: false, disagreement: false }, state.masks];
    build();
  }

  const nextWindow = () => { if (inHU) { state.window = WINDOWS[(WINDOWS.indexOf(state.window) + 1) % WINDOWS.length]; build(); } };
  const KEYS = {
    ArrowUp: () => moveSlice(1), ArrowRight: () => moveSlice(1), ArrowDown: () => moveSlice(-1), ArrowLeft: () => moveSlice(-1),
    n: () => data.lesions.length && go((state.lesion + 1) % data.lesions.length), w: nextWindow, " ": toggleAll,
  };

  function listenKeys(event) {
    const { target, key } = event, action = KEYS[key.length > 1 ? key : key.toLowerCase()];
    if (!action || event.ctrlKey || event.metaKey || event.altKey || target.closest("input, .lesions, #space")) return;
    if (key === " " && target.closest("button, a")) return;
    event.preventDefault();
    action();
  }

  function listenPlanes(box) {
    const point = (event) => {
      const canvas = event.target.closest("canvas");
      if (!canvas) return;
      state.plane = canvas.dataset.plane;
      const { left, top, width, height } = canvas.getBoundingClientRect();
      state.voxel = draw.voxelAt(state.plane, data.size, state.voxel, [(event.clientX - left) / width, (event.clientY - top) / height]);
      refresh();
    };
    box.addEventListener("pointerdown", (event) => { event.target.setPointerCapture?.(event.pointerId); point(event); });
    box.addEventListener("pointermove", (event) => event.buttons && point(event));
    box.addEventListener("focusin", ({ target }) => { state.plane = target.dataset.plane ?? state.plane; });
    box.addEventListener("wheel", (event) => {
      const canvas = event.target.closest("canvas");
      if (!canvas || event.ctrlKey) return;
      event.preventDefault();
      moveSlice(-Math.sign(event.deltaY), (state.plane = canvas.dataset.plane));
    }, { passive: false });
  }

  function listen() {
    document.addEventListener("keydown", listenKeys);
    addEventListener("hashchange", () => { readAddress(); build(); });
    get("layouts").addEventListener("click", ({ target }) => { if (target.dataset.layout) { state.layout = target.dataset.layout; build(); } });
    get("windows").addEventListener("click", ({ target }) => { if (target.dataset.window) { state.window = target.dataset.window; build(); } });
    get("masks").addEventListener("click", ({ target: { dataset: { mask } } }) => { if (mask) { state.masks[mask] = !state.masks[mask]; hidden = null; build(); } });
    get("opacity").addEventListener("input", () => { state.opacity = get("opacity").value / 100; refresh(); });
    new ResizeObserver(refresh).observe(get("stage"));
    listenPlanes(get("planes"));
  }

  // ---- start

  function fillPage() {
    const canvas = (name) => { canvases[name] = element("canvas", { tabindex: 0, role: "img", "data-plane": name }); return canvases[name]; };
    get("planes").append(canvas("axial"), element("div", { className: "beside" }, canvas("coronal"), canvas("sagittal")));
    if (!data.lesions.length) return get("lesions").append(element("p", { className: "small" }, "No lesion was found."));
    const rows = data.lesions.map(({ ml }, n) => {
      const button = element("button", { type: "button", className: "go", "aria-label": `Go to lesion ${n + 1}, ${numbers.number(ml, 1)} mL` }, `${numbers.number(ml, 1)} mL`);
      button.addEventListener("click", () => go(n));
      return element("tr", {}, element("td", {}, n + 1), element("td", { className: "right" }, button));
    });
    get("lesions").append(element("div", { className: "lesions", tabindex: 0, role: "region", "aria-label": "Lesions" }, element("table", {}, element("tbody", {}, ...rows))));
  }

  async function start() {
    fillPage();
    if (data.lesions.length) go(0);
    readAddress();
    const content = await covidseg.load("data.js", "scan"), { glass } = content;
    const [codes, infection, lungs, disagreement, field] = await Promise.all([
      covidseg.pictures(content.slices, data.size), covidseg.masks(content.masks, [1], data.size), covidseg.masks(content.masks, [1, 2], data.size, 1),
      covidseg.pictures(content.disagreement, data.size), covidseg.masks(glass.mask, [1], glass.size),
    ]);
    scan = { codes, values: content.values, infection, lungs, disagreement, glass: { size: glass.size, field } };
    get("loading").hidden = true;
    listen();
    build();
  }

  start().catch((error) => {
    Object.assign(get("loading"), { hidden: false, textContent: `The scan cannot be shown: ${error.message}` });
    throw error;
  });
})();
