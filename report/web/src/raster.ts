// Draws many lines between two axes. Lines with the same two ends are one line with a count and the best of their
// colours, so the work for a picture is bounded by its pixels and not by the number of trials.

import { BINS, colors, rgbOf } from "./colors.js";
import { clear, putImage } from "./dom.js";

export interface Pair {
  from: number; to: number;       // places of the axes across, in pixels
  a: Int16Array; b: Int16Array;   // places of the rows along the axes, in pixels
}

/** Segments are the different lines of a pair, with their counts and the best of their colours. */
interface Segments { pair: Pair; at: Uint32Array; count: Uint16Array; best: Uint8Array }

/** A View has the sizes of one picture. */
interface View { size: number; rail: number; width: number; height: number }

const MOST_STROKES = 3000, MOST_DRAGGED = 800;

/** MOST_STEPS is the number of pixels that the lines of a frame may pass while a range is dragged. */
const MOST_STEPS = 2.5e5;

export class Raster {
  private size = 0;
  private counts = new Uint16Array(0); // of pairs of ends
  private bests = new Uint8Array(0);
  private touched = new Uint32Array(1024);
  private pixels = new Uint32Array(0);
  private shades = new Uint8Array(0);
  private image: ImageData | null = null;
  private coarse = 0; // of the last picture
  private steps = 0;  // pixels that its lines passed

  /** Lines have ends from 0 to size − 1. Those from rail on are without a result. */
  constructor(private readonly turned: boolean, private readonly rail: number) {}

  resize(width: number, height: number, size: number): void {
    this.size = size;
    this.counts = new Uint16Array(size * size);
    this.bests = new Uint8Array(size * size);
    this.pixels = new Uint32Array(width * height);
    this.shades = new Uint8Array(width * height);
  }

  /**
   * coarseness returns k if places of the next picture count in steps of 2^k pixels. While a range is dragged, it is 1, or
   * 2 if the lines of a picture of this drag passed many pixels.
   */
  coarseness(dragging: boolean): number {
    if (!dragging) return 0;
    return this.coarse === 2 || (this.coarse === 1 && this.steps > MOST_STEPS) ? 2 : 1;
  }

  /**
   * draw draws the lines of some rows, in the colours of the rows or, without them, in the colour of the rest.
   * The canvas is 2^coarse times smaller, and so is the scale.
   */
  draw(ctx: CanvasRenderingContext2D, pairs: Pair[], rows: Uint32Array, bins: Uint8Array | null, coarse: number, scale: number): void {
    const step = 1 << coarse;
    const size = (this.size + step - 1) >> coarse;
    const view: View = { size, rail: this.rail >> coarse, width: ctx.canvas.width, height: ctx.canvas.height };
    pairs = pairs.map((p) => ({ ...p, from: p.from / step, to: p.to / step }));
    clear(ctx);
    const segments: Segments[] = [];
    let total = 0;
    this.coarse = coarse;
    this.steps = 0;
    for (const pair of pairs) {
      const s = this.merge(pair, rows, bins, coarse, size), k = s.at.length;
      segments.push(s);
      total += k;
      this.steps += k * (pair.to - pair.from);
    }
    if (total <= (coarse ? MOST_DRAGGED : MOST_STROKES)) this.stroke(ctx, view, segments, !bins, scale);
    else this.paint(ctx, view, segments, !bins);
    this.failures(ctx, view, segments, !bins, scale);
  }

  /** merge counts the different lines of a pair. */
  private merge(pair: Pair, rows: Uint32Array, bins: Uint8Array | null, coarse: number, size: number): Segments {
    const { counts, bests } = this, { a, b } = pair, n = rows.length;
    if (this.touched.length < n) this.touched = new Uint32Array(n);
    const { touched } = this;
    let k = 0;
    for (let i = 0; i < n; i++) {
      const row = rows[i], at = (a[row] >> coarse) * size + (b[row] >> coarse), c = counts[at];
      if (c === 0) touched[k++] = at;
      if (c < 65535) counts[at] = c + 1;
      if (bins !== null && bins[row] > bests[at]) bests[at] = bins[row];
    }
    const at = touched.slice(0, k), count = new Uint16Array(k), best = new Uint8Array(k);
    for (let i = 0; i < k; i++) {
      count[i] = counts[at[i]];
      best[i] = bests[at[i]];
      counts[at[i]] = bests[at[i]] = 0;
    }
    return { pair, at, count, best };
  }

  private line(p: Path2D, { size }: View, pair: Pair, at: number): void {
    const a = Math.floor(at / size) + 0.5, b = (at % size) + 0.5;
    if (this.turned) {
      p.moveTo(a, pair.from);
      p.lineTo(b, pair.to);
    } else {
      p.moveTo(pair.from, a);
      p.lineTo(pair.to, b);
    }
  }

  private fails({ size, rail }: View, at: number): boolean { return Math.floor(at / size) >= rail || at % size >= rail; }

  private stroke(ctx: CanvasRenderingContext2D, view: View, segments: Segments[], rest: boolean, scale: number): void {
    const pal = colors();
    const paths: (Path2D | undefined)[] = new Array(BINS * 4);
    const faint = Math.max(0.35, Math.min(0.9, 250 / segments.reduce((n, s) => n + s.at.length, 1)));
    for (const { pair, at, count, best } of segments) {
      for (let i = 0; i < at.length; i++) {
        if (this.fails(view, at[i])) continue;
        const weight = Math.min(3, Math.floor(Math.log2(count[i]) / 2));
        const k = best[i] * 4 + weight;
        this.line((paths[k] ??= new Path2D()), view, pair, at[i]);
      }
    }
    paths.forEach((path, k) => { // the worst first
      if (!path) return;
      const weight = k & 3;
      ctx.strokeStyle = rest ? pal.rest : pal.ramp[k >> 2];
      ctx.globalAlpha = Math.min(1, (rest ? faint : 0.55) + 0.17 * weight);
      ctx.lineWidth = scale * (rest ? 1 : 1.1 + 0.2 * weight);
      ctx.stroke(path);
    });
    ctx.globalAlpha = 1;
  }

  private paint(ctx: CanvasRenderingContext2D, { size, rail, width, height }: View, segments: Segments[], rest: boolean): void {
    const { turned } = this, pixels = this.pixels.subarray(0, width * height), shades = this.shades.subarray(0, width * height), across = turned ? width : 1, along = turned ? 1 : width;
    pixels.fill(0);
    shades.fill(0);
    for (const { pair, at, count, best } of segments) {
      const from = Math.round(pair.from), to = Math.round(pair.to), length = to - from;
      for (let i = 0; i < at.length; i++) {
        const va = Math.floor(at[i] / size), vb = at[i] % size;
        if (va >= rail || vb >= rail) continue;
        steps(pixels, shades, va, vb, length, turned ? from * width : from, across, along, count[i], best[i]);
      }
    }
    if (this.image?.width !== width || this.image.height !== height) this.image = ctx.createImageData(width, height);
    const { image } = this, out = new Uint32Array(image.data.buffer);
    const pal = colors(), [r, g, b] = rgbOf(pal.rest);
    const ramp = new Uint32Array(BINS);
    for (let i = 0; i < BINS; i++) ramp[i] = rest ? r | (g << 8) | (b << 16) : pal.rampRGB[3 * i] | (pal.rampRGB[3 * i + 1] << 8) | (pal.rampRGB[3 * i + 2] << 16);
    const alphas = new Uint8Array(1025);
    for (let n = 1; n <= 1024; n++) alphas[n] = Math.round(255 * Math.min(1, (0.22 + 0.13 * Math.log2(1 + n)) * (rest ? 0.7 : 1)));
    for (let k = 0; k < out.length; k++) {
      const n = pixels[k];
      out[k] = n === 0 ? 0 : ramp[shades[k]] | (alphas[n < 1024 ? n : 1024] << 24);
    }
    putImage(ctx, image);
  }

  /** failures draws the lines that leave the axis of the result. */
  private failures(ctx: CanvasRenderingContext2D, view: View, segments: Segments[], rest: boolean, scale: number): void {
    const path = new Path2D();
    for (const { pair, at } of segments) for (let i = 0; i < at.length; i++) if (this.fails(view, at[i])) this.line(path, view, pair, at[i]);
    ctx.strokeStyle = colors().bad;
    ctx.globalAlpha = rest ? 0.25 : 0.7;
    ctx.lineWidth = scale;
    ctx.stroke(path);
    ctx.globalAlpha = 1;
  }
}

/** everyRow returns the rows from 0 to n − 1. */
export function everyRow(n: number): Uint32Array {
  const rows = new Uint32Array(n);
  for (let row = 0; row < n; row++) rows[row] = row;
  return rows;
}

/** rowsOf returns the rows of a mask. */
export function rowsOf(mask: Uint8Array): Uint32Array {
  const rows = new Uint32Array(mask.length);
  let k = 0;
  for (let row = 0; row < mask.length; row++) if (mask[row]) rows[k++] = row;
  return rows.subarray(0, k);
}

/** steps adds the pixels of a line, pixel k first. Places along the axes are whole numbers of 1/65536 of a pixel. */
function steps(pixels: Uint32Array, shades: Uint8Array, va: number, vb: number, length: number, k: number, across: number, along: number, count: number, shade: number): void {
  const slope = Math.round(((vb - va) * 65536) / length);
  let v = va * 65536 + 32768;
  if (slope >= -65536 && slope <= 65536) { // one pixel a step
    for (let u = 0; u < length; u++, k += across, v += slope) {
      const at = k + (v >> 16) * along;
      pixels[at] += count; // 32 bits: no sum overflows
      if (shade > shades[at]) shades[at] = shade;
    }
    return;
  }
  for (let u = 0; u < length; u++, k += across) {
    const w = v + slope;
    let lo = v >> 16, hi = w >> 16;
    if (lo > hi) {
      const t = lo;
      lo = hi + 1;
      hi = t + 1;
    } else if (lo === hi) hi++;
    for (let y = lo, at = k + lo * along; y < hi; y++, at += along) {
      pixels[at] += count;
      if (shade > shades[at]) shades[at] = shade;
    }
    v = w;
  }
}
