// Downloads: the server draws each file from the same probabilities, at the picture's own size.

const TIMEOUT = 600000; // milliseconds to wait for an answer, which may stand in the server's queue
const KEPT = 60000; // milliseconds that the browser has to save a file

export class Downloads {
  /**
   * `request(settings)` sends the event `download`, `settings()` returns the current settings, and `say(text)` shows a
   * message.
   */
  constructor(root, request, settings, say) {
    this.request = request;
    this.settings = settings;
    this.say = say;
    this.pending = new Map(); // requests by number
    this.last = 0;
    for (const button of root.querySelectorAll("[data-download]")) {
      button.addEventListener("click", () => this.#press(button));
    }
  }

  /** Handle the server's answer, `{number, kind, file}` or `{number, error}`. */
  answered(answer) {
    const request = this.pending.get(answer?.number);
    if (answer?.error) request?.reject(new Error(`The server could not create the file: ${answer.error}`));
    else request?.resolve(answer);
  }

  /** Handle a failure on the server, whose message Gradio has shown; which request failed is not known. */
  failed() {
    for (const { reject } of this.pending.values()) reject(new Error("The server could not create the file."));
  }

  async #press(button) {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    this.say("");
    try {
      if (button.dataset.download === "copy") await this.#copy();
      else await this.#save(button.dataset.download);
    } catch (error) {
      this.say(error.message);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  /** Request a file of one kind; returns `{blob, name}`. */
  async #fetch(kind) {
    const number = (this.last += 1);
    const answer = await new Promise((resolve, reject) => {
      this.pending.set(number, { resolve, reject });
      setTimeout(() => reject(new Error("The server did not answer. Please try again.")), TIMEOUT);
      this.request({ number, kind, ...this.settings() });
    }).finally(() => this.pending.delete(number));
    const response = await fetch(answer.file.url);
    if (!response.ok) throw new Error("The file is no longer on the server. Please try again.");
    return { blob: await response.blob(), name: answer.file.orig_name };
  }

  async #save(kind) {
    const { blob, name } = await this.#fetch(kind);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), KEPT);
    this.say(`Saved ${name}`);
  }

  async #copy() {
    if (!navigator.clipboard?.write || typeof ClipboardItem === "undefined") {
      throw new Error("This browser cannot copy pictures from this page. Download the cut-out instead.");
    }
    // The promise is passed immediately, because some browsers allow copying only within the click itself.
    const blob = this.#fetch("cutout").then((file) => file.blob);
    blob.catch(() => {}); // reported below
    try {
      await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
    } catch (error) {
      await blob; // throws its own, more precise error
      throw new Error(`The browser refused to copy (${error.message}). Download the cut-out instead.`);
    }
    this.say("Cut-out copied");
  }
}
