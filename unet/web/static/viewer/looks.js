// The controls that say how things look: view, colours, outline, soft edge.

const MAX_SOFTNESS = 127; // levels, as in unet/web/download.py

let viewers = 0;

export class Looks {
  /** `onchange` is called after every change, with what the settings then are in the properties. */
  constructor(root, options, onchange) {
    this.root = root;
    viewers += 1;
    for (const [selector, name] of [[".views input", "view"], [".signs input", "sign"]]) {
      for (const input of root.querySelectorAll(selector)) input.name = `viewer-${viewers}-${name}`;
    }
    this.controls = Object.fromEntries([...root.querySelectorAll("[data-look]")].map((c) => [c.dataset.look, c]));
    this.controls.color.value = options.color;
    this.controls.opacity.value = Math.round(100 * options.opacity);
    this.fields = [...root.querySelectorAll("fieldset")];
    this.purposes = [...root.querySelectorAll("[data-for]")];
    this.#read();
    for (const control of [...root.querySelectorAll(".views input"), ...Object.values(this.controls)]) {
      control.addEventListener("input", () => {
        // Who picks a colour wants to see it.
        if (control === this.controls.ground) this.controls.plain.checked = true;
        this.#read();
        onchange();
      });
    }
  }

  /** Whether there is something to look at. */
  enable(enabled) {
    for (const field of this.fields) field.disabled = !enabled;
  }

  #read() {
    const { color, opacity, outline, softness, plain, ground, invert } = this.controls;
    this.view = this.root.querySelector(".views input:checked").value;
    this.color = color.value;
    this.opacity = opacity.value / 100;
    this.outline = outline.checked;
    this.softness = Math.round((MAX_SOFTNESS * softness.value) / 100);
    this.ground = plain.checked ? ground.value : null;
    this.invert = invert.checked;
    for (const range of [opacity, softness]) range.nextElementSibling.textContent = `${range.value}%`;
    for (const element of this.purposes) element.hidden = !element.dataset.for.split(" ").includes(this.view);
  }
}
