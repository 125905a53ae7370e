// The visible part of the picture. All panes share one camera.

// The maximum zoom is the larger of the two.
const MAX_PIXEL_SIZE = 12; // screen pixels per pixel of the picture
const MAX_ZOOM = 8; // relative to the picture's size at "show all"

export class Camera {
  constructor() {
    this.fit();
  }

  /** Show the whole picture. */
  fit() {
    this.zoom = 1;
    this.x = 0.5; // centre of the view, 0..1 across the picture
    this.y = 0.5;
  }

  /**
   * Position of the picture in a pane: `left`, `top`, `width`, `height` in screen pixels.
   * A picture larger than the pane always fills it.
   */
  place(pane, picture) {
    const fit = Math.min(pane.width / picture.width, pane.height / picture.height);
    this.maxZoom = Math.max(MAX_ZOOM, MAX_PIXEL_SIZE / fit);
    this.zoom = Math.max(1, Math.min(this.maxZoom, this.zoom));
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

  /** Zoom by `factor` around a fixed point of the pane; returns false if nothing changed. */
  zoomAt(factor, point, pane, picture) {
    const before = this.place(pane, picture);
    const zoom = Math.max(1, Math.min(this.maxZoom, this.zoom * factor));
    if (zoom === this.zoom) return false;
    const grown = zoom / this.zoom;
    this.x = (pane.width / 2 - point.x + (point.x - before.left) * grown) / (before.width * grown);
    this.y = (pane.height / 2 - point.y + (point.y - before.top) * grown) / (before.height * grown);
    this.zoom = zoom;
    return true;
  }

  /** Move the picture by screen pixels. */
  panBy(dx, dy, pane, picture) {
    const { width, height } = this.place(pane, picture);
    this.x -= dx / width;
    this.y -= dy / height;
  }
}
