// Draws one plane of a scan with masks on a canvas. Arrays are (z, y, x) and point to the patient's left, back and
// head, so the patient's right is on the left of a picture.
"use strict";

covidseg.draw = (() => {
  const FOUND = "#4AA3E4", MISSED = "#FFE14A", WRONG = "#F2611B";
  const LINES = { annotation: ["#FFFFFF", 4], a: ["#5CC8FF", 2], b: ["#FFA94D", 2.4] };
  // Axis that is fixed, axis from left to right, axis from top to bottom; an image with the head up is turned over.
  const PLANES = {
    axial: { fixed: 0, across: 2, down: 1, turned: false, marks: ["R", "L", "A"] },
    coronal: { fixed: 1, across: 2, down: 0, turned: true, marks: ["R", "L", "S"] },
    sagittal: { fixed: 2, across: 1, down: 0, turned: true, marks: ["A", "P", "S"] },
  };
  const WINDOWS = { lung: [-1250, 250], mediastinum: [-125, 225], wide: [-1024, 1500] };
  const scratch = {};

  // Returns the grey level of each code. Scans without HU keep their own levels.
  function greys(values, name) {
    const [low, high] = name ? WINDOWS[name] : [values[0], values[255]];
    return Uint8ClampedArray.from(values, (value) => ((value - low) / (high - low)) * 255);
  }

  // Returns the part of a volume in one plane: {width, height, data}.
  function cut(volume, size, plane, index) {
    const { fixed, across, down, turned } = PLANES[plane], steps = [size[1] * size[2], size[2], 1];
    const width = size[across], height = size[down], data = new Uint8Array(width * height);
    for (let row = 0, at = 0; row < height; row++) {
      let from = index * steps[fixed] + (turned ? height - 1 - row : row) * steps[down];
      for (let column = 0; column < width; column++, from += steps[across]) data[at++] = volume[from];
    }
    return { width, height, data };
  }

  function sheet(name, width, height) {
    const canvas = (scratch[name] ??= document.createElement("canvas"));
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    return canvas;
  }

  // Returns a canvas with one pixel per voxel; colour(n) gives red, green, blue and opacity (0 to 255) as one number.
  function paint(name, { width, height }, colour) {
    const canvas = sheet(name, width, height), pen = canvas.getContext("2d");
    const image = pen.createImageData(width, height), pixels = new Uint32Array(image.data.buffer);
    for (let n = 0; n < pixels.length; n++) pixels[n] = colour(n);
    pen.putImageData(image, 0, 0);
    return canvas;
  }

  const packed = (hex, opacity) => {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    return ((Math.round(opacity * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  };

  function hatch() {
    return (scratch.hatch ??= hatched());
  }

  function hatched() {
    const canvas = document.createElement("canvas"), pen = canvas.getContext("2d");
    Object.assign(canvas, { width: 6, height: 6 });
    pen.fillStyle = WRONG;
    pen.fillRect(0, 0, 6, 6);
    pen.strokeStyle = "#5A1B00";
    pen.lineWidth = 1.6;
    for (const shift of [-6, 0, 6]) {
      pen.beginPath();
      pen.moveTo(shift - 1, 7);
      pen.lineTo(shift + 7, -1);
      pen.stroke();
    }
    return canvas;
  }

  // Returns the outline of a mask as closed lines along the edges of its voxels, in voxels.
  function outline({ width, height, data }, label) {
    const next = new Map(), inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && data[y * width + x] === label;
    const add = (x0, y0, x1, y1) => {
      const key = y0 * (width + 1) + x0, end = y1 * (width + 1) + x1;
      if (next.has(key)) next.get(key).push(end); else next.set(key, [end]);
    };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (data[y * width + x] !== label) continue;
        if (!inside(x, y - 1)) add(x, y, x + 1, y);
        if (!inside(x + 1, y)) add(x + 1, y, x + 1, y + 1);
        if (!inside(x, y + 1)) add(x + 1, y + 1, x, y + 1);
        if (!inside(x - 1, y)) add(x, y + 1, x, y);
      }
    }
    const lines = [];
    for (const [start, ends] of next) {
      while (ends.length) {
        const line = [start];
        for (let at = ends.pop(); at !== start; at = next.get(at).pop()) line.push(at);
        lines.push(line.map((key) => [key % (width + 1), Math.floor(key / (width + 1))]));
      }
    }
    return lines;
  }

  function trace(pen, lines, across, down) {
    pen.beginPath();
    for (const line of lines) {
      line.forEach(([x, y], n) => (n ? pen.lineTo(x * across, y * down) : pen.moveTo(x * across, y * down)));
      pen.closePath();
    }
  }

  function stroke(pen, lines, [across, down], [colour, width], dashes = []) {
    trace(pen, lines, across, down);
    pen.lineJoin = "round";
    pen.setLineDash([]);
    pen.strokeStyle = "rgba(0, 0, 0, 0.65)";
    pen.lineWidth = width + 1.6;
    if (!dashes.length) pen.stroke();
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.setLineDash(dashes);
    pen.stroke();
    pen.setLineDash([]);
  }

  function text(pen, words, x, y, align = "center") {
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = align;
    pen.lineWidth = 3;
    pen.strokeStyle = "rgba(0, 0, 0, 0.8)";
    pen.strokeText(words, x, y);
    pen.fillStyle = "#FFFFFF";
    pen.fillText(words, x, y);
  }

  // Fills the voxels by what the model did: found, missed, wrongly marked.
  function fill(pen, truth, predicted, label, opacity, width, height) {
    const found = packed(FOUND, 0.58 * opacity), missed = packed(MISSED, opacity);
    const colours = paint("verdict", truth, (n) =>
      truth.data[n] === label ? (!predicted || predicted.data[n] === label ? found : missed) : 0);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(colours, 0, 0, width, height);
    if (!predicted) return;
    const wrong = paint("wrong", truth, (n) => (predicted.data[n] === label && truth.data[n] !== label ? 0xffffffff : 0));
    const ratio = pen.getTransform().a, marked = sheet("marked", Math.round(width * ratio), Math.round(height * ratio));
    const brush = marked.getContext("2d");
    brush.globalCompositeOperation = "copy";
    brush.imageSmoothingEnabled = false;
    brush.drawImage(wrong, 0, 0, marked.width, marked.height);
    brush.globalCompositeOperation = "source-in";
    brush.fillStyle = brush.createPattern(hatch(), "repeat");
    brush.fillRect(0, 0, marked.width, marked.height);
    pen.globalAlpha = opacity;
    pen.drawImage(marked, 0, 0, width, height);
    pen.globalAlpha = 1;
  }

  function cross(pen, [x, y], width, height) {
    pen.strokeStyle = "rgba(130, 189, 238, 0.75)";
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, height);
    pen.moveTo(0, y);
    pen.lineTo(width, y);
    pen.stroke();
  }

  function scaleBar(pen, scale, width, height) {
    const mm = [100, 50, 20, 10].find((length) => length * scale <= width / 3) ?? 5, length = mm * scale;
    pen.fillStyle = "rgba(0, 0, 0, 0.6)";
    pen.fillRect(width - length - 11, height - 11, length + 2, 5);
    pen.fillStyle = "#FFFFFF";
    pen.fillRect(width - length - 10, height - 10, length, 3);
    text(pen, `${mm} mm`, width - 10 - length / 2, height - 15);
  }

  // Draws a slice with its masks. What the arguments mean stands at the function `plane`.
  function layer(pen, view, width, height, steps) {
    const { name, size, voxel, label } = view, { fixed } = PLANES[name];
    const slice = (volume) => cut(volume, size, name, voxel[fixed]), grey = slice(view.scan);
    pen.imageSmoothingEnabled = true;
    pen.drawImage(paint("grey", grey, (n) => 0xff000000 | (view.shades[grey.data[n]] * 0x010101)), 0, 0, width, height);
    if (!view.shown) return;
    const truth = slice(view.truth), masks = view.masks.map((mask) => ({ ...mask, slice: slice(mask.volume) }));
    if (!view.overlaid) fill(pen, truth, masks[0]?.slice, label, view.opacity, width, height);
    pen.globalAlpha = view.overlaid ? view.opacity : 1;
    stroke(pen, outline(truth, label), steps, view.overlaid ? LINES.annotation : ["#FFFFFF", 1.2]);
    if (view.overlaid) for (const mask of masks) stroke(pen, outline(mask.slice, label), steps, LINES[mask.name], mask.name === "b" ? [9, 5] : []);
  }

  // Draws a plane on a canvas.
  //   size, step: voxels and mm (z, y, x); scale: screen pixels per mm; voxel: (z, y, x) of the cross
  //   scan, truth: volumes; shades: grey level of each code; label: of the region
  //   masks: [{name, volume}] of the models; overlaid: lines of all masks, or else the verdict on one mask
  //   key: of everything but the voxel; while only the cross moves in a plane, its slice is not drawn anew
  function plane(canvas, view) {
    const { name, size, step, scale, voxel } = view, { fixed, across, down, turned, marks } = PLANES[name];
    const width = size[across] * step[across] * scale, height = size[down] * step[down] * scale;
    const ratio = Math.min(window.devicePixelRatio || 1, 2), steps = [step[across] * scale, step[down] * scale];
    const pixels = { width: Math.round(width * ratio), height: Math.round(height * ratio) };
    const below = (canvas.below ??= { sheet: document.createElement("canvas") }), key = `${view.key} ${voxel[fixed]} ${width}`;
    if (canvas.width !== pixels.width || canvas.height !== pixels.height) {
      for (const one of [canvas, below.sheet]) Object.assign(one, pixels);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    if (below.key !== key) {
      const brush = below.sheet.getContext("2d");
      brush.setTransform(ratio, 0, 0, ratio, 0, 0);
      brush.globalAlpha = 1;
      layer(brush, view, width, height, steps);
      below.key = key;
    }
    const pen = canvas.getContext("2d"), rows = size[down];
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.drawImage(below.sheet, 0, 0, width, height);
    cross(pen, [(voxel[across] + 0.5) * steps[0], ((turned ? rows - 1 - voxel[down] : voxel[down]) + 0.5) * steps[1]], width, height);
    text(pen, marks[0], 9, height / 2 + 4);
    text(pen, marks[1], width - 9, height / 2 + 4);
    text(pen, marks[2], view.title ? width * 0.6 : width / 2, 15);
    if (view.title) text(pen, view.title, 6, 15, "left");
    if (view.bar && width > 160) scaleBar(pen, scale, width, height);
  }

  // Returns the voxel under a point of a canvas (0 to 1 from left and top); the fixed axis stays.
  function voxelAt(name, size, voxel, [right, below]) {
    const { across, down, turned } = PLANES[name], found = [...voxel];
    const at = (share, count) => Math.min(count - 1, Math.max(0, Math.floor(share * count)));
    found[across] = at(right, size[across]);
    found[down] = at(turned ? 1 - below : below, size[down]);
    return found;
  }

  return { PLANES, plane, greys, voxelAt, hatch, paint, outline, stroke, MISSED };
})();
