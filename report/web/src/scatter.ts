import { bin, colors, rgbOf } from "./colors.js";
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
  private placed = "";
  private readonly scales = new Map<string, Scale>();
  private readonly usual: [string, string];
  private near = -1;

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

  private names(): string[] { return this.store.data.columns.filter((c) => c.name !== "rank" && c.name !== "error" && this.varies(c)).map((c) => c.name); }

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

  private varies(c: Column): boolean {
    const of = (i: number): number => (c.codes ? c.codes[i] : c.num[i]);
    for (let i = 1; i < this.store.n; i++) if (!Object.is(of(i), of(0))) return c.numeric || c.dict.length <= 40;
    return false;
  }

  private scale(name: string): Scale {
    let s = this.scales.get(name);
    if (!s) this.scales.set(name, (s = new Scale(this.store.data.byName.get(name)!, this.store.n, null)));
    return s;
  }

  /** place computes the pixels of all trials, unless nothing moved. */
  private place(width: number, height: number, k: number): void {
    const key = [this.x.value, this.y.value, width, height, k].join(" ");
    if (key === this.placed) return;
    this.placed = key;
    const { n } = this.store, sx = this.scale(this.x.value), sy = this.scale(this.y.value);
    this.px = new Int16Array(n);
    this.py = new Int16Array(n);
    const w = width - LEFT - RIGHT, h = height - TOP - BOTTOM;
    const room = (s: Scale, length: number): number => (s.values.length > 1 && s.values.length * 3 * SPREAD < length ? SPREAD : 0);
    const rx = room(sx, w), ry = room(sy, h);
    for (let row = 0; row < n; row++) {
      const u = sx.of(row), v = sy.of(row);
      if (!Number.isFinite(u) || !Number.isFinite(v)) {
        this.px[row] = -1;
        continue;
      }
      // Equal values are spread by the number of the row, the same each time.
      const jx = rx ? (((row * 7919) % 1009) / 1009 - 0.5) * rx : 0, jy = ry ? (((row * 6101) % 1013) / 1013 - 0.5) * ry : 0;
      this.px[row] = Math.round((LEFT + SPREAD / 2 + sx.at(u) * (w - SPREAD) + jx) * k);
      this.py[row] = Math.round((TOP + SPREAD / 2 + (1 - sy.at(v)) * (h - SPREAD) + jy) * k);
    }
  }

  draw(): void {
    if (!this.x.value) return;
    const { store } = this, width = this.root.clientWidth, height = this.root.clientHeight, k = pixelRatio();
    this.place(width, height, k);
    const ctx = sizeCanvas(this.canvas, width, height, k), w = this.canvas.width, h = this.canvas.height;
    const image = ctx.createImageData(w, h), out = new Uint32Array(image.data.buffer);
    const pal = colors(), { mask } = store, val = store.val.num;
    this.shown = mask;
    let lo = Infinity, hi = -Infinity;
    for (let row = 0; row < store.n; row++) if (mask[row] && store.ended[row]) { lo = Math.min(lo, store.gain(val[row])); hi = Math.max(hi, store.gain(val[row])); }
    const counts = new Uint16Array(w * h), best = new Uint8Array(w * h), d = Math.max(2, Math.round((store.n < 2000 ? 5 : store.n < 10_000 ? 3 : 2) * k));
    const [mr, mg, mb] = rgbOf(pal.rest), [br, bg, bb] = rgbOf(pal.bad);
    const dot = (row: number, rest: boolean): void => {
      const x = this.px[row], y = this.py[row];
      if (x < 0) return;
      const b = rest ? 0 : store.ended[row] ? 1 + bin(hi > lo ? (store.gain(val[row]) - lo) / (hi - lo) : 1) : 255;
      for (let j = 0; j < d; j++) for (let i = 0; i < d; i++) {
        const at = (y + j - (d >> 1)) * w + x + i - (d >> 1);
        if (at < 0 || at >= out.length) continue;
        if (counts[at] < 65535) counts[at]++;
        if (!rest && (best[at] === 0 || best[at] === 255 || (b !== 255 && b > best[at]))) best[at] = b;
      }
    };
    for (let row = 0; row < store.n; row++) if (!mask[row]) dot(row, true);
    for (let row = store.n - 1; row >= 0; row--) if (mask[row]) dot(row, false);
    for (let at = 0; at < out.length; at++) {
      if (!counts[at]) continue;
      const b = best[at];
      const alpha = Math.round(255 * Math.min(1, 0.45 + 0.13 * Math.log2(1 + counts[at])));
      const c = b === 0 ? mr | (mg << 8) | (mb << 16) : b === 255 ? br | (bg << 8) | (bb << 16)
        : pal.rampRGB[3 * (b - 1)] | (pal.rampRGB[3 * (b - 1) + 1] << 8) | (pal.rampRGB[3 * (b - 1) + 2] << 16);
      out[at] = (c | (alpha << 24)) >>> 0;
    }
    clear(ctx);
    putImage(ctx, image);
    this.canvas.setAttribute("aria-label", `Scatter of ${this.y.value} over ${this.x.value} for ${store.passing} trials`);
    this.axes(width, height);
    this.drawOver();
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
    const k = pixelRatio(), ctx = sizeCanvas(this.over, this.root.clientWidth, this.root.clientHeight, k), pal = colors();
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
