// The case in 3D: glass lungs, and the annotation and both masks as surfaces, drawn by Plotly.
"use strict";

covidseg.space = (() => {
  const STEP_MM = 3;

  // Returns the mean of blocks of voxels of a region (0 to 1): {size, step, field}.
  function blocks(volume, size, step, label) {
    const factors = step.map((mm) => Math.max(1, Math.round(STEP_MM / mm)));
    const made = size.map((count, axis) => Math.ceil(count / factors[axis])), field = new Float32Array(made[0] * made[1] * made[2]);
    const share = 1 / (factors[0] * factors[1] * factors[2]);
    for (let z = 0, at = 0; z < size[0]; z++)
      for (let y = 0; y < size[1]; y++)
        for (let x = 0; x < size[2]; x++, at++)
          if (volume[at] === label)
            field[(Math.floor(z / factors[0]) * made[1] + Math.floor(y / factors[1])) * made[2] + Math.floor(x / factors[2])] += share;
    return { size: made, step: step.map((mm, axis) => mm * factors[axis]), field };
  }

  // Smooths a field along each axis with the weights 1, 2, 1.
  function smooth(field, [, height, width]) {
    for (const by of [1, width, width * height]) {
      const before = field.slice();
      for (let n = by; n < field.length - by; n++) field[n] = (before[n - by] + 2 * before[n] + before[n + by]) / 4;
    }
    return field;
  }

  const CORNERS = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => [n >> 2, (n >> 1) & 1, n & 1]);
  const EDGES = CORNERS.flatMap((_, one) => [1, 2, 4].filter((bit) => !(one & bit)).map((bit) => [one, one | bit]));

  // Returns the surface at the level 0.5 of a field (z, y, x) as triangles, by surface nets: a corner lies at the mean
  // of the places where the field crosses the level on the edges of a cell of 2 x 2 x 2 voxels.
  function surface({ size: [depth, height, width], step, field }) {
    const at = (z, y, x) => (z < 0 || y < 0 || x < 0 || z >= depth || y >= height || x >= width ? 0 : field[(z * height + y) * width + x]);
    const cell = (z, y, x) => ((z + 1) * (height + 1) + y + 1) * (width + 1) + x + 1;
    const corners = new Map(), mesh = { x: [], y: [], z: [], i: [], j: [], k: [] };
    for (let z = -1; z < depth; z++)
      for (let y = -1; y < height; y++)
        for (let x = -1; x < width; x++) {
          const values = CORNERS.map(([a, b, c]) => at(z + a, y + b, x + c) - 0.5), sum = [0, 0, 0];
          let crossed = 0;
          for (const [one, other] of EDGES) {
            if (values[one] > 0 === values[other] > 0) continue;
            const share = values[one] / (values[one] - values[other]);
            for (let axis = 0; axis < 3; axis++) sum[axis] += CORNERS[one][axis] + share * (CORNERS[other][axis] - CORNERS[one][axis]);
            crossed++;
          }
          if (!crossed) continue;
          corners.set(cell(z, y, x), mesh.x.length);
          mesh.z.push((z + sum[0] / crossed + 0.5) * step[0]);
          mesh.y.push((y + sum[1] / crossed + 0.5) * step[1]);
          mesh.x.push((x + sum[2] / crossed + 0.5) * step[2]);
        }
    const face = (turned, ...cells) => {
      const [a, b, c, d] = cells.map((place) => corners.get(place));
      mesh.i.push(a, a);
      mesh.j.push(turned ? c : b, turned ? d : c);
      mesh.k.push(turned ? b : c, turned ? c : d);
    };
    for (let z = -1; z < depth; z++)
      for (let y = -1; y < height; y++)
        for (let x = -1; x < width; x++) {
          const inside = at(z, y, x) > 0.5;
          if (inside !== at(z, y, x + 1) > 0.5) face(!inside, cell(z - 1, y - 1, x), cell(z - 1, y, x), cell(z, y, x), cell(z, y - 1, x));
          if (inside !== at(z, y + 1, x) > 0.5) face(inside, cell(z - 1, y, x - 1), cell(z - 1, y, x), cell(z, y, x), cell(z, y, x - 1));
          if (inside !== at(z + 1, y, x) > 0.5) face(!inside, cell(z, y - 1, x - 1), cell(z, y - 1, x), cell(z, y, x), cell(z, y, x - 1));
        }
    return mesh;
  }

  const solid = (mesh, name, color, opacity) => ({
    type: "mesh3d", ...mesh, name, color, opacity, showlegend: true, hoverinfo: "name", flatshading: false,
    lighting: { ambient: 0.55, diffuse: 0.7, specular: 0.15, roughness: 0.6 },
  });

  // Draws into a box. scene: {size, step, lungs: {size, field}, label, masks: [{name, colour, opacity, volume}]}
  async function show(box, scene) {
    await covidseg.plotly();
    const glass = { size: scene.lungs.size, field: smooth(Float32Array.from(scene.lungs.field), scene.lungs.size) };
    glass.step = glass.size.map((count, axis) => (scene.size[axis] * scene.step[axis]) / count);
    const traces = [solid(surface(glass), "lungs", "#B9CCDD", 0.16)];
    for (const { name, colour, opacity, volume } of scene.masks)
      traces.push(solid(surface(blocks(volume, scene.size, scene.step, scene.label)), name, colour, opacity));
    const axis = { visible: false, showspikes: false };
    const layout = {
      paper_bgcolor: "#0B0D10", margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: "case",
      font: { color: "#E6E9EC", family: "system-ui, sans-serif", size: 13 }, legend: { x: 0.01, y: 0.99, bgcolor: "rgba(11, 13, 16, 0.7)" },
      // Seen from the front: the patient's right is on the left.
      scene: { aspectmode: "data", xaxis: axis, yaxis: axis, zaxis: axis, camera: { eye: { x: 0.2, y: -1.5, z: 0.25 } } },
    };
    await Plotly.react(box, traces, layout, { responsive: true, displaylogo: false });
  }

  return { show, surface, blocks };
})();
