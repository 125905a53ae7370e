// The visitor's clicks, with undo and redo, and the requests to the server about them.

export class Clicks {
  /** `send(clicks)` sends a request; `onchange` is called when the clicks have changed. */
  constructor(send, onchange) {
    this.send = send;
    this.onchange = onchange;
    this.reset([]);
  }

  /** Start a new history with clicks that the server has answered. */
  reset(clicks) {
    this.history = [clicks];
    this.at = 0;
    this.nudged = null; // index of the click that the last step moved by keyboard
    this.waiting = false; // whether a request is in progress
    this.stale = false; // whether the clicks have changed since the request
  }

  get list() {
    return this.history[this.at];
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.history.length - 1;
  }

  add(click) {
    this.#advance([...this.list, click]);
  }

  move(index, x, y) {
    this.#advance(this.list.map((click, i) => (i === index ? { ...click, x, y } : click)));
  }

  /** Move by one step; successive steps are undone together. */
  nudge(index, x, y) {
    if (this.nudged === index) {
      this.history.pop();
      this.at -= 1;
    }
    this.move(index, x, y);
    this.nudged = index;
  }

  remove(index) {
    this.#advance(this.list.filter((_, i) => i !== index));
  }

  clear() {
    if (this.list.length > 0) this.#advance([]);
  }

  undo() {
    if (this.canUndo) this.#go(this.at - 1);
  }

  redo() {
    if (this.canRedo) this.#go(this.at + 1);
  }

  /** Handle the answer to `clicks`; if they have changed since, send another request. */
  answered(clicks) {
    if (!this.waiting) {
      // Not an answer: the page itself has set the clicks.
      if (JSON.stringify(clicks) !== JSON.stringify(this.list)) this.reset(clicks);
      return;
    }
    this.waiting = false;
    if (this.stale) this.#request();
  }

  /** Handle a failed request: go back to `clicks`, which the server answered last. */
  failed(clicks) {
    if (!this.waiting) return; // a late answer about an earlier picture
    this.reset(clicks);
    this.onchange();
  }

  #advance(clicks) {
    this.history = [...this.history.slice(0, this.at + 1), clicks];
    this.#go(this.at + 1);
  }

  #go(at) {
    this.at = at;
    this.nudged = null;
    // One request at a time; the next one sends only the last state.
    if (this.waiting) this.stale = true;
    else this.#request();
    this.onchange();
  }

  #request() {
    this.waiting = true;
    this.stale = false;
    this.send(this.list);
  }
}
