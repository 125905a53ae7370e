// Clicks as marks on the picture. Every pane shows them; in the last one they can be dragged, removed and focused.

const CLICK_SLOP = 4; // pixels that the pointer may move during a click

/** `size()` returns the full-size picture's {width, height}; clicks are in its pixels. */
export class Marks {
  constructor(layers, clicks, size) {
    this.layers = layers; // the last one is interactive
    this.clicks = clicks;
    this.size = size;
    this.dragged = null; // the mark that is being dragged
  }

  /** Show the current clicks. During a drag nothing is drawn; the end of the drag does it. */
  draw() {
    if (this.dragged?.isConnected) return;
    const { width, height } = this.size();
    this.layers.forEach((layer, number) => {
      const live = number === this.layers.length - 1;
      const focused = [...layer.children].indexOf(document.activeElement);
      const marks = this.clicks.list.map((click, index) => {
        const mark = live ? this.#liveMark(click, index) : document.createElement("span");
        mark.className = `mark ${click.label === 1 ? "plus" : "minus"}`;
        mark.textContent = click.label === 1 ? "+" : "−";
        // A click names a pixel; its centre is half a pixel further.
        mark.style.left = `${(100 * (click.x + 0.5)) / width}%`;
        mark.style.top = `${(100 * (click.y + 0.5)) / height}%`;
        return mark;
      });
      layer.replaceChildren(...marks);
      if (focused >= 0) (marks[Math.min(focused, marks.length - 1)] ?? layer.closest(".stage")).focus();
    });
  }

  focusLast() {
    this.layers.at(-1).lastElementChild?.focus();
  }

  /** The pixel at a point given in coordinates 0..1 of the picture; null outside. */
  pixelAt({ x, y }) {
    const { width, height } = this.size();
    const at = { x: Math.floor(x * width), y: Math.floor(y * height) };
    return at.x >= 0 && at.y >= 0 && at.x < width && at.y < height ? at : null;
  }

  #clamp(x, y) {
    const { width, height } = this.size();
    return [Math.max(0, Math.min(width - 1, Math.round(x))), Math.max(0, Math.min(height - 1, Math.round(y)))];
  }

  #liveMark(click, index) {
    const mark = document.createElement("button");
    mark.type = "button";
    mark.title = "Drag to move, click to remove";
    const meaning = click.label === 1 ? "object" : "background";
    mark.setAttribute("aria-label", `Click ${index + 1}, ${meaning}: arrow keys move it, Delete removes it`);
    mark.addEventListener("keydown", (event) => this.#key(event, click, index));
    mark.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      this.#drag(mark, event, click, index);
    });
    mark.addEventListener("click", (event) => {
      if (event.detail === 0) this.clicks.remove(index); // by keyboard; #drag handles pointers
    });
    return mark;
  }

  #drag(mark, start, click, index) {
    const { width, height } = this.size();
    const sheet = mark.parentElement.getBoundingClientRect();
    mark.setPointerCapture(start.pointerId);
    let to = null;
    this.dragged = mark;
    const move = (event) => {
      const [dx, dy] = [event.clientX - start.clientX, event.clientY - start.clientY];
      if (to === null && Math.hypot(dx, dy) < CLICK_SLOP) return;
      to = this.#clamp(click.x + (dx * width) / sheet.width, click.y + (dy * height) / sheet.height);
      mark.style.left = `${(100 * (to[0] + 0.5)) / width}%`;
      mark.style.top = `${(100 * (to[1] + 0.5)) / height}%`;
    };
    const end = (event) => {
      mark.removeEventListener("pointermove", move);
      mark.removeEventListener("pointerup", end);
      mark.removeEventListener("pointercancel", end);
      this.dragged = null;
      const there = this.clicks.list[index] === click; // another picture may have been loaded
      if (event.type === "pointercancel" || !there) this.draw();
      else if (to === null) this.clicks.remove(index);
      else this.clicks.move(index, ...to);
    };
    mark.addEventListener("pointermove", move);
    mark.addEventListener("pointerup", end);
    mark.addEventListener("pointercancel", end);
  }

  #key(event, click, index) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { width, height } = this.size();
    const step = Math.max(1, Math.round(Math.max(width, height) / (event.shiftKey ? 20 : 100)));
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      const [dx, dy] = moves[event.key];
      this.clicks.nudge(index, ...this.#clamp(click.x + dx, click.y + dy));
    } else if (event.key === "Delete" || event.key === "Backspace") this.clicks.remove(index);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
