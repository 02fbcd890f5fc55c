// Loads files of the site. A page from disk may not read neighbours, but may run their scripts: each file is a
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

  // Plotly is stored as gzip, for its size. The page's policy allows the script at the address blob:.
  async unpackPlotly(address) {
    const script = new Blob([await covidseg.unzip(await covidseg.load(address, "plotly"))], { type: "text/javascript" });
    covidseg.received.delete("plotly");
    const unpacked = URL.createObjectURL(script);
    await covidseg.run(unpacked);
    URL.revokeObjectURL(unpacked);
  },

  // Resolves when Plotly is there; the first call loads it.
  plotly() {
    covidseg.plotlyLoaded ??= covidseg.unpackPlotly(`${document.body.dataset.root}assets/plotly.js`);
    return covidseg.plotlyLoaded;
  },
};
