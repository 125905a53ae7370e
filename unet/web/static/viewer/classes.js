// The legend of weights with classes: a switch for each class, and the choice of all or of one.

const EVERY = ["side", "compare"]; // views that can show all classes
let legends = 0;

export class Classes {
  /**
   * `classes` have `name`, `color` and `background`. `pick(label)` asks the server for the probabilities of one, and
   * `onchange` is called when something else is to be drawn.
   */
  constructor(root, classes, pick, onchange) {
    this.root = root;
    this.classes = classes;
    this.pick = pick;
    this.onchange = onchange;
    this.colors = classes.map(({ color }) => color);
    this.on = classes.map(({ background }) => !background); // whether each is drawn among all
    this.views = [...root.querySelectorAll(".views input")];
    this.color = root.querySelector("[data-setting=color]");
    this.text = root.querySelector("p.here");
    this.every = root.querySelector(".classes .all input");
    legends += 1;
    this.rows = classes.map((entry, label) => this.#row(entry, label));
    this.radios = [this.every, ...this.rows.map(({ radio }) => radio)];
    root.querySelector(".classes ul").append(...this.rows.map(({ item }) => item));
    this.radios.forEach((radio, place) => {
      radio.name = `viewer-classes-${legends}`;
      radio.addEventListener("change", () => this.#choose(place === 0 ? null : place - 1));
    });
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
    this.text.textContent = label === null ? "" : this.classes[label].name;
    this.rows.forEach(({ item }, row) => item.classList.toggle("here", row === label));
  }

  #choose(label) {
    this.wanted = label;
    this.#settle();
  }

  #settle() {
    const ready = this.wanted === null || this.wanted === this.picked;
    this.radios[this.wanted === null ? 0 : this.wanted + 1].checked = true;
    this.root.classList.toggle("asking", !ready);
    if (ready) this.#show(this.wanted);
    else if (!this.waiting) {
      this.waiting = true; // one request at a time; its answer starts the next one, if another class is wanted by then
      this.pick(this.wanted);
    }
  }

  #show(label) {
    const other = label !== this.label;
    this.label = label;
    this.root.dataset.classes = this.all ? "all" : "one";
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

  #row({ name, color }, label) {
    const make = (tag, properties) => Object.assign(document.createElement(tag), properties);
    const item = make("li", { title: name });
    const box = make("input", { type: "checkbox", checked: this.on[label] });
    box.setAttribute("aria-label", `Show ${name} among all classes`);
    box.addEventListener("change", () => {
      this.on[label] = box.checked;
      this.onchange();
    });
    const radio = make("input", { type: "radio", value: label });
    const swatch = make("i", { className: "colour" });
    swatch.style.background = color;
    const amount = make("span", { className: "amount" });
    const choice = make("label");
    choice.append(radio, swatch, make("span", { textContent: name }), amount);
    item.append(box, choice);
    return { item, radio, amount };
  }
}

/** Name the class under the pointer, or in the middle of the stage while the keyboard moves the picture. */
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
  stage.element.addEventListener("keyup", middle); // also of the Tab key that comes here
  stage.element.addEventListener("blur", () => classes.name(null));
}
