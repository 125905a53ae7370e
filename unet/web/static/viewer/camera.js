// Which part of the picture is seen: one camera for all panes, so they stay together.

const MOST = 12; // screen pixels for one pixel of the picture, at least reachable
const DEEPEST = 8; // times the fitting size, at least reachable

export class Camera {
  constructor() {
    this.fit();
  }

  /** Show all of it. */
  fit() {
    this.zoom = 1;
    this.x = 0.5; // centre of the view, in shares of the picture
    this.y = 0.5;
  }

  /**
   * Where the picture lies in a pane: `left`, `top`, `width`, `height` in pixels of the screen.
   * The picture's edge never moves inside the pane's while there is more of it to see.
   */
  place(pane, picture) {
    const fit = Math.min(pane.width / picture.width, pane.height / picture.height);
    this.deepest = Math.max(DEEPEST, MOST / fit);
    this.zoom = Math.max(1, Math.min(this.deepest, this.zoom));
    const width = picture.width * fit * this.zoom;
    const height = picture.height * fit * this.zoom;
    const along = (room, size, centre) =>
      size <= room ? (room - size) / 2 : Math.max(room - size, Math.min(0, room / 2 - centre * size));
    const left = along(pane.width, width, this.x);
    const top = along(pane.height, height, this.y);
    this.x = (pane.width / 2 - left) / width;
    this.y = (pane.height / 2 - top) / height;
    return { left, top, width, height, scale: fit * this.zoom };
  }

  /** Zoom by `factor` about a point of the pane that stays where it is; false if nothing changed. */
  zoomAt(factor, point, pane, picture) {
    const before = this.place(pane, picture);
    const zoom = Math.max(1, Math.min(this.deepest, this.zoom * factor));
    if (zoom === this.zoom) return false;
    const grown = zoom / this.zoom;
    this.x = (pane.width / 2 - point.x + (point.x - before.left) * grown) / (before.width * grown);
    this.y = (pane.height / 2 - point.y + (point.y - before.top) * grown) / (before.height * grown);
    this.zoom = zoom;
    return true;
  }

  /** Move what is seen by pixels of the screen. */
  panBy(dx, dy, pane, picture) {
    const { width, height } = this.place(pane, picture);
    this.x -= dx / width;
    this.y -= dy / height;
  }
}
