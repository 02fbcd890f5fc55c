// What a reader does with the viewer of a case: keys, wheel, touch, and the controls.
"use strict";

// viewer: the state and the functions of viewer.js
covidseg.listen = (viewer) => {
  const { data, state, inHU, LAYOUTS, WINDOWS, step, errorsOf, choose, readAddress, address, build, showPressed, draw3d, refresh, fail } = viewer;
  const { draw, numbers } = covidseg, get = (id) => document.getElementById(id);

  function moveSlice(by, plane = state.plane) {
    const { fixed } = draw.PLANES[plane];
    state.voxel[fixed] = Math.min(data.size[fixed] - 1, Math.max(0, state.voxel[fixed] + by));
    refresh();
  }

  // Goes to the slice with the largest error of A and B together, and there to the nearest wrong voxel.
  function goWorst() {
    const errors = ["a", "b"].map(errorsOf).filter(Boolean);
    const sums = Array.from({ length: data.size[0] }, (_, z) => errors.reduce((sum, { missed, wrong }) => sum + missed[z] + wrong[z], 0));
    const z = sums.indexOf(Math.max(...sums)), [, height, width] = data.size, { label } = state.region;
    let nearest = [z, state.voxel[1], state.voxel[2]], least = Infinity;
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const at = (z * height + y) * width + x, true_ = state.truth[at] === label;
        if (!["a", "b"].some((side) => (state[side].mask[at] === label) !== true_)) continue;
        const distance = ((y - state.voxel[1]) * step[1]) ** 2 + ((x - state.voxel[2]) * step[2]) ** 2;
        if (distance < least) { least = distance; nearest = [z, y, x]; }
      }
    state.voxel = nearest;
    refresh();
  }

  const following = (list, one) => list[(list.indexOf(one) + 1) % list.length];
  function setLayout(layout) { state.layout = layout; build(); }
  function setWindow(name) { if (inHU) { state.window = name; showPressed(); refresh(); } }
  function toggleMasks() { state.shown = !state.shown; draw3d(); refresh(); }

  const KEYS = {
    ArrowUp: () => moveSlice(1), ArrowDown: () => moveSlice(-1), ArrowRight: () => moveSlice(1), ArrowLeft: () => moveSlice(-1),
    PageUp: () => moveSlice(10), PageDown: () => moveSlice(-10), e: goWorst, o: () => setLayout(following(LAYOUTS, state.layout)),
    w: () => setWindow(following(WINDOWS, state.window)), " ": toggleMasks,
  };

  function listen() {
    document.addEventListener("keydown", (event) => {
      const { target, key } = event, action = KEYS[key.length > 1 ? key : key.toLowerCase()];
      if (!action || event.ctrlKey || event.metaKey || event.altKey || target.closest("input:not(#opacity), select, summary, .lesions, .scroll, #space")) return;
      if (target.id === "opacity" && /^Arrow|^Page/.test(key)) return;
      if (key === " " && target.closest("button, a")) return;
      if (key.startsWith("Page") && !target.closest("canvas")) return;
      if (key.startsWith("Arrow") && target.id === "strip") state.plane = "axial";
      event.preventDefault();
      action();
    });
    for (const side of ["a", "b"]) {
      get(side).addEventListener("change", () => choose(side, get(side).value, state[side].fold).then(build, fail));
      get(`${side}-fold`).addEventListener("change", () => choose(side, state[side].method.experiment, Number(get(`${side}-fold`).value)).then(build, fail));
    }
    get("region").addEventListener("change", () => { state.region = data.regions.find(({ name }) => name === get("region").value); build(); });
    get("layouts").addEventListener("click", ({ target }) => target.dataset.layout && setLayout(target.dataset.layout));
    get("windows").addEventListener("click", ({ target }) => target.dataset.window && setWindow(target.dataset.window));
    get("opacity").addEventListener("input", () => { state.opacity = get("opacity").value / 100; refresh(); });
    get("worst").addEventListener("click", goWorst);
    get("copy").addEventListener("click", () => numbers.copyAddress(get("copy"), address()));
    addEventListener("hashchange", () => readAddress().then(build, fail));
    new ResizeObserver(refresh).observe(get("stage"));
    listenPlanes(get("planes"));
    listenStrip(get("strip"));
  }

  function listenPlanes(box) {
    let rolled = 0;
    const point = (event) => {
      const made = event.target.closest("canvas");
      if (!made) return;
      state.plane = made.dataset.plane;
      const { left, top, width, height } = made.getBoundingClientRect();
      state.voxel = draw.voxelAt(made.dataset.plane, data.size, state.voxel, [(event.clientX - left) / width, (event.clientY - top) / height]);
      refresh();
    };
    box.addEventListener("pointerdown", (event) => { event.target.setPointerCapture?.(event.pointerId); point(event); });
    box.addEventListener("pointermove", (event) => event.buttons && point(event));
    box.addEventListener("focusin", ({ target }) => { state.plane = target.dataset.plane ?? state.plane; });
    box.addEventListener("wheel", (event) => {
      const made = event.target.closest("canvas");
      if (!made || event.ctrlKey) return;
      event.preventDefault();
      state.plane = made.dataset.plane;
      rolled += event.deltaMode ? 100 * Math.sign(event.deltaY) : event.deltaY;
      const steps = Math.trunc(rolled / 50);
      if (!steps) return;
      rolled = 0;
      moveSlice(-Math.sign(steps) * Math.max(1, Math.abs(steps) >> 1));
    }, { passive: false });
  }

  function listenStrip(made) {
    const point = (event) => {
      const z = Math.floor((event.clientX - made.getBoundingClientRect().left - state.strip.left) / state.strip.step);
      state.voxel[0] = Math.min(data.size[0] - 1, Math.max(0, z));
      refresh();
    };
    made.addEventListener("pointerdown", (event) => { made.setPointerCapture(event.pointerId); point(event); });
    made.addEventListener("pointermove", (event) => event.buttons && point(event));
    made.addEventListener("wheel", (event) => { event.preventDefault(); moveSlice(-Math.sign(event.deltaY), "axial"); }, { passive: false });
  }

  listen();
};
