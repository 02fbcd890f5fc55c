// Loads a case's files. A page from disk may not read neighbours, but may run their scripts: each file is a
// script that hands over its content.
"use strict";

window.covidseg = {
  received: new Map(),

  receive(name, content) { covidseg.received.set(name, content); },

  // Returns the content of a file of the site, which is a promise.
  load(address, name) {
    const found = covidseg.received.get(name);
    if (found) return Promise.resolve(found);
    return covidseg.run(address).then(() => covidseg.received.get(name));
  },

  run(address) {
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = address;
      script.onload = resolve;
      script.onerror = () => reject(new Error(`${address} cannot be loaded`));
      document.head.append(script);
    });
  },

  bytes(text) {
    const packed = atob(text), bytes = new Uint8Array(packed.length);
    for (let n = 0; n < packed.length; n++) bytes[n] = packed.charCodeAt(n);
    return bytes;
  },

  async unzip(text) {
    const stream = new Blob([covidseg.bytes(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  },

  // Returns a label map (z, y, x) from one mask per label, one bit per voxel, rows of whole bytes.
  async masks(text, labels, [depth, height, width]) {
    const bits = await covidseg.unzip(text), row = (width + 7) >> 3, volume = new Uint8Array(depth * height * width);
    labels.forEach((label, n) => {
      let from = n * depth * height * row;
      for (let line = 0; line < depth * height; line++, from += row)
        for (let x = 0; x < width; x++) if (bits[from + (x >> 3)] & (128 >> (x & 7))) volume[line * width + x] = label;
    });
    return volume;
  },

  // Returns a scan's codes (z, y, x), from one picture per slice.
  async pictures(slices, [depth, height, width]) {
    const codes = new Uint8Array(depth * height * width);
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width, height });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const plain = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    const decoded = await Promise.all(slices.map((text) => createImageBitmap(new Blob([covidseg.bytes(text)]), plain)));
    decoded.forEach((picture, z) => {
      pen.drawImage(picture, 0, 0);
      const { data } = pen.getImageData(0, 0, width, height);
      for (let n = 0, at = z * height * width; n < height * width; n++) codes[at + n] = data[4 * n];
      picture.close();
    });
    return codes;
  },
};
