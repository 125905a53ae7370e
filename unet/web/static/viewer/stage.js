// The stage: one or two panes with the picture, the divider and the legend of probabilities.

const KEY_STEP = 2; // percent the divider moves for an arrow key
const SHARP = 3; // screen pixels per pixel of the picture from which pixels are drawn as squares

export class Stage {
  /** `onchange` is called when the stage needs a new layout. */
  constructor(root, camera, onchange) {
    const find = (selector) => root.querySelector(selector);
    this.element = find(".stage");
    this.panes = [find(".pane.before"), find(".pane.after")];
    this.sheets = this.panes.map((pane) => pane.querySelector(".sheet"));
    this.main = find("canvas.main");
    this.captions = this.panes.map((pane) => pane.querySelector(".caption"));
    this.divider = find(".divider");
    this.legend = find(".legend");
    this.level = find(".zoom .level");
    this.buttons = Object.fromEntries([...root.querySelectorAll("[data-zoom]")].map((b) => [b.dataset.zoom, b]));
    this.camera = camera;
    this.onchange = onchange;
    this.picture = null; // its width and height
    this.view = "side";
    this.share = 50; // percent of the visible picture on the left of the divider
    new ResizeObserver(() => this.onchange()).observe(this.element);
    this.#wireDivider();
  }

  /** Width and height of a pane. */
  get room() {
    const { clientWidth: width, clientHeight: height } = this.panes[1];
    return { width, height };
  }

  /** A point of the window in coordinates of the pane under it. */
  locate(clientX, clientY) {
    const shown = this.view === "side" ? this.panes : [this.panes[1]];
    const boxes = shown.map((pane) => pane.getBoundingClientRect());
    const box = boxes.find((b) => clientX >= b.left && clientX < b.right && clientY >= b.top && clientY < b.bottom);
    const { left, top } = box ?? boxes.at(-1);
    return { x: clientX - left, y: clientY - top };
  }

  /** A point of a pane in coordinates of the picture, 0..1 inside it. */
  toPicture(point) {
    const place = this.camera.place(this.room, this.picture);
    return { x: (point.x - place.left) / place.width, y: (point.y - place.top) / place.height };
  }

  zoomBy(factor, point = { x: this.room.width / 2, y: this.room.height / 2 }) {
    const changed = this.picture !== null && this.camera.zoomAt(factor, point, this.room, this.picture);
    if (changed) this.onchange();
    return changed;
  }

  panBy(dx, dy) {
    if (this.picture === null) return;
    this.camera.panBy(dx, dy, this.room, this.picture);
    this.onchange();
  }

  fit() {
    this.camera.fit();
    this.onchange();
  }

  /** Lay out the panes for the current view and camera. */
  place() {
    this.element.dataset.view = this.view;
    this.element.dataset.flow = this.#flow();
    this.divider.hidden = this.view !== "compare" || this.picture === null;
    this.legend.hidden = this.view !== "probability" || this.picture === null;
    if (this.picture === null) return;
    const { room } = this;
    if (room.width === 0 || room.height === 0) return; // hidden, for example in an inactive tab
    const at = this.camera.place(room, this.picture);
    for (const sheet of this.sheets) {
      sheet.style.width = `${at.width}px`;
      sheet.style.height = `${at.height}px`;
      sheet.style.transform = `translate(${at.left}px, ${at.top}px)`;
      sheet.classList.toggle("sharp", at.scale * window.devicePixelRatio >= SHARP);
    }
    this.#placeDivider(at, room);
    this.element.classList.toggle("zoomed", this.camera.zoom > 1);
    this.level.textContent = `${Math.round(100 * this.camera.zoom)}%`;
    this.buttons.out.disabled = this.buttons.fit.disabled = this.camera.zoom === 1;
    this.buttons.in.disabled = this.camera.zoom === this.camera.maxZoom;
  }

  /** Panes side by side, or one above the other if that makes the picture larger. */
  #flow() {
    if (this.view !== "side") return "one";
    if (this.picture === null) return "row";
    const { clientWidth: w, clientHeight: h } = this.element;
    const { width, height } = this.picture;
    return Math.min(w / 2 / width, h / height) >= Math.min(w / width, h / 2 / height) ? "row" : "column";
  }

  /** Left and right end of the visible part of the picture, in pixels of the pane. */
  #seen(at, room) {
    return [Math.max(0, at.left), Math.min(room.width, at.left + at.width)];
  }

  #placeDivider(at, room) {
    const [from, to] = this.#seen(at, room);
    const x = from + ((to - from) * this.share) / 100;
    this.main.style.clipPath = this.view === "compare" ? `inset(0 0 0 ${x - at.left}px)` : "";
    this.divider.style.transform = `translateX(${x}px)`;
    const percent = Math.round(this.share);
    this.divider.setAttribute("aria-valuenow", percent);
    this.divider.setAttribute("aria-valuetext", `${percent} percent picture, ${100 - percent} percent overlay`);
  }

  #wireDivider() {
    const set = (share) => {
      this.share = Math.max(0, Math.min(100, share));
      this.onchange();
    };
    this.divider.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      event.stopPropagation();
      this.divider.focus();
      this.divider.setPointerCapture(event.pointerId);
    });
    this.divider.addEventListener("pointermove", (event) => {
      if (!this.divider.hasPointerCapture(event.pointerId) || this.picture === null) return;
      const [from, to] = this.#seen(this.camera.place(this.room, this.picture), this.room);
      set((100 * (this.locate(event.clientX, event.clientY).x - from)) / (to - from));
    });
    this.divider.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: -KEY_STEP, ArrowDown: -KEY_STEP, ArrowRight: KEY_STEP, ArrowUp: KEY_STEP };
      const jumps = { Home: 0, End: 100, PageDown: this.share - 10, PageUp: this.share + 10 };
      const to = event.key in moves ? this.share + moves[event.key] : jumps[event.key];
      if (to === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      event.stopPropagation();
      set(to);
    });
  }
}
