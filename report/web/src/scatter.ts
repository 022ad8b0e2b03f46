import { BINS, bin, colors, rgbOf } from "./colors.js";
import type { Column } from "./data.js";
import { byId, clear, el, options, pixelRatio, putImage, readout, sizeCanvas, svg } from "./dom.js";
import { value } from "./format.js";
import { Scale } from "./scale.js";
import type { Store } from "./store.js";

const LEFT = 58, BOTTOM = 42, TOP = 8, RIGHT = 12, SPREAD = 10;

/** The Scatter has a dot for each trial, over any two columns. */
export class Scatter {
  private readonly root = byId("scat");
  private readonly canvas = el("canvas", { role: "img" });
  private readonly over = el("canvas", { "aria-hidden": "true" });
  private readonly marks = svg("svg", { "aria-hidden": "true" });
  private readonly x = byId<HTMLSelectElement>("sx");
  private readonly y = byId<HTMLSelectElement>("sy");
  private px = new Int16Array(0);
  private py = new Int16Array(0);
  private shown = new Uint8Array(0);
  private image: ImageData | null = null;
  private counts = new Uint16Array(0); // of dots, by pixel
  private looks = new Uint8Array(0);
  private placed = "";
  private readonly scales = new Map<string, Scale>();
  private readonly usual: [string, string];
  private near = -1;
  private width = 0;
  private height = 0;

  constructor(private readonly store: Store, redraw: () => void) {
    this.root.append(this.canvas, this.over, this.marks);
    const names = this.names();
    const prefer = (...want: string[]): string => want.find((w) => names.includes(w)) ?? names[0] ?? "";
    this.usual = [prefer("seconds", "steps"), prefer("val")];
    options(this.x, names, this.usual[0]);
    options(this.y, names, this.usual[1]);
    for (const s of [this.x, this.y]) s.addEventListener("change", redraw);
    this.root.addEventListener("pointermove", (e) => this.hover(e));
    this.root.addEventListener("pointerleave", () => this.point(-1));
    this.root.addEventListener("click", () => { if (this.near >= 0) store.toggle(this.near); });
  }

  private names(): string[] { return this.store.data.columns.filter((c) => c.name !== "rank" && c.name !== "error" && c.varies && (c.numeric || c.dict.length <= 40)).map((c) => c.name); }

  /** measure reads the size of the chart. */
  measure(): void {
    this.width = this.root.clientWidth;
    this.height = this.root.clientHeight;
  }

  /** choose chooses the axes of a text such as seconds,val, or the usual ones. */
  choose(text: string | null): void {
    const names = this.names(), given = (text ?? "").split(",");
    const [x, y] = given.length === 2 && given.every((g) => names.includes(g)) ? given : this.usual;
    this.x.value = x;
    this.y.value = y;
  }

  /** chosen returns the text of the axes, or null if they are the usual ones. */
  get chosen(): string | null {
    const [x, y] = this.usual;
    return this.x.value === x && this.y.value === y ? null : `${this.x.value},${this.y.value}`;
  }

  /** moved follows trials that an update has moved. */
  moved(to: Int32Array): void { if (this.near >= 0) this.near = to[this.near]; }

  /** update follows an update of the trials. */
  update(): void {
    this.scales.clear();
    this.placed = "";
    const names = this.names();
    if (names.length > this.x.options.length) for (const s of [this.x, this.y]) options(s, names, s.value);
    this.draw();
  }

  private scale(name: string): Scale {
    let s = this.scales.get(name);
    if (!s) this.scales.set(name, (s = new Scale(this.store.data.byName.get(name)!, this.store.n, null)));
    return s;
  }

  /** place computes the pixels of all trials and draws the axes, unless nothing moved. */
  private place(width: number, height: number, k: number): void {
    const key = [this.x.value, this.y.value, width, height, k].join(" ");
    if (key === this.placed) return;
    this.placed = key;
    this.axes(width, height);
    const { n } = this.store, sx = this.scale(this.x.value), sy = this.scale(this.y.value);
    this.px = new Int16Array(n);
    this.py = new Int16Array(n);
    const w = width - LEFT - RIGHT, h = height - TOP - BOTTOM;
    const room = (s: Scale, length: number): number => (s.values.length > 1 && s.values.length * 3 * SPREAD < length ? SPREAD : 0);
    const rx = room(sx, w), ry = room(sy, h);
    const xs = sx.places(), ys = sy.places();
    for (let row = 0; row < n; row++) {
      if (Number.isNaN(xs[row]) || Number.isNaN(ys[row])) {
        this.px[row] = -1;
        continue;
      }
      // Equal values are spread by the number of the row, the same each time.
      const jx = rx ? (((row * 7919) % 1009) / 1009 - 0.5) * rx : 0, jy = ry ? (((row * 6101) % 1013) / 1013 - 0.5) * ry : 0;
      this.px[row] = Math.round((LEFT + SPREAD / 2 + xs[row] * (w - SPREAD) + jx) * k);
      this.py[row] = Math.round((TOP + SPREAD / 2 + (1 - ys[row]) * (h - SPREAD) + jy) * k);
    }
  }

  draw(): void {
    if (!this.x.value) return;
    const { store, width, height } = this, k = pixelRatio();
    this.place(width, height, k);
    const ctx = sizeCanvas(this.canvas, width, height, k);
    this.shown = store.mask;
    clear(ctx);
    putImage(ctx, this.dots(ctx, Math.max(2, Math.round((store.n < 2000 ? 5 : store.n < 10_000 ? 3 : 2) * k))));
    this.canvas.setAttribute("aria-label", `Scatter of ${this.y.value} over ${this.x.value} for ${store.passing} trials`);
    this.drawOver();
  }

  /** dots returns the image of all dots, of d pixels each way. Its buffers serve again. */
  private dots(ctx: CanvasRenderingContext2D, d: number): ImageData {
    const { store, px, py } = this, { width: w, height: h } = this.canvas, { n, mask, ended } = store, val = store.val.num, pal = colors();
    if (this.image?.width !== w || this.image.height !== h) {
      this.image = ctx.createImageData(w, h);
      this.counts = new Uint16Array(w * h);
      this.looks = new Uint8Array(w * h);
    }
    const { image, counts, looks } = this, half = d >> 1;
    counts.fill(0);
    looks.fill(0);
    let lo = Infinity, hi = -Infinity;
    for (let row = 0; row < n; row++) {
      if (!mask[row] || !ended[row]) continue;
      const g = store.gain(val[row]);
      if (g < lo) lo = g;
      if (g > hi) hi = g;
    }
    for (let row = 0; row < n; row++) {
      if (px[row] < 0) continue;
      // The best of a pixel hides the others: those that do not pass, then those without a result, then by colour.
      const look = !mask[row] ? 0 : ended[row] ? 2 + bin(hi > lo ? (store.gain(val[row]) - lo) / (hi - lo) : 1) : 1;
      const first = (py[row] - half) * w + px[row] - half;
      for (let j = 0; j < d; j++) for (let i = 0, at = first + j * w; i < d; i++, at++) {
        if (counts[at] < 65535) counts[at]++;
        if (look > looks[at]) looks[at] = look;
      }
    }
    const shade = (r: number, g: number, b: number): number => r | (g << 8) | (b << 16);
    const shades = Uint32Array.from({ length: 2 + BINS }, (_, i) => i === 0 ? shade(...rgbOf(pal.rest)) : i === 1 ? shade(...rgbOf(pal.bad)) : shade(pal.rampRGB[3 * i - 6], pal.rampRGB[3 * i - 5], pal.rampRGB[3 * i - 4]));
    const most = 32, alphas = Uint8Array.from({ length: most + 1 }, (_, i) => Math.round(255 * Math.min(1, 0.45 + 0.13 * Math.log2(1 + i)))); // more are opaque, too
    const out = new Uint32Array(image.data.buffer);
    for (let at = 0; at < out.length; at++) {
      const c = counts[at];
      out[at] = c === 0 ? 0 : shades[looks[at]] | (alphas[c < most ? c : most] << 24);
    }
    return image;
  }

  private axes(width: number, height: number): void {
    const parts: SVGElement[] = [], sx = this.scale(this.x.value), sy = this.scale(this.y.value);
    const w = width - LEFT - RIGHT - SPREAD, h = height - TOP - BOTTOM - SPREAD, bottom = height - BOTTOM;
    for (const t of sx.ticks(Math.max(2, Math.floor(w / 80)))) {
      const x = LEFT + SPREAD / 2 + t.at * w;
      parts.push(svg("line", { x1: x, x2: x, y1: bottom, y2: bottom + 4 }), svg("text", { x, y: bottom + 16, "text-anchor": "middle" }, t.label.slice(0, 14)));
    }
    for (const t of sy.ticks(6)) {
      const y = TOP + SPREAD / 2 + (1 - t.at) * h;
      parts.push(svg("line", { x1: LEFT - 4, x2: LEFT, y1: y, y2: y }), svg("text", { x: LEFT - 7, y: y + 4, "text-anchor": "end" }, t.label.slice(0, 10)));
    }
    parts.push(svg("line", { x1: LEFT, x2: width - RIGHT, y1: bottom, y2: bottom }), svg("line", { x1: LEFT, x2: LEFT, y1: TOP, y2: bottom }));
    const name = (s: Scale): string => s.column.name + (s.log ? " (log)" : "");
    parts.push(svg("text", { x: width - RIGHT, y: height - 8, "text-anchor": "end" }, `${name(sx)} →`), svg("text", { x: 0, y: height - 8 }, `↑ ${name(sy)}`));
    this.marks.setAttribute("width", String(width));
    this.marks.setAttribute("height", String(height));
    this.marks.replaceChildren(...parts);
  }

  drawOver(): void {
    const k = pixelRatio(), ctx = sizeCanvas(this.over, this.width, this.height, k), pal = colors();
    clear(ctx);
    const ring = (row: number, color: string): void => {
      if (this.px[row] < 0 || row >= this.px.length) return;
      ctx.beginPath();
      ctx.arc(this.px[row], this.py[row], 5 * k, 0, 7);
      ctx.strokeStyle = pal.card;
      ctx.lineWidth = 4.5 * k;
      ctx.stroke();
      ctx.strokeStyle = color;
      ctx.lineWidth = 2.2 * k;
      ctx.stroke();
    };
    for (const row of this.store.selected) ring(row, pal.selection[this.store.slots.get(row)!]);
    if (this.near >= 0) ring(this.near, pal.text);
  }

  private point(row: number, x = 0, y = 0): void {
    if (row !== this.near) {
      this.near = row;
      this.drawOver();
    }
    if (row < 0) return readout(null);
    const { store } = this, names = [...new Set([this.y.value, this.x.value, "val", ...store.axes.map((c) => c.name), "seed"])];
    const lines = names.map((n) => store.data.byName.get(n)).filter((c): c is Column => !!c).map((c) => `${c.name} ${value(c, row, store.accuracy)}`);
    readout(lines.join("\n"), x, y);
  }

  private hover(e: PointerEvent): void {
    const r = this.root.getBoundingClientRect(), k = pixelRatio();
    const x = (e.clientX - r.left) * k, y = (e.clientY - r.top) * k;
    let best = -1, near = (8 * k) ** 2;
    for (let row = 0; row < this.store.n; row++) {
      if (!this.shown[row] || this.px[row] < 0) continue;
      const d = (this.px[row] - x) ** 2 + (this.py[row] - y) ** 2;
      if (d < near) [near, best] = [d, row];
    }
    this.point(best, e.clientX, e.clientY);
  }
}
