// Pixels from probabilities, in integer arithmetic as in unet/pictures/draw.py.
//
// A pixel is one integer, 0xAABBGGRR: the bytes of ImageData on little-endian machines.
// A `table` has 256 entries, one for each level of the probability map, or for each label.

const OPAQUE = 0xff000000;

/** "#rrggbb" as [red, green, blue]. */
export function channels(color) {
  return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
}

function pixel([red, green, blue]) {
  return (OPAQUE | (blue << 16) | (green << 8) | red) >>> 0;
}

/** The lowest level inside the mask: a level is inside where `level >= 255 * threshold`. */
export function lowestLevel(threshold) {
  return Math.ceil(255 * threshold);
}

/** 255 for levels inside the mask, 0 for those outside. */
export function maskTable(threshold, invert) {
  const lowest = lowestLevel(threshold);
  return Uint8Array.from({ length: 256 }, (_, level) => (level >= lowest !== invert ? 255 : 0));
}

/** Alpha of the levels of pixels whose edge is `width` levels wide on both sides of the threshold. */
function alphaTable(lowest, width) {
  return Uint8Array.from({ length: 256 }, (_, level) => {
    if (width === 0) return level >= lowest ? 255 : 0;
    const alpha = Math.floor((255 * (level - lowest + width) + width) / (2 * width));
    return Math.max(0, Math.min(255, alpha));
  });
}

/**
 * The alpha of a cut-out: `table` has 256 entries for each width of the edge, from 0 up, and `start` tells for each
 * contrast around a pixel where the entries of its width begin.
 */
export function softEdge(threshold, softness, invert) {
  const lowest = lowestLevel(threshold);
  const widest = Math.min(softness, lowest, 255 - lowest);
  const table = new Uint8Array(256 * (widest + 1));
  for (let width = 0; width <= widest; width += 1) table.set(alphaTable(lowest, width), 256 * width);
  if (invert) table.forEach((alpha, at) => (table[at] = 255 - alpha));
  const start = Uint32Array.from({ length: 256 }, (_, c) => 256 * Math.floor((widest * c * c) / (255 * 255)));
  return { table, start };
}

/** The extreme of each block of `side` x `side` values, and then of the blocks within `reach`. */
function extremes(prob, width, side, reach, choose) {
  const columns = Math.ceil(width / side);
  const rows = Math.ceil(prob.length / width / side);
  const blocks = Int16Array.from({ length: rows * columns }, () => -1);
  for (let i = 0, y = 0; i < prob.length; y += 1) {
    const first = Math.floor(y / side) * columns;
    for (let column = 0, x = 0; column < columns; column += 1) {
      let found = blocks[first + column];
      if (found < 0) found = prob[i];
      for (const end = Math.min(x + side, width); x < end; x += 1, i += 1) found = choose(found, prob[i]);
      blocks[first + column] = found;
    }
  }
  const spread = (values, step, along, size) =>
    values.map((value, i) => {
      const place = Math.floor(i / step) % size;
      let found = value;
      const last = Math.min(place + reach, size - 1);
      for (let other = Math.max(place - reach, 0); other <= last; other += 1) {
        found = choose(found, values[i + (other - place) * along]);
      }
      return found;
    });
  return spread(spread(blocks, columns, columns, rows), 1, 1, columns);
}

/** Highest less lowest level around each block of the picture; see `contrast` in unet/pictures/draw.py. */
export function contrastMap(prob, width, { longest, reach }) {
  const side = Math.ceil(Math.max(width, prob.length / width) / longest);
  const highest = extremes(prob, width, side, reach, Math.max);
  const lowest = extremes(prob, width, side, reach, Math.min);
  return { side, values: Uint8Array.from(highest, (high, at) => high - lowest[at]) };
}

/** Share of foreground, 0..1, from the picture's histogram of levels. */
export function foregroundShare(histogram, threshold, invert) {
  const lowest = lowestLevel(threshold);
  let inside = 0;
  let all = 0;
  for (let level = 0; level < 256; level += 1) {
    all += histogram[level];
    if (level >= lowest !== invert) inside += histogram[level];
  }
  return inside / all;
}

/** For each colour three tables, one for each channel, of the levels that it makes of the picture's. */
function tintTables(colors, opacity) {
  const a = Math.floor(255 * opacity + 0.5);
  const values = colors.flatMap(channels);
  const tables = new Uint8Array(256 * values.length);
  return tables.map((_, at) => Math.floor(((at & 255) * (255 - a) + values[at >> 8] * a + 127) / 255));
}

/**
 * The whole of `picture` tinted, each pixel in the one of `colors` at its label, or in the first one if `labels` is null;
 * `opacity` is 0..1.
 */
export function tint(picture, labels, colors, opacity) {
  const tables = tintTables(colors, opacity);
  const tinted = new Uint32Array(picture.length);
  for (let i = 0; i < picture.length; i += 1) {
    const rgb = picture[i];
    const at = labels ? 768 * labels[i] : 0;
    tinted[i] =
      OPAQUE |
      (tables[at + 512 + ((rgb >>> 16) & 255)] << 16) |
      (tables[at + 256 + ((rgb >>> 8) & 255)] << 8) |
      tables[at + (rgb & 255)];
  }
  return tinted;
}

/** Draw the tinted picture where `table` has anything for the level or label of a pixel, and the picture elsewhere. */
export function drawOverlay(target, picture, tinted, values, table) {
  const choice = Int32Array.from(table, (alpha) => (alpha ? -1 : 0));
  for (let i = 0; i < target.length; i += 1) {
    // Selects without a branch, which would be mispredicted along edges.
    target[i] = picture[i] ^ ((picture[i] ^ tinted[i]) & choice[values[i]]);
  }
}

/** Draw one colour for each level. */
export function drawLevels(target, prob, colors) {
  for (let i = 0; i < target.length; i += 1) target[i] = colors[prob[i]];
}

/** An opaque grey for each entry of a table. */
export function greys(table) {
  return Uint32Array.from(table, (value) => pixel([value, value, value]));
}

/**
 * Draw the picture with the alpha of `edge` (from `softEdge`) by `contrast` (from `contrastMap`), at most `own`, the
 * picture's own alpha or null. Below 255 of the edge's alpha, `colours` replace the picture's, and where `own` has less,
 * those of `straight`, without any white under them; where nothing is visible, the colour is 0.
 */
export function drawCutout(target, { picture, prob, own, width }, colours, straight, edge, contrast) {
  const alphas = Uint32Array.from(edge.table, (alpha) => (alpha << 24) >>> 0);
  const opaque = Int32Array.from(edge.table, (alpha) => (alpha === 255 ? -1 : 0));
  const visible = Int32Array.from(edge.table, (alpha) => (alpha === 0 ? 0 : 0xffffff));
  const { side, values } = contrast;
  const columns = Math.ceil(width / side);
  for (let i = 0, y = 0; i < target.length; y += 1) {
    let block = Math.floor(y / side) * columns;
    for (let x = 0; x < width; block += 1) {
      const start = edge.start[values[block]];
      for (const end = Math.min(x + side, width); x < end; x += 1, i += 1) {
        const at = start + prob[i];
        const color = colours[i] ^ ((colours[i] ^ picture[i]) & opaque[at]);
        target[i] = (color & visible[at]) | alphas[at];
      }
    }
  }
  if (!own) return;
  for (let i = 0; i < target.length; i += 1) {
    if (own[i] === 0) target[i] = 0;
    else if (own[i] < 255 && target[i] >>> 24 > 0) {
      target[i] = (straight[i] & 0xffffff) | (Math.min(own[i], target[i] >>> 24) << 24);
    }
  }
}

/** Width of an outline in pixels, in proportion to the picture's size. */
export function outlineWidth(width, height, unit) {
  return Math.max(1, Math.floor((Math.max(width, height) + unit - 1) / unit));
}

/**
 * Colour the edge of the mask: its pixels with a pixel outside the mask within `reach` pixels in the same row or
 * column. The area beyond the picture's border does not count as outside.
 */
export function drawOutline(target, prob, table, width, reach, color) {
  const edge = pixel(channels(color));
  // Draws from the mask's border inwards; another border on the way starts its own line.
  const line = (from, step, room) => {
    const end = from + step * Math.min(reach, room);
    for (let i = from; i !== end && table[prob[i]]; i += step) target[i] = edge;
  };
  const above = new Uint8Array(width);
  const height = target.length / width;
  for (let y = 0, i = 0; y < height; y += 1) {
    let left = table[prob[i]];
    for (let x = 0; x < width; x += 1, i += 1) {
      const inside = table[prob[i]];
      if (inside !== left) {
        if (inside) line(i, 1, width - x);
        else line(i - 1, -1, x);
        left = inside;
      }
      if (inside !== above[x]) {
        if (y > 0 && inside) line(i, width, height - y);
        else if (y > 0) line(i - width, -width, y);
        above[x] = inside;
      }
    }
  }
}
