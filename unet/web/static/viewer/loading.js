// Loads a value's files into arrays of pixels.

async function decode(url, signal) {
  const response = await fetch(url, { signal });
  if (!response.ok) throw new Error("the result is no longer on the server; please add the picture again");
  // The exact pixels of the file: no colour profile, no premultiplied alpha.
  const bitmap = await createImageBitmap(await response.blob(), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { width, height, data: context.getImageData(0, 0, width, height) };
}

/** One byte per pixel of a grey picture. */
function levels({ data }) {
  const pixels = new Uint32Array(data.data.buffer);
  return Uint8Array.from(pixels, (pixel) => pixel & 255);
}

/** The picture with the colours of `changes` where it has any. */
function replaced(picture, { data }) {
  const changes = new Uint32Array(data.data.buffer);
  return picture.map((pixel, i) => changes[i] || pixel);
}

/**
 * Load the data of one value.
 *
 * `before` is the previous scene or null; its picture is reused if only the probabilities have changed.
 */
export async function loadScene(value, before, signal) {
  if (before?.value.prob.url === value.prob.url) return { ...before, value }; // the same files
  const same = before !== null && before.value.image.url === value.image.url;
  const [image, prob, changes, own, classes] = await Promise.all([
    same ? null : decode(value.image.url, signal),
    decode(value.prob.url, signal),
    decode(value.colours.url, signal),
    same || !value.alpha ? null : decode(value.alpha.url, signal),
    same || !value.labels ? null : decode(value.labels.url, signal),
  ]);
  const scene = same
    ? { ...before, value }
    : {
        value,
        width: image.width,
        height: image.height,
        image: image.data,
        picture: new Uint32Array(image.data.data.buffer),
        own: own && levels(own),
        labels: classes && levels(classes),
      };
  for (const { width, height } of [prob, changes]) {
    if (width !== scene.width || height !== scene.height) throw new Error("the picture and the result differ in size");
  }
  scene.prob = levels(prob);
  scene.colours = replaced(scene.picture, changes);
  return scene;
}
