// Colours of the heat map: viridis, from dark for 0 to bright for 1, also readable with colour blindness.
//
// Polynomials by Matt Zucker, "Perceptually Uniform Polynomial Colormaps" (CC0), fitted to the colours by Nathaniel
// Smith and Stéfan van der Walt (CC0); within 3 of 255 of the originals.

const COEFFICIENTS = [
  [0.2777273272, 0.1050930431, -0.3308618287, -4.634230499, 6.22826993635, 4.77638499767, -5.43545585593],
  [0.00540734454, 1.40461352990, 0.21484755947, -5.79910097335, 14.17993336681, -13.74514537775, 4.64585261218],
  [0.33409980531, 1.38459016259, 0.09509516302, -19.33244095628, 56.69055260068, -65.35303263337, 26.31243524958],
];

/** 256 opaque pixels, 0xAABBGGRR. */
export const HEAT = Uint32Array.from({ length: 256 }, (_, level) => {
  const t = level / 255;
  const [red, green, blue] = COEFFICIENTS.map((coefficients) => {
    const value = coefficients.reduceRight((sum, coefficient) => sum * t + coefficient, 0);
    return Math.round(255 * Math.max(0, Math.min(1, value)));
  });
  return (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0;
});

/** Draw the colours from left to right, one pixel each. */
export function drawRamp(canvas) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(256, 1);
  new Uint32Array(image.data.buffer).set(HEAT);
  context.putImageData(image, 0, 0);
}
