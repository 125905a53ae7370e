// What the visitor points at: clicks with a history, and the conversation with the server about them.

export class Clicks {
  /** `send(clicks)` asks the server; `onchange` is called when the clicks changed. */
  constructor(send, onchange) {
    this.send = send;
    this.onchange = onchange;
    this.reset([]);
  }

  /** Begin anew with the clicks that are already answered. */
  reset(clicks) {
    this.history = [clicks];
    this.at = 0;
    this.nudged = null; // the click that was moved step by step just now
    this.waiting = false; // for the server's answer
    this.stale = false; // whether the clicks changed since they were sent
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

  /** Move step by step: all the steps together are one to undo. */
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

  /** The server answered `clicks`; if they have changed meanwhile, it is asked again. */
  answered(clicks) {
    if (!this.waiting) {
      // Nobody asked here: the page itself set the clicks.
      if (JSON.stringify(clicks) !== JSON.stringify(this.list)) this.reset(clicks);
      return;
    }
    this.waiting = false;
    if (this.stale) this.#ask();
  }

  /** The server refused; only what it answered before, `clicks`, is left. */
  refused(clicks) {
    if (!this.waiting) return; // a late word about a picture that is gone
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
    // One question at a time: while one is on its way, only the last state is asked next.
    if (this.waiting) this.stale = true;
    else this.#ask();
    this.onchange();
  }

  #ask() {
    this.waiting = true;
    this.stale = false;
    this.send(this.list);
  }
}
