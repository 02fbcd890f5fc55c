// The viewer of slices: heat maps of two systems, and their segmentations at a threshold.
"use strict";

(() => {
  const { draw, numbers } = covidseg, { element } = numbers, get = (id) => document.getElementById(id);
  const data = JSON.parse(get("slices-data").textContent), dataset = JSON.parse(get("dataset").textContent);
  const root = document.body.dataset.root, [count, height, width] = data.size, pixels = height * width;
  const nearest = (threshold) => data.levels.reduce((best, level, n) => (Math.abs(level - threshold) < Math.abs(data.levels[best] - threshold) ? n : best), 0) + 1;

  // level: number of the threshold, from 1; a, b: {system, codes, marked, found}
  const state = { slice: 0, level: nearest(data.threshold), shown: true, a: null, b: null };
  let images, masks, lesion, strip, pending = false, written = 0;

  // Returns per slice and level the numbers of marked pixels, and of marked lesion pixels.
  function countPixels(codes) {
    const levels = data.levels.length + 1, marked = new Uint32Array(count * levels), found = new Uint32Array(count * levels);
    for (let n = 0; n < count; n++) {
      for (let at = n * pixels; at < (n + 1) * pixels; at++) {
        marked[n * levels + codes[at]]++;
        if (masks[at]) found[n * levels + codes[at]]++;
      }
      for (let level = levels - 2; level >= 0; level--)
        for (const counts of [marked, found]) counts[n * levels + level] += counts[n * levels + level + 1];
    }
    return { marked, found };
  }

  // Returns the Dice of a slice at a level; null where neither mask has a pixel.
  function dice({ marked, found }, slice, level) {
    const at = slice * (data.levels.length + 1) + level, total = marked[at] + lesion[slice];
    return total ? (2 * found[at]) / total : null;
  }

  function mean(side) {
    const known = Array.from({ length: count }, (_, n) => dice(state[side], n, state.level)).filter((value) => value !== null);
    return known.reduce((sum, value) => sum + value, 0) / known.length;
  }

  async function choose(side, name) {
    const system = data.systems.find((one) => one.name === name) ?? (side === "a" ? data.systems[0] : data.systems.find((one) => one.system !== data.systems[0].system)) ?? data.systems[0];
    const wanted = (state[`${side}Wanted`] = system.name);
    const codes = await covidseg.pictures((await covidseg.load(system.file, system.name)).slices, data.size);
    if (state[`${side}Wanted`] !== wanted) return;
    state[side] = { system, codes, ...countPixels(codes) };
    get(side).value = system.name;
    get(`path-${side}`).textContent = `results/heatmaps/${system.name}/${dataset}/heat.npy`;
  }

  function readAddress() {
    const found = new URLSearchParams(location.hash.slice(1)), threshold = Number(found.get("threshold"));
    const number = Number(found.get("slice"));
    if (Number.isInteger(number) && number >= 1 && number <= count) state.slice = number - 1;
    if (threshold > 0) state.level = nearest(threshold);
    return Promise.all(["a", "b"].filter((side) => found.get(side) || !state[side]).map((side) => choose(side, found.get(side))));
  }

  const address = () => `#a=${encodeURIComponent(state.a.system.name)}&b=${encodeURIComponent(state.b.system.name)}&threshold=${data.levels[state.level - 1]}&slice=${state.slice + 1}`;

  // ---- drawing

  const sliceOf = (volume) => ({ width, height, data: volume.subarray(state.slice * pixels, (state.slice + 1) * pixels) });

  // Returns the colour of a pixel with a share of the greatest heat: yellow to red over its grey.
  function heated(grey, share) {
    const opacity = 0.6 * Math.sqrt(share), mix = (colour) => Math.round((1 - opacity) * grey + opacity * colour);
    return (0xff000000 | (mix(0) << 16) | (mix(255 * (1 - share)) << 8) | mix(255)) >>> 0;
  }

  const shareOf = (code, hottest) => (code ? Math.min(1, data.levels[code - 1] / hottest) : 0);

  function drawPicture(key) {
    const made = get(`${key}-canvas`), side = state[key], size = made.parentElement.clientWidth, scale = size / width, ratio = Math.min(devicePixelRatio || 1, 2);
    Object.assign(made, { width: Math.round(size * ratio), height: Math.round(height * scale * ratio) });
    const pen = made.getContext("2d"), grey = sliceOf(images).data, heat = side && sliceOf(side.codes).data, hottest = side?.system.hottest || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const colour = side && state.shown ? (n) => heated(grey[n], shareOf(heat[n], hottest)) : (n) => (0xff000000 | (grey[n] * 0x010101)) >>> 0;
    pen.drawImage(draw.paint("slice", { width, height }, colour), 0, 0, size, height * scale);
    if (key === "image") return;
    draw.stroke(pen, draw.outline(sliceOf(masks), 1), [scale, scale], ["#FFFFFF", side ? 1.4 : 2]);
    if (!side) return;
    const marked = { width, height, data: Uint8Array.from(heat, (code) => Number(code >= state.level)) };
    draw.stroke(pen, draw.outline(marked, 1), [scale, scale], ["#5CC8FF", 2]);
  }

  // Draws the heats of a system, with a line at the threshold.
  function drawBar(key) {
    const made = get(`${key}-bar`), { hottest } = state[key].system, size = made.parentElement.clientWidth, ratio = Math.min(devicePixelRatio || 1, 2);
    Object.assign(made, { width: Math.round(size * ratio), height: Math.round(34 * ratio) });
    const pen = made.getContext("2d"), left = 4, length = size - 8, threshold = data.levels[state.level - 1];
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    for (let x = 0; x < length; x++) {
      const share = x / length, opacity = 0.6 * Math.sqrt(share);
      pen.fillStyle = `rgb(${255 * opacity}, ${255 * (1 - share) * opacity}, 0)`;
      pen.fillRect(left + x, 4, 1.5, 10);
    }
    pen.strokeStyle = "#C9CFD6";
    pen.strokeRect(left - 0.5, 3.5, length + 1, 11);
    pen.fillStyle = "#5CC8FF";
    if (threshold <= hottest) pen.fillRect(left + (length * threshold) / hottest - 1, 0, 2.5, 18);
    pen.fillStyle = "#C9CFD6";
    pen.font = "12px system-ui, sans-serif";
    pen.fillText("0", left, 30);
    pen.textAlign = "right";
    pen.fillText(`hottest ${hottest.toFixed(3)}`, left + length, 30);
    made.setAttribute("aria-label", `Heat from 0 to ${hottest.toFixed(3)}; threshold ${threshold}`);
  }

  function drawStrip() {
    const made = get("strip"), ratio = Math.min(devicePixelRatio || 1, 2), { clientWidth, clientHeight } = made;
    Object.assign(made, { width: Math.round(clientWidth * ratio), height: Math.round(clientHeight * ratio) });
    const pen = made.getContext("2d"), left = 26, step = (clientWidth - left - 8) / count, middle = clientHeight / 2;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = "rgba(255, 255, 255, 0.2)";
    pen.fillRect(left + state.slice * step, 2, Math.max(step, 3), clientHeight - 4);
    ["a", "b"].forEach((side, row) => {
      pen.fillStyle = ["#5CC8FF", "#FFA94D"][row];
      for (let n = 0; n < count; n++)
        pen.fillRect(left + (n + 0.14) * step, middle, Math.max(1, step * 0.72), (row ? 1 : -1) * (dice(state[side], n, state.level) ?? 0) * (middle - 6));
      pen.fillStyle = "#C9CFD6";
      pen.font = "12px system-ui, sans-serif";
      pen.fillText(side.toUpperCase(), 6, row ? middle * 1.5 + 4 : middle / 2 + 4);
    });
    pen.fillStyle = "#8E97A3";
    pen.fillRect(left, middle - 0.75, clientWidth - left - 8, 1.5);
    strip = { left, step };
  }

  const words = (value) => (value === null ? "not defined" : numbers.number(value, 3));

  function showNumbers() {
    const threshold = data.levels[state.level - 1], levels = data.levels.length + 1;
    get("name").textContent = `${data.names[state.slice]} (${state.slice + 1} of ${count})`;
    get("threshold").value = state.level;
    get("threshold-value").textContent = threshold.toFixed(3);
    get("threshold").setAttribute("aria-valuetext", threshold.toFixed(3));
    const own = ["a", "b"].map((side) => words(dice(state[side], state.slice, state.level)));
    ["a", "b"].forEach((side, n) => {
      get(`${side}-title`).lastChild.textContent = state[side].system.title;
      get(`${side}-dice`).textContent = `Dice ${own[n]}`;
      get(`${side}-canvas`).setAttribute("aria-label", `Heat map of ${state[side].system.title}; Dice ${own[n]} at the threshold ${threshold}`);
    });
    get("image-canvas").setAttribute("aria-label", `Slice ${data.names[state.slice]}`);
    get("truth-canvas").setAttribute("aria-label", `Annotation, ${lesion[state.slice]} pixels`);
    get("truth-dice").textContent = `${lesion[state.slice]} pixels`;
    get("slice-dice").textContent = `slice ${state.slice + 1}: A ${own[0]} · B ${own[1]}`;
    const row = (label, values) => element("tr", {}, element("th", { scope: "row" }, label), ...values.map((value) => element("td", { className: "right" }, value)));
    const head = ["a", "b"].map((side) => element("th", { scope: "col", className: "right" }, side.toUpperCase(), element("br"), state[side].system.title));
    const at = state.slice * levels + state.level;
    get("scores").replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, element("td"), ...head)), element("tbody", {},
      row("Dice, this slice", own), row("Dice, mean of all", ["a", "b"].map((side) => words(mean(side)))),
      row("Pixels, segmented", ["a", "b"].map((side) => state[side].marked[at])), row("of the lesion", ["a", "b"].map((side) => state[side].found[at])))));
    for (const [name, value] of [["min", 1], ["max", count], ["now", state.slice + 1]]) get("strip").setAttribute(`aria-value${name}`, value);
    get("strip").setAttribute("aria-valuetext", `${data.names[state.slice]}: Dice A ${own[0]}, B ${own[1]}`);
    get("origin").replaceChildren(...["a", "b"].map((side) => element("li", {}, element("a", { href: `${root}trainings/index.html#${encodeURIComponent(state[side].system.model)}/fold0` }, `Training of ${side.toUpperCase()}: ${state[side].system.model}`))));
  }

  function refresh() {
    if (pending) return;
    pending = true;
    requestAnimationFrame(() => {
      pending = false;
      for (const key of ["image", "truth", "a", "b"]) drawPicture(key);
      for (const key of ["a", "b"]) drawBar(key);
      drawStrip();
      showNumbers();
      clearTimeout(written);
      written = setTimeout(() => history.replaceState(null, "", address()), 200);
    });
  }

  // ---- what a reader does

  const inside = (value, low, high) => Math.min(high, Math.max(low, value));
  function goSlice(number) { state.slice = inside(number, 0, count - 1); refresh(); }
  function setLevel(level) { state.level = inside(level, 1, data.levels.length); refresh(); }

  // Goes to the slice with the lowest Dice of A.
  function goLowest() {
    const values = Array.from({ length: count }, (_, n) => dice(state.a, n, state.level) ?? Infinity);
    goSlice(values.indexOf(Math.min(...values)));
  }

  const KEYS = {
    ArrowUp: () => goSlice(state.slice + 1), ArrowDown: () => goSlice(state.slice - 1), ArrowRight: () => setLevel(state.level + 1), ArrowLeft: () => setLevel(state.level - 1),
    e: goLowest, " ": () => { state.shown = !state.shown; refresh(); },
  };

  function listen() {
    document.addEventListener("keydown", (event) => {
      const { target } = event;
      let { key } = event;
      if (target.id === "strip" && key === "ArrowRight") key = "ArrowUp";
      if (target.id === "strip" && key === "ArrowLeft") key = "ArrowDown";
      const action = KEYS[key.length > 1 ? key : key.toLowerCase()];
      if (!action || event.ctrlKey || event.metaKey || event.altKey || target.closest("input:not(#threshold), select, summary, .scroll") || (target.id === "threshold" && key.startsWith("Arrow")) || (key === " " && target.closest("button, a"))) return;
      event.preventDefault();
      action();
    });
    for (const side of ["a", "b"]) get(side).addEventListener("change", () => choose(side, get(side).value).then(refresh, fail));
    get("threshold").addEventListener("input", () => setLevel(Number(get("threshold").value)));
    get("chosen").addEventListener("click", () => setLevel(nearest(data.threshold)));
    get("before").addEventListener("click", () => goSlice(state.slice - 1));
    get("after").addEventListener("click", () => goSlice(state.slice + 1));
    get("copy").addEventListener("click", () => numbers.copyAddress(get("copy"), address()));
    addEventListener("hashchange", () => readAddress().then(refresh, fail));
    new ResizeObserver(refresh).observe(get("planes"));
    get("planes").addEventListener("wheel", (event) => {
      if (!event.target.closest("canvas") || event.ctrlKey) return;
      event.preventDefault();
      goSlice(state.slice - Math.sign(event.deltaY));
    }, { passive: false });
    const point = (event) => goSlice(Math.floor((event.clientX - get("strip").getBoundingClientRect().left - strip.left) / strip.step));
    get("strip").addEventListener("pointerdown", (event) => { get("strip").setPointerCapture(event.pointerId); point(event); });
    get("strip").addEventListener("pointermove", (event) => event.buttons && point(event));
  }

  function fail(error) {
    Object.assign(get("loading"), { hidden: false, textContent: `The slices cannot be shown: ${error.message}` });
    throw error;
  }

  async function start() {
    const content = await covidseg.load("slices.js", "slices");
    [images, masks] = await Promise.all([covidseg.pictures(content.slices, data.size), covidseg.masks(content.masks, [1], data.size)]);
    lesion = Array.from({ length: count }, (_, n) => masks.subarray(n * pixels, (n + 1) * pixels).reduce((sum, value) => sum + value, 0));
    state.slice = lesion.indexOf(Math.max(...lesion));
    await readAddress();
    get("loading").hidden = true;
    get("planes").hidden = get("strip-box").hidden = false;
    listen();
    refresh();
  }

  start().catch(fail);
})();
