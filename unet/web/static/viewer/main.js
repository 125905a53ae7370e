// One viewer: connects picture, controls, clicks and server.

import { Camera } from "./camera.js";
import { Classes, wireNames } from "./classes.js";
import { Clicks } from "./clicks.js";
import { Downloads } from "./download.js";
import { wireGestures } from "./gestures.js";
import { drawRamp } from "./heat.js";
import { loadScene } from "./loading.js";
import { Marks } from "./marks.js";
import { Painter } from "./painter.js";
import { Settings } from "./settings.js";
import { Stage } from "./stage.js";

const ANNOUNCE_AFTER = 700; // milliseconds without a change until screen readers hear the share
const KEYS = "Plus and minus zoom, arrow keys move, 0 shows all";
const NAMES = { side: "Overlay", compare: "Overlay", cutout: "Cut-out", mask: "Mask", probability: "Probability" };

/** Start the viewer in `root`. `host` is the component's element; `send` holds functions that send its events. */
export function mount(root, host, options, send) {
  return new Viewer(root, host, options, send);
}

class Viewer {
  constructor(root, host, options, send) {
    const find = (selector) => root.querySelector(selector);
    this.root = root;
    this.send = send;
    this.value = null; // the newest value
    this.scene = null; // the data on screen, once loaded
    this.loading = null; // AbortController of the load in progress
    this.threshold = options.threshold;
    this.moved = false; // whether the slider has set the threshold
    this.due = { paint: false, place: false };
    this.output = find(".percent");
    this.spoken = find(".spoken");
    this.message = find(".message");
    this.notices = find(".notices");
    this.size = find(".size");
    this.anySize = this.size.textContent;
    this.takesClicks = options.takesClicks;
    this.clickBar = find(".bar.clicks");
    this.clickBar.hidden = !this.takesClicks;
    this.replaced = new Set(); // URLs of earlier pictures
    this.painter = new Painter(find("canvas.picture"), find("canvas.main"), options);
    this.stage = new Stage(root, new Camera(), () => this.#request("place"));
    this.settings = new Settings(root, options, () => this.#applySettings());
    this.clicks = new Clicks((clicks) => this.#point(clicks), () => this.#showClicks());
    this.marks = new Marks([...root.querySelectorAll(".marks")], this.clicks, () => this.scene.value);
    this.downloads = new Downloads(
      root,
      (settings) => this.#download(settings),
      () => this.#drawing(),
      (text) => this.#say(text),
    );
    wireGestures(this.stage, {
      ready: () => this.scene !== null,
      points: () => this.#pointing,
      tap: (point, other) => this.#tap(point, other),
      enter: (point, other) => {
        this.#tap(point, other);
        this.marks.focusLast(); // arrow keys then move it
      },
    });
    this.#wireClicks();
    drawRamp(find(".ramp canvas"));
    this.classes = null;
    if (options.classes) {
      const pick = (label) => this.#pick(label);
      this.classes = new Classes(root, options, pick, () => this.#applySettings());
      wireNames(this.stage, this.classes, () => this.scene);
    }
    host.addEventListener("viewer-threshold", (event) => this.#setThreshold(event.detail));
    host.addEventListener("viewer-failed", (event) => this.#failed(event.detail));
    this.#setThreshold(host.received?.threshold);
    this.#applySettings();
  }

  /** Show a value, or null for nothing. A value that is loaded after a newer one is dropped. */
  async show(value) {
    if (value !== null && this.replaced.has(value.image.url)) {
      // A late answer to clicks on an earlier picture.
      this.send.restore(this.value);
      return;
    }
    if (this.value !== null && this.value.image.url !== value?.image.url) this.replaced.add(this.value.image.url);
    this.value = value;
    this.loading?.abort();
    if (value === null) {
      this.loading = null;
      this.#clear();
      return;
    }
    const mine = (this.loading = new AbortController());
    this.root.setAttribute("aria-busy", "true");
    try {
      const scene = await loadScene(value, this.scene, mine.signal);
      if (mine !== this.loading) return;
      if (value.prob.url !== this.scene?.value.prob.url) this.#say(""); // a result that is restored keeps its message
      this.#use(scene);
    } catch (error) {
      if (mine !== this.loading) return; // a newer value is being loaded
      if (this.#changing) this.#clear();
      else {
        this.value = this.scene.value; // the last result of the same picture
        this.send.restore(this.value);
        this.#failed("point");
        this.#failed("pick");
      }
      this.#say(`The result could not be shown: ${error.message}`);
    } finally {
      if (mine === this.loading) {
        this.root.removeAttribute("aria-busy");
        this.loading = null;
      }
    }
  }

  /** Handle the server's answer to a download. */
  downloaded(answer) {
    this.downloads.answered(answer);
  }

  #use(scene) {
    const again = this.scene !== null && this.scene.image === scene.image;
    this.scene = scene;
    const { value } = scene;
    if (value.threshold !== null && !this.moved) this.threshold = value.threshold;
    this.painter.use(scene, again);
    if (again) this.clicks.answered(value.clicks);
    else {
      this.clicks.reset(value.clicks);
      this.stage.picture = { width: scene.width, height: scene.height };
      this.stage.share = 50;
      this.stage.camera.fit();
    }
    this.root.dataset.state = "ready";
    this.stage.element.tabIndex = 0;
    this.settings.enable(true);
    this.size.textContent = `PNG files, ${value.width} × ${value.height} pixels.`;
    this.notices.textContent = value.notices.join(" ");
    this.clickBar.hidden = !value.takes_clicks;
    this.stage.element.classList.toggle("points", value.takes_clicks);
    const keys = [KEYS];
    if (value.takes_clicks) keys.push("Enter clicks the middle");
    if (this.classes) keys.push("the class in the middle is named");
    this.stage.element.setAttribute("aria-label", `Result. ${keys.join(", ")}.`);
    this.#showClicks();
    this.classes?.use(value, again);
    this.#applySettings();
  }

  #clear() {
    this.scene = null;
    this.painter.clear();
    this.clicks.reset([]);
    this.marks.layers.forEach((layer) => layer.replaceChildren());
    this.stage.picture = null;
    this.stage.element.tabIndex = -1;
    this.stage.element.setAttribute("aria-label", "Result");
    this.stage.element.classList.remove("zoomed", "points");
    for (const button of Object.values(this.stage.buttons)) button.disabled = true;
    this.stage.level.textContent = "100%";
    this.root.dataset.state = "empty";
    this.root.classList.remove("asking");
    this.root.removeAttribute("aria-busy");
    this.size.textContent = this.anySize;
    this.notices.textContent = "";
    this.output.textContent = "–";
    this.spoken.textContent = "";
    this.clickBar.hidden = !this.takesClicks;
    for (const button of this.clickBar.querySelectorAll("button")) button.disabled = true;
    this.settings.enable(false);
    this.classes?.clear();
    this.#say("");
    this.#applySettings();
  }

  #setThreshold(threshold) {
    if (typeof threshold !== "number" || !(threshold >= 0 && threshold <= 1)) return; // for example an empty number box
    this.threshold = threshold;
    this.moved = true;
    this.#request("paint");
  }

  /** Apply changed settings. */
  #applySettings() {
    const { view, ground } = this.settings;
    this.stage.view = view;
    this.stage.captions[1].textContent = NAMES[view];
    this.stage.main.style.background = view === "cutout" && ground ? ground : "";
    this.stage.main.classList.toggle("cutout", view === "cutout");
    this.#request("place");
    this.#request("paint");
  }

  /** Paint or place with the next frame, once per frame. */
  #request(what) {
    const idle = !this.due.paint && !this.due.place;
    this.due[what] = true;
    if (!idle) return;
    requestAnimationFrame(() => {
      const { paint, place } = this.due;
      this.due = { paint: false, place: false };
      if (place) this.stage.place();
      if (paint && this.scene) this.#paint();
    });
  }

  #paint() {
    const share = this.painter.paint(this.settings, this.threshold, this.classes);
    const percent = `${(100 * share).toFixed(1)}%`;
    const word = this.classes?.word ?? "foreground";
    this.output.textContent = percent;
    if (this.classes) this.output.nextSibling.data = ` ${word}`;
    this.stage.main.setAttribute("aria-label", `${NAMES[this.settings.view]}: ${percent} of the picture is ${word}`);
    this.stage.legend.querySelector(".tick").style.left = `${100 * this.threshold}%`;
    clearTimeout(this.reading);
    this.reading = setTimeout(() => {
      if (this.scene) this.spoken.textContent = `${word[0].toUpperCase()}${word.slice(1)} ${percent}`;
    }, ANNOUNCE_AFTER);
  }

  #drawing() {
    const { color, opacity, outline, invert, softness } = this.settings;
    const drawing = { threshold: this.threshold, color, opacity, outline, invert, softness };
    return this.classes?.all ? { ...drawing, classes: this.classes.shown } : drawing;
  }

  #say(text) {
    this.message.textContent = text;
  }

  /** Whether the files of another picture are being loaded. Events would then mix that picture with the shown one. */
  get #changing() {
    return this.value?.image.url !== this.scene?.value.image.url;
  }

  #download(settings) {
    if (this.#changing) throw new Error("The next picture is still loading. Please try again.");
    if (this.value?.picked !== this.scene?.value.picked) {
      throw new Error("The next class is still loading. Please try again.");
    }
    this.send.download(settings);
  }

  #pick(label) {
    if (!this.#changing) this.send.pick({ label }); // else the next picture is shown with all classes
  }

  // Clicks

  #point(clicks) {
    if (!this.#changing) this.send.point({ clicks }); // else the next picture discards them
  }

  get #pointing() {
    return this.scene !== null && this.scene.value.takes_clicks && !this.#changing;
  }

  #tap(point, other) {
    const at = this.marks.pixelAt(this.stage.toPicture(point));
    if (at === null) return;
    const sign = Number(this.root.querySelector(".signs input:checked").value);
    this.clicks.add({ ...at, label: other ? 1 - sign : sign });
  }

  #showClicks() {
    this.root.classList.toggle("asking", this.clicks.waiting);
    if (!this.#pointing) return;
    this.marks.draw();
    const enabled = { undo: this.clicks.canUndo, redo: this.clicks.canRedo, clear: this.clicks.list.length > 0 };
    for (const button of this.clickBar.querySelectorAll("[data-click]")) {
      button.disabled = !enabled[button.dataset.click];
    }
  }

  #wireClicks() {
    for (const button of this.clickBar.querySelectorAll("[data-click]")) {
      button.addEventListener("click", () => {
        this.clicks[button.dataset.click]();
        if (button.disabled) this.stage.element.focus({ preventScroll: true }); // a disabled button hears no keys
      });
    }
    this.root.addEventListener("keydown", (event) => {
      if (!this.#pointing || !(event.ctrlKey || event.metaKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      if (key === "z" && !event.shiftKey) this.clicks.undo();
      else if (key === "y" || key === "z") this.clicks.redo();
      else return;
      event.preventDefault();
    });
  }

  #failed(what) {
    if (what === "download") this.downloads.failed();
    if (what === "pick") this.classes?.failed();
    if (what === "point" && this.scene) this.clicks.failed(this.scene.value.clicks);
  }
}
