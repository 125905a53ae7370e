// Recognizes zoom, pan and tap from pointers, wheel and keys on the stage.

const TAP_SLOP = 5; // pixels that a pointer may move during a tap
const LONG_PRESS = 600; // milliseconds
const SCROLL_PAUSE = 300; // milliseconds after scrolling until the wheel zooms
const KEY_PAN = 60; // pixels per arrow key
const KEY_ZOOM = 1.25;

let scrolled = -Infinity; // time of the wheel's last scroll of the page
document.addEventListener(
  "wheel",
  (event) => {
    if (!event.defaultPrevented) scrolled = event.timeStamp;
  },
  { passive: true },
);

/**
 * Handle the events of a stage. `on.tap(point, other)`, or `on.enter` by keyboard, takes a point of a pane; `other` is
 * true for a right or modified click. `on.ready()` returns whether there is a picture, `on.points()` whether it takes
 * clicks.
 */
export function wireGestures(stage, on) {
  const { element } = stage;
  const pointers = new Map(); // positions by pointer ID
  let gesture = null; // {moving, other}: whether it is a pan or zoom, and whether a tap counts as a right click

  let pressed; // timer of a long press; Safari on phones sends no contextmenu event

  const pressLong = (x, y) => {
    if (!gesture || gesture.moving || pointers.size !== 1 || !on.points()) return;
    gesture.moving = true; // a long press counts as a right click
    on.tap(stage.locate(x, y), true);
  };

  const wanted = (event) => on.ready() && !event.target.closest("button, .divider");

  element.addEventListener("pointerdown", (event) => {
    if (!wanted(event) || event.button > 2 || event.button === 1) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const other = event.button === 2 || event.altKey || event.ctrlKey;
    gesture = pointers.size > 1 ? { moving: true, other: false } : { moving: false, other };
    element.setPointerCapture(event.pointerId);
    clearTimeout(pressed);
    if (event.pointerType === "touch") pressed = setTimeout(pressLong, LONG_PRESS, event.clientX, event.clientY);
  });

  element.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (!gesture.moving && Math.hypot(now.x - before.x, now.y - before.y) < TAP_SLOP) return;
    gesture.moving = true;
    element.classList.add("held");
    const others = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    pointers.set(event.pointerId, now);
    if (others.length > 0) {
      const [still] = others;
      const spread = (at) => Math.max(1, Math.hypot(at.x - still.x, at.y - still.y));
      stage.zoomBy(spread(now) / spread(before), stage.locate((now.x + still.x) / 2, (now.y + still.y) / 2));
    }
    // With two fingers, each moves the centre by half its own distance.
    stage.panBy((now.x - before.x) / pointers.size, (now.y - before.y) / pointers.size);
  });

  const release = (event) => {
    if (!pointers.delete(event.pointerId)) return;
    clearTimeout(pressed);
    element.classList.remove("held");
    if (event.type !== "pointerup" || gesture.moving || !on.points()) return;
    on.tap(stage.locate(event.clientX, event.clientY), gesture.other);
  };
  element.addEventListener("pointerup", release);
  element.addEventListener("pointercancel", release);

  element.addEventListener("contextmenu", (event) => {
    if (!wanted(event) || !on.points()) return;
    event.preventDefault();
    if (event.pointerType === "touch") pressLong(event.clientX, event.clientY);
  });

  element.addEventListener("dblclick", (event) => {
    if (!wanted(event) || on.points()) return;
    if (!stage.zoomBy(2, stage.locate(event.clientX, event.clientY))) stage.fit();
  });

  element.addEventListener(
    "wheel",
    (event) => {
      if (!on.ready()) return;
      const pinched = event.ctrlKey || event.metaKey;
      // While the page scrolls, the wheel does not zoom the stage under the pointer.
      if (!pinched && event.timeStamp - scrolled < SCROLL_PAUSE) return;
      const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1);
      const factor = Math.exp(-Math.max(-300, Math.min(300, pixels)) * (pinched ? 0.01 : 0.0015));
      if (stage.zoomBy(factor, stage.locate(event.clientX, event.clientY)) || pinched) event.preventDefault();
    },
    { passive: false },
  );

  element.addEventListener("keydown", (event) => {
    if (!on.ready() || event.target !== element || event.ctrlKey || event.metaKey || event.altKey) return;
    const pans = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    if (event.key in pans && stage.camera.zoom > 1) stage.panBy(...pans[event.key].map((sign) => sign * KEY_PAN));
    else if (event.key === "+" || event.key === "=") stage.zoomBy(KEY_ZOOM);
    else if (event.key === "-") stage.zoomBy(1 / KEY_ZOOM);
    else if (event.key === "0") stage.fit();
    else if (event.key === "Enter" && on.points()) {
      on.enter({ x: stage.room.width / 2, y: stage.room.height / 2 }, event.shiftKey);
    } else return;
    event.preventDefault();
  });

  const zooms = { in: () => stage.zoomBy(1.5), out: () => stage.zoomBy(1 / 1.5), fit: () => stage.fit() };
  for (const [name, button] of Object.entries(stage.buttons)) button.addEventListener("click", zooms[name]);
}
