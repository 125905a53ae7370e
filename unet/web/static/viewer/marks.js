// Clicks as marks on the picture: seen in every pane, in one of them to be dragged, removed and reached by keyboard.

const SLACK = 4; // pixels a mark may be dragged and still be clicked

/** `size()` is the picture's {width, height}, full size; the clicks are in its pixels. */
export class Marks {
  constructor(layers, clicks, size) {
    this.layers = layers; // the last one can be used
    this.clicks = clicks;
    this.size = size;
    this.dragged = null; // the mark that a pointer holds
  }

  /** Show the clicks as they are; while one is dragged, its mark stays, and the end of the drag draws. */
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
        // A click stands for a pixel, whose middle is half a pixel further.
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

  /** A point in shares of the picture as a pixel of it; null outside. */
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
    const meaning = click.label === 1 ? "this" : "not this";
    mark.setAttribute("aria-label", `Click ${index + 1}, ${meaning}: arrow keys move it, Delete removes it`);
    mark.addEventListener("keydown", (event) => this.#key(event, click, index));
    mark.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.stopPropagation();
      this.#drag(mark, event, click, index);
    });
    mark.addEventListener("click", (event) => {
      if (event.detail === 0) this.clicks.remove(index); // by keyboard; pointers end in #drag
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
      if (to === null && Math.hypot(dx, dy) < SLACK) return;
      to = this.#clamp(click.x + (dx * width) / sheet.width, click.y + (dy * height) / sheet.height);
      mark.style.left = `${(100 * (to[0] + 0.5)) / width}%`;
      mark.style.top = `${(100 * (to[1] + 0.5)) / height}%`;
    };
    const end = (event) => {
      mark.removeEventListener("pointermove", move);
      mark.removeEventListener("pointerup", end);
      mark.removeEventListener("pointercancel", end);
      this.dragged = null;
      const there = this.clicks.list[index] === click; // another picture may have come meanwhile
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
