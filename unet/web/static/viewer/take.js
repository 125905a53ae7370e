// Taking results away. The server writes them from the same probabilities, at the picture's own size.

const PATIENCE = 60000; // milliseconds until an answer is given up

export class Takeaway {
  /** `ask(settings)` sends the event `take`; `settings()` are the current ones; `say(text)` tells the visitor. */
  constructor(root, ask, settings, say) {
    this.ask = ask;
    this.settings = settings;
    this.say = say;
    this.pending = new Map(); // by number
    this.last = 0;
    for (const button of root.querySelectorAll("[data-take]")) {
      button.addEventListener("click", () => this.#press(button));
    }
  }

  /** The server's answer: `{number, kind, file}`. */
  answered(answer) {
    this.pending.get(answer?.number)?.resolve(answer);
  }

  /** The server refused something; Gradio has said why. */
  refused() {
    for (const { reject } of this.pending.values()) reject(new Error("The server could not make the file."));
  }

  async #press(button) {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    this.say("");
    try {
      if (button.dataset.take === "copy") await this.#copy();
      else await this.#save(button.dataset.take);
    } catch (error) {
      this.say(error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  /** The file of a kind: `{blob, name}`. */
  async #fetch(kind) {
    const number = (this.last += 1);
    const answer = await new Promise((resolve, reject) => {
      this.pending.set(number, { resolve, reject });
      setTimeout(() => reject(new Error("The server did not answer; please try again.")), PATIENCE);
      this.ask({ number, kind, ...this.settings() });
    }).finally(() => this.pending.delete(number));
    const response = await fetch(answer.file.url);
    if (!response.ok) throw new Error("The file is no longer on the server; please try again.");
    return { blob: await response.blob(), name: answer.file.orig_name };
  }

  async #save(kind) {
    const { blob, name } = await this.#fetch(kind);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), PATIENCE);
    this.say(`Saved ${name}`);
  }

  async #copy() {
    if (!navigator.clipboard?.write || typeof ClipboardItem === "undefined") {
      throw new Error("This browser copies no pictures from this page; take the cut-out as a file instead.");
    }
    // The promise goes in at once: some browsers allow copying only within the click itself.
    const blob = this.#fetch("cutout").then((file) => file.blob);
    blob.catch(() => {}); // told below
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    } catch (error) {
      await blob; // its own failure says more
      throw new Error(`The browser refused to copy (${error.message}); take the cut-out as a file instead.`);
    }
    this.say("Cut-out copied");
  }
}
