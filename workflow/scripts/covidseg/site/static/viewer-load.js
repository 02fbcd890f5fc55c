// Unpacks a case's masks and pictures, which load.js has loaded.
"use strict";

Object.assign(covidseg, {
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
});
