// The legend of weights with classes: a switch for each class, and the choice of all or of one.

const EVERY = ["side", "compare"]; // views that can show all classes
const KEY_PAUSE = 300; // milliseconds without a further choice by keyboard until the server is asked
let legends = 0;

export class Classes {
  /**
   * `classes` have `name`, `color` and `background`; `slider` is the ID of the element that sets the threshold.
   * `pick(label)` asks the server for the probabilities of one, and `onchange` is called when something else is to be
   * drawn.
   */
  constructor(root, { classes, slider }, pick, onchange) {
    this.root = root;
    this.classes = classes;
    this.slider = slider;
    this.pick = pick;
    this.onchange = onchange;
    this.colors = classes.map(({ color }) => color);
    this.on = classes.map(({ background }) => !background); // whether each is drawn among all
    this.views = [...root.querySelectorAll(".views input")];
    this.color = root.querySelector("[data-setting=color]");
    this.text = root.querySelector("p.here");
    this.switches = root.querySelector(".classes .switches input");
    this.list = root.querySelector(".classes ul");
    this.here = null; // the label that is named
    this.pause = 0; // milliseconds from a choice to its request
    legends += 1;
    this.rows = classes.map((entry, label) => this.#row(entry, label));
    this.radios = [root.querySelector(".classes .all input"), ...this.rows.map(({ radio }) => radio)];
    this.radios.forEach((radio, place) => {
      radio.name = `viewer-classes-${legends}`;
      radio.addEventListener("change", () => this.#choose(place === 0 ? null : place - 1));
    });
    this.#wireKeys(root.querySelector(".classes"));
    this.switches.addEventListener("change", () => this.#switchAll(this.switches.checked));
    this.#order(classes.map((_, label) => label));
    this.clear();
  }

  /** Whether all classes are shown; else the one of `label` is. */
  get all() {
    return this.label === null;
  }

  /** What the share is a share of. */
  get word() {
    return this.all ? "tinted" : this.classes[this.label].name;
  }

  /** The labels that are drawn among all. */
  get shown() {
    return this.classes.map((_, label) => label).filter((label) => this.on[label]);
  }

  /** Use a value of the viewer; `again` if it is of the same picture. */
  use({ picked, shares }, again) {
    if (!again) {
      this.wanted = this.label = null;
      this.shares = shares;
      this.rows.forEach(({ amount }, label) => {
        amount.textContent = `${(100 * shares[label]).toFixed(1)}%`;
      });
      const labels = shares.map((_, label) => label);
      this.#order(labels.sort((a, b) => (shares[a] === 0) - (shares[b] === 0))); // those that do not occur last
      this.name(null);
    }
    this.waiting = false;
    this.picked = picked; // the class whose probabilities are there
    if (!this.all && this.label !== picked) this.#show(picked); // another may be wanted by now
    this.#settle();
  }

  clear() {
    this.wanted = this.label = this.picked = null;
    this.waiting = false; // for the server's answer
    this.shares = [];
    for (const { amount } of this.rows) amount.textContent = "–";
    this.name(null);
    this.#settle();
  }

  /** The server could not answer: go back to what is shown. */
  failed() {
    this.waiting = false;
    this.#choose(this.label);
  }

  /** Say the name of the class of that label, and mark its row; null for none. */
  name(label) {
    if (label === this.here) return; // a status that is written again may be read again
    this.rows[this.here]?.item.classList.remove("here");
    this.here = label;
    this.text.textContent = this.classes[label]?.name ?? "";
    if (label === null) return;
    const { item } = this.rows[label];
    item.classList.add("here");
    // Not scrollIntoView, which would scroll the page, too.
    const { offsetTop: top, offsetHeight: height } = item;
    this.list.scrollTop = Math.min(top, Math.max(this.list.scrollTop, top + height - this.list.clientHeight));
  }

  #choose(label) {
    this.wanted = label;
    this.#settle();
  }

  #settle() {
    const ready = this.wanted === null || this.wanted === this.picked;
    this.radios[this.wanted === null ? 0 : this.wanted + 1].checked = true;
    this.root.classList.toggle("asking", !ready);
    clearTimeout(this.timer);
    if (ready) this.#show(this.wanted);
    else if (!this.waiting) this.timer = setTimeout(() => this.#ask(), this.pause);
  }

  #ask() {
    this.waiting = true; // one request at a time; its answer starts the next one, if another class is wanted by then
    this.pick(this.wanted);
  }

  #show(label) {
    const other = label !== this.label;
    this.label = label;
    this.root.dataset.classes = this.all ? "all" : "one";
    for (const box of [this.switches, ...this.rows.map((row) => row.box)]) box.disabled = !this.all;
    document.getElementById(this.slider)?.toggleAttribute("inert", this.all);
    for (const view of this.views) view.disabled = this.all && !EVERY.includes(view.value);
    const view = this.views.find(({ checked }) => checked);
    if (view.disabled) {
      this.views[0].checked = true;
      this.views[0].dispatchEvent(new Event("input"));
    }
    if (other && label !== null) {
      this.color.value = this.colors[label];
      this.color.dispatchEvent(new Event("input"));
    }
    this.onchange();
  }

  /** List the classes in the order of `labels`. */
  #order(labels) {
    this.list.append(...labels.map((label) => this.rows[label].item));
    this.#stopAt(this.rows[labels[0]].box);
  }

  /** Make `box` the one of the switches that the Tab key reaches. */
  #stopAt(box) {
    if (this.stop) this.stop.tabIndex = -1;
    this.stop = box;
    box.tabIndex = 0;
  }

  #wireKeys(legend) {
    // Arrow keys pass many classes on their way to the one that is wanted.
    legend.addEventListener("keydown", () => (this.pause = KEY_PAUSE));
    legend.addEventListener("pointerdown", () => (this.pause = 0));
    this.list.addEventListener("focusin", ({ target }) => {
      if (target.type === "checkbox") this.#stopAt(target);
    });
    this.list.addEventListener("keydown", (event) => {
      if (event.target.type !== "checkbox" || event.ctrlKey || event.metaKey || event.altKey) return;
      const boxes = [...this.list.querySelectorAll("[type=checkbox]")];
      const [at, last] = [boxes.indexOf(event.target), boxes.length - 1];
      const [before, after] = [Math.max(at - 1, 0), Math.min(at + 1, last)];
      const moves = { ArrowUp: before, ArrowLeft: before, ArrowDown: after, ArrowRight: after, Home: 0, End: last };
      if (!(event.key in moves)) return;
      event.preventDefault();
      boxes[moves[event.key]].focus();
    });
  }

  /** Switch all classes but background. */
  #switchAll(on) {
    this.rows.forEach(({ box }, label) => {
      if (!this.classes[label].background) this.on[label] = box.checked = on;
    });
    this.#switched();
  }

  #switched() {
    const own = this.on.filter((_, label) => !this.classes[label].background);
    this.switches.checked = own.every(Boolean);
    this.switches.indeterminate = own.some(Boolean) && !this.switches.checked;
    this.onchange();
  }

  #row({ name, color }, label) {
    const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
    const item = make("li", { title: name });
    const box = make("input", { type: "checkbox", checked: this.on[label], tabIndex: -1 });
    box.setAttribute("aria-label", `Show ${name} among all classes`);
    box.addEventListener("change", () => {
      this.on[label] = box.checked;
      this.#switched();
    });
    const radio = make("input", { type: "radio", value: label });
    const swatch = make("i", { className: "colour" });
    swatch.style.background = color;
    const amount = make("span", { className: "amount" });
    const choice = make("label");
    choice.append(radio, swatch, make("span", { textContent: name }), amount);
    item.append(box, choice);
    return { item, box, radio, amount };
  }
}

/** Name the class under the pointer, or in the middle of the stage while it has the focus. */
export function wireNames(stage, classes, scene) {
  const name = (point) => {
    const shown = scene();
    if (shown === null) return;
    const at = stage.toPicture(point);
    const [x, y] = [Math.floor(at.x * shown.width), Math.floor(at.y * shown.height)];
    const inside = x >= 0 && y >= 0 && x < shown.width && y < shown.height;
    classes.name(inside ? shown.labels[y * shown.width + x] : null);
  };
  const middle = () => name({ x: stage.room.width / 2, y: stage.room.height / 2 });
  stage.element.addEventListener("pointermove", (event) => name(stage.locate(event.clientX, event.clientY)));
  stage.element.addEventListener("pointerleave", () => classes.name(null));
  stage.element.addEventListener("keyup", ({ target }) => {
    if (target === stage.element) middle(); // also after the Tab key that comes here
  });
  stage.element.addEventListener("focusout", () => classes.name(null));
}
