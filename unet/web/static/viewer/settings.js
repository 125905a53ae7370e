// The controls of what is drawn and how: view, colours, outline, soft edge.

let viewers = 0;

export class Settings {
  /** `onchange` is called after every change; the properties then hold the new settings. */
  constructor(root, options, onchange) {
    this.root = root;
    this.maxSoftness = options.maxSoftness; // levels
    viewers += 1;
    for (const [selector, name] of [[".views input", "view"], [".signs input", "sign"]]) {
      for (const input of root.querySelectorAll(selector)) input.name = `viewer-${viewers}-${name}`;
    }
    this.controls = Object.fromEntries([...root.querySelectorAll("[data-setting]")].map((c) => [c.dataset.setting, c]));
    this.controls.color.value = options.color;
    this.controls.opacity.value = Math.round(100 * options.opacity);
    this.controls.softness.value = Math.round((100 * options.softness) / options.maxSoftness);
    this.fields = [...root.querySelectorAll("fieldset")];
    this.purposes = [...root.querySelectorAll("[data-for]")];
    this.#read();
    for (const control of [...root.querySelectorAll(".views input"), ...Object.values(this.controls)]) {
      control.addEventListener("input", () => {
        // Choosing a background colour also shows it.
        if (control === this.controls.ground) this.controls.plain.checked = true;
        this.#read();
        onchange();
      });
    }
  }

  /** Enable or disable all controls. */
  enable(enabled) {
    for (const field of this.fields) field.disabled = !enabled;
  }

  #read() {
    const { color, opacity, outline, softness, plain, ground, invert } = this.controls;
    this.view = this.root.querySelector(".views input:checked").value;
    this.color = color.value;
    this.opacity = opacity.value / 100;
    this.outline = outline.checked;
    this.softness = Math.round((this.maxSoftness * softness.value) / 100);
    this.ground = plain.checked ? ground.value : null;
    this.invert = invert.checked;
    for (const range of [opacity, softness]) range.nextElementSibling.textContent = `${range.value}%`;
    for (const element of this.purposes) element.hidden = !element.dataset.for.split(" ").includes(this.view);
  }
}
