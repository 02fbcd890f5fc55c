// Unpacks a case's masks and pictures, which load.js has loaded.
"use strict";

Object.assign(covidseg, {
  digits: Object.fromEntries([..."0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"].map((digit, n) => [digit, n])),

  // Returns the bytes of a text in base 85: 5 characters are 4 bytes, and fewer at the end.
  bytesOf85(text) {
    const words = Math.ceil(text.length / 5), bytes = new DataView(new ArrayBuffer(4 * words));
    for (let word = 0; word < words; word++) {
      let value = 0;
      for (let n = 5 * word; n < 5 * word + 5; n++) value = 85 * value + (covidseg.digits[text[n]] ?? 84);
      bytes.setUint32(4 * word, value);
    }
    return new Uint8Array(bytes.buffer, 0, text.length - words);
  },

  // Returns a label map (z, y, x) from one mask per label; 8 masks are the bits of one volume of codes.
  // first: number of the first label's mask
  async masks(packed, labels, size, first = 0) {
    const codes = await Promise.all(packed.map((pictures) => covidseg.pictures(pictures, size)));
    const volume = new Uint8Array(codes[0].length);
    labels.forEach((label, n) => {
      const own = codes[(first + n) >> 3], bit = 1 << ((first + n) & 7);
      for (let voxel = 0; voxel < volume.length; voxel++) if (own[voxel] & bit) volume[voxel] = label;
    });
    return volume;
  },

  // Returns codes (z, y, x) from pictures; each has the rows that follow those of the picture before it.
  async pictures(packed, [depth, height, width]) {
    const codes = new Uint8Array(depth * height * width);
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    const plain = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
    const decoded = await Promise.all(packed.map((text) => createImageBitmap(new Blob([covidseg.bytesOf85(text)]), plain)));
    let at = 0;
    for (const picture of decoded) {
      Object.assign(canvas, { width, height: picture.height });
      pen.drawImage(picture, 0, 0);
      const { data } = pen.getImageData(0, 0, width, picture.height);
      for (let n = 0; n < data.length; n += 4) codes[at++] = data[n];
      picture.close();
    }
    return codes;
  },
});
