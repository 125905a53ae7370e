// Paints the canvases: the picture once, the result after every change.

import {
  contrastMap,
  drawCutout,
  drawLevels,
  drawOutline,
  drawOverlay,
  foregroundShare,
  greys,
  maskTable,
  outlineWidth,
  softEdge,
  tint,
} from "./drawing.js";
import { HEAT } from "./heat.js";

export class Painter {
  constructor(before, main, { outlineUnit, contrast }) {
    this.before = before;
    this.main = main;
    this.unit = outlineUnit;
    this.contrastOptions = contrast;
    this.scene = null;
  }

  /** Use a new scene; `again` if only its probabilities are new. */
  use(scene, again) {
    this.scene = scene;
    if (again) return;
    const { width, height } = scene;
    for (const canvas of [this.before, this.main]) Object.assign(canvas, { width, height });
    this.before.getContext("2d").putImageData(scene.image, 0, 0);
    this.image = new ImageData(width, height);
    this.target = new Uint32Array(this.image.data.buffer);
    this.context = this.main.getContext("2d");
    this.tinted = null;
  }

  clear() {
    this.scene = this.image = this.target = this.tinted = this.contrast = null;
    for (const canvas of [this.before, this.main]) Object.assign(canvas, { width: 1, height: 1 });
    for (const name of Object.keys(this.main.dataset)) delete this.main.dataset[name];
    this.main.setAttribute("aria-label", "No result yet");
  }

  /**
   * Paint the view that `settings` describe; returns the share of foreground, 0..1. `classes` are the legend's, or null;
   * if it shows all of them, the share is that of those switched on.
   */
  paint(settings, threshold, classes) {
    const started = performance.now();
    const share = classes?.all ? this.#drawAll(settings, classes) : this.#drawOne(settings, threshold);
    this.context.putImageData(this.image, 0, 0);
    Object.assign(this.main.dataset, {
      view: settings.view,
      threshold,
      foreground: share.toFixed(6),
      ms: (performance.now() - started).toFixed(2),
    });
    return share;
  }

  #drawAll({ opacity }, { shown, colors, shares }) {
    const { picture, labels } = this.scene;
    const table = new Uint8Array(256);
    for (const label of shown) table[label] = 255;
    drawOverlay(this.target, picture, this.#tint(labels, colors, opacity), labels, table);
    return shown.reduce((sum, label) => sum + shares[label], 0);
  }

  #drawOne(settings, threshold) {
    const { target } = this;
    const { picture, colours, prob, width, height } = this.scene;
    const { view, color, opacity, invert, softness } = settings;
    if (view === "probability") drawLevels(target, prob, HEAT);
    else if (view === "mask") drawLevels(target, prob, greys(maskTable(threshold, invert)));
    else if (view === "cutout") {
      const edge = softEdge(threshold, softness, invert);
      drawCutout(target, this.scene, invert ? picture : colours, colours, edge, this.#contrast());
    } else {
      const table = maskTable(threshold, invert);
      drawOverlay(target, picture, this.#tint(null, [color], opacity), prob, table);
      const reach = outlineWidth(width, height, this.unit);
      if (settings.outline) drawOutline(target, prob, table, width, reach, color);
    }
    return foregroundShare(this.scene.value.histogram, threshold, invert);
  }

  /** The contrast of the probability map; computed once for each. */
  #contrast() {
    const { prob, width } = this.scene;
    if (this.contrast?.prob !== prob) this.contrast = { prob, ...contrastMap(prob, width, this.contrastOptions) };
    return this.contrast;
  }

  /** The whole picture tinted; computed once per picture, colours and opacity. */
  #tint(labels, colors, opacity) {
    const key = `${colors} ${opacity}`; // all classes have several colours, what is shown alone has one
    if (this.tinted?.key !== key) this.tinted = { key, pixels: tint(this.scene.picture, labels, colors, opacity) };
    return this.tinted.pixels;
  }
}
