import { bin, colors } from "./colors.js";
import type { Column } from "./data.js";
import { byId, clear, el, pixelRatio, readout, say, sizeCanvas, svg } from "./dom.js";
import { count, number, value } from "./format.js";
import { RampKey } from "./heat.js";
import { everyRow, Raster, rowsOf, type Pair } from "./raster.js";
import type { Scale } from "./scale.js";
import type { Store } from "./store.js";

const LENGTH = 260, TOP = 40, RAIL = 16, MOST_AXES = 12, APART = 62;

interface AxisView {
  column: Column; scale: Scale; result: boolean;
  across: number;               // place of the axis in CSS pixels
  places: Int16Array;           // of rows along the axis, in device pixels
  name: HTMLButtonElement; hit: HTMLDivElement; knobs: [HTMLDivElement, HTMLDivElement];
}

export class Parallel {
  private readonly root = byId("par");
  private readonly rest = el("canvas", { "aria-hidden": "true" });
  private readonly bright = el("canvas", { role: "img" });
  private readonly over = el("canvas", { "aria-hidden": "true" });
  private readonly marks = svg("svg", { "aria-hidden": "true" });
  private readonly brushMarks = svg("g");
  private readonly say = el("p", { class: "vh", role: "status" });
  private axes: AxisView[] = [];
  private raster: Raster | null = null;
  private turned = false;
  private length = 0; // of axes, CSS pixels
  private start = 0;  // of axes along, CSS pixels
  private width = 0;
  private height = 0;
  private canvasHeight = 0;
  private scale = 1;
  private bins: Uint8Array;
  private readonly ramp = new RampKey();
  private readonly none = new Text("No trial that passes has a result.");
  private hovered = -1;
  dragging = false;
  private frame = 0;

  constructor(private readonly store: Store, private readonly released: () => void) {
    this.bins = new Uint8Array(store.n);
    this.root.append(this.rest, this.bright, this.over, this.marks, this.say);
    const columns = [...store.axes.slice(0, MOST_AXES - 1)].reverse().concat(store.val);
    this.axes = columns.map((c) => this.axis(c));
    this.root.addEventListener("pointermove", (e) => this.hover(e));
    this.root.addEventListener("pointerleave", () => this.point(-1));
    this.root.addEventListener("click", (e) => {
      if (e.target === this.root && this.hovered >= 0) store.toggle(this.hovered);
    });
  }

  /** moved follows trials that an update has moved. */
  moved(to: Int32Array): void { if (this.hovered >= 0) this.hovered = to[this.hovered]; }

  /** update follows an update of the trials. */
  update(): void {
    const { store } = this;
    this.bins = new Uint8Array(store.n);
    for (const a of this.axes) {
      a.scale = store.scale(a.column);
      a.places = new Int16Array(store.n);
      for (const k of a.knobs) k.setAttribute("aria-valuemax", String(Math.max(a.scale.values.length - 1, 0)));
    }
    this.layout(false); // elements keep their places, and the focus
  }

  get order(): string[] { return this.axes.map((a) => a.column.name); }

  /** reorder puts the axes into an order of their names. */
  reorder(names: string[]): void {
    const place = (a: AxisView): number => (names.includes(a.column.name) ? names.indexOf(a.column.name) : names.length);
    this.axes.sort((a, b) => place(a) - place(b));
  }

  private axis(column: Column): AxisView {
    const { store } = this, scale = store.scale(column), result = column === store.val;
    const title = (result ? "validation" : column.name) + (scale.log ? " (log)" : "");
    const name = el("button", { type: "button", class: "ax-name" }, result && !store.accuracy ? "value" : title);
    const hit = el("div", { class: "ax-hit" });
    const knob = (end: number): HTMLDivElement => el("div", {
      class: "ax-knob", role: "slider", tabindex: 0, "aria-label": `${column.name}, ${end ? "highest" : "lowest"} value that passes`,
      "aria-valuemin": 0, "aria-valuemax": Math.max(scale.values.length - 1, 0),
    });
    const a: AxisView = { column, scale, result, across: 0, places: new Int16Array(store.n), name, hit, knobs: [knob(0), knob(1)] };
    a.knobs.forEach((k, end) => {
      k.addEventListener("keydown", (e) => this.knobKey(a, end, e));
      k.addEventListener("pointerdown", (e) => {
        const [lo, hi] = this.range(a);
        this.drag(a, e, a.scale.at(end ? lo : hi));
      });
    });
    hit.addEventListener("pointerdown", (e) => this.drag(a, e, null));
    hit.addEventListener("dblclick", () => store.setBrush(column.name, null));
    name.addEventListener("keydown", (e) => {
      const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key];
      if (!step) return;
      e.preventDefault();
      this.move(a, this.axes.indexOf(a) + step);
    });
    name.addEventListener("pointerdown", (e) => this.dragName(a, e));
    this.root.append(name, hit, ...a.knobs);
    return a;
  }

  /** move puts an axis at another place. */
  private move(a: AxisView, to: number): void {
    const from = this.axes.indexOf(a);
    to = Math.max(0, Math.min(this.axes.length - 1, to));
    if (to === from) return;
    this.axes.splice(from, 1);
    this.axes.splice(to, 0, a);
    const focused = document.activeElement === a.name;
    this.layout();
    if (focused) a.name.focus({ preventScroll: true });
    this.say.textContent = `${a.column.name} is axis ${to + 1} of ${this.axes.length}`;
    this.released();
  }

  private dragName(a: AxisView, e: PointerEvent): void {
    if (e.button !== 0) return;
    const at = (v: PointerEvent): number => { const r = this.root.getBoundingClientRect(); return this.turned ? v.clientY - r.top : v.clientX - r.left; };
    const begin = at(e);
    a.name.setPointerCapture(e.pointerId);
    const move = (v: PointerEvent): void => {
      if (Math.abs(at(v) - begin) < 4 && !a.name.classList.contains("drag")) return;
      a.name.classList.add("drag");
      a.name.style[this.turned ? "top" : "left"] = `${at(v) - (this.turned ? 11 : 0)}px`;
    };
    const end = (v: PointerEvent): void => {
      a.name.removeEventListener("pointermove", move);
      a.name.removeEventListener("pointerup", end);
      a.name.removeEventListener("pointercancel", end);
      if (!a.name.classList.contains("drag")) return;
      a.name.classList.remove("drag");
      let to = 0;
      for (const b of this.axes) if (b !== a && at(v) > b.across) to++;
      if (to === this.axes.indexOf(a)) this.layout();
      this.move(a, to);
    };
    a.name.addEventListener("pointermove", move);
    a.name.addEventListener("pointerup", end);
    a.name.addEventListener("pointercancel", end);
  }

  /** layout places axes and lines for the size of the page, and draws. */
  layout(anew = true): void {
    const { root, store } = this;
    this.width = root.clientWidth;
    this.turned = this.width < 560;
    root.classList.toggle("turned", this.turned);
    this.scale = pixelRatio();
    const n = this.axes.length;
    if (this.turned) {
      this.start = 16;
      this.length = this.width - 32 - RAIL;
      this.height = 30 + APART * (n - 1) + 40;
      this.axes.forEach((a, i) => { a.across = 26 + APART * i; });
    } else {
      this.start = TOP;
      this.length = LENGTH;
      this.height = TOP + LENGTH + RAIL + 14;
      const left = 44, right = this.width - 64;
      this.axes.forEach((a, i) => { a.across = n > 1 ? left + (i * (right - left)) / (n - 1) : left; });
    }
    root.style.height = `${this.height}px`;
    this.canvasHeight = this.turned ? this.height : this.length + RAIL + 2;
    const size = Math.round(this.length * this.scale), all = size + Math.round((RAIL + 1) * this.scale);
    // Turned axes begin with the rail, on the left; places are counted from the right there.
    this.raster = new Raster(this.turned, size);
    this.raster.resize(Math.round(this.width * this.scale), Math.round(this.canvasHeight * this.scale), all);
    for (const a of this.axes) {
      const at = a.scale.places(), { places } = a;
      for (let row = 0; row < store.n; row++) places[row] = Number.isNaN(at[row]) ? all - 1 : Math.round((1 - at[row]) * (size - 1));
      if (anew) this.place(a);
    }
    this.axesMarks();
    this.drawRest();
    this.draw();
  }

  /** along returns the place of a value on an axis in CSS pixels. */
  private along(t: number): number { return this.turned ? this.start + RAIL + t * this.length : this.start + (1 - t) * this.length; }

  private place(a: AxisView): void {
    const i = this.axes.indexOf(a);
    a.name.setAttribute("aria-label", `${a.name.textContent}, axis ${i + 1} of ${this.axes.length}; arrow keys move it`);
    this.root.append(a.name, a.hit, ...a.knobs); // the order of focus is that of the axes
    const box = (e: HTMLElement, x: number, y: number, w?: number, h?: number): void => {
      e.style.left = `${x}px`;
      e.style.top = `${y}px`;
      if (w !== undefined) e.style.width = `${w}px`;
      if (h !== undefined) e.style.height = `${h}px`;
    };
    if (this.turned) {
      box(a.name, 8, a.across - 24);
      box(a.hit, this.start + RAIL - 6, a.across - 10, this.length + 12, 30);
    } else {
      box(a.name, Math.max(40, Math.min(this.width - 40, a.across)), 0);
      box(a.hit, a.across - 14, this.start - 6, 28, this.length + 12);
    }
  }

  private axesMarks(): void {
    const { marks } = this;
    marks.setAttribute("width", String(this.width));
    marks.setAttribute("height", String(this.height));
    const parts: SVGElement[] = [this.brushMarks];
    const from = this.along(0), to = this.along(1);
    for (const a of this.axes) {
      const c = a.across;
      parts.push(svg("line", this.turned ? { class: "axis-line", x1: from, x2: to, y1: c, y2: c } : { class: "axis-line", x1: c, x2: c, y1: from, y2: to }));
      for (const t of a.scale.ticks(this.turned ? Math.max(2, Math.floor(this.length / 70)) : 7)) {
        const at = this.along(t.at), text = t.label.slice(0, 14);
        if (this.turned) {
          parts.push(svg("line", { class: "axis-line", x1: at, x2: at, y1: c, y2: c + 4 }));
          parts.push(svg("text", { x: at, y: c + 15, "text-anchor": at > this.width - 30 ? "end" : "middle" }, text));
        } else {
          parts.push(svg("line", { class: "axis-line", x1: c, x2: c + 4, y1: at, y2: at }));
          parts.push(svg("text", { x: c + 8, y: at + 4 }, text));
        }
      }
      if (a.result && this.store.ended.includes(0)) {
        parts.push(this.turned ? svg("text", { class: "badt", x: 2, y: c + 28 }, "no result") : svg("text", { class: "badt", x: c + 8, y: this.start + this.length + RAIL + 4 }, "no result"));
      }
    }
    marks.replaceChildren(...parts);
  }

  private pairs(): Pair[] {
    const { scale } = this;
    return this.axes.slice(1).map((b, i) => ({ from: this.axes[i].across * scale, to: b.across * scale, a: this.axes[i].places, b: b.places }));
  }

  private context(c: HTMLCanvasElement, scale = this.scale): CanvasRenderingContext2D {
    return sizeCanvas(c, this.width, this.canvasHeight, scale);
  }

  /** shift moves a canvas so that place 0 of the axes is at its edge. Turned axes are mirrored. */
  private shift(c: HTMLCanvasElement): void {
    c.style.transform = this.turned ? `scaleX(-1)` : `translateY(${this.start}px)`;
    if (this.turned) c.style.left = `${-(this.width - (this.start + RAIL + this.length))}px`;
    else c.style.left = "0";
  }

  drawRest(): void {
    const ctx = this.context(this.rest);
    this.shift(this.rest);
    this.raster!.draw(ctx, this.pairs(), everyRow(this.store.n), null, 0, this.scale);
  }

  draw(): void {
    const { store, bins } = this, { mask, best } = store.bright(), rows = rowsOf(mask);
    const val = store.val.num;
    // The ramp goes from the fifth hundredth of what is shown to its best.
    const [shown, lo, hi] = this.spread(rows);
    for (const row of rows) bins[row] = bin(hi > lo ? (store.gain(val[row]) - lo) / (hi - lo) : 1);
    const coarse = this.raster!.coarseness(this.dragging), scale = this.scale / 2 ** coarse;
    const ctx = this.context(this.bright, scale);
    this.shift(this.bright);
    this.raster!.draw(ctx, this.pairs(), rows, bins, coarse, scale);
    this.bright.setAttribute("aria-label", `Parallel coordinates of ${store.passing} trials over ${this.order.join(", ")}. The table below has the same trials.`);
    say(byId("parnote"), best ? `the best ${count(best)} in colour, the rest grey; drag along an axis to filter` : "what passes the filters in colour, the rest grey; drag along an axis to filter");
    const f = (x: number): string => number(store.val, x, store.accuracy);
    if (shown) this.ramp.show(f(store.gain(lo)), f(store.gain(hi)));
    const key = byId("parkey"), now = shown ? this.ramp.element : this.none;
    if (key.firstChild !== now) key.replaceChildren(now);
    this.drawBrushes();
    this.drawOver();
  }

  /** spread returns the number of results of some rows, and the gains of about their fifth hundredth and of the best. */
  private spread(rows: Uint32Array): [number, number, number] {
    const { store } = this, val = store.val.num, gains = new Float64Array(rows.length);
    let n = 0, low = Infinity, high = -Infinity;
    for (const row of rows) {
      if (!store.ended[row]) continue;
      const g = store.gain(val[row]);
      gains[n++] = g;
      if (g < low) low = g;
      if (g > high) high = g;
    }
    if (!(high > low)) return [n, low, high];
    const parts = 2000, counts = new Uint32Array(parts + 1), width = (high - low) / parts;
    for (let i = 0; i < n; i++) counts[Math.floor((gains[i] - low) / width)]++;
    let k = 0;
    for (let left = 0.05 * n; k < parts && left >= counts[k]; k++) left -= counts[k];
    return [n, low + k * width, high];
  }

  private range(a: AxisView): [number, number] {
    const v = a.scale.values;
    return this.store.brushes.get(a.column.name) ?? [v[0], v[v.length - 1]];
  }

  private drawBrushes(): void {
    const parts: SVGElement[] = [];
    for (const a of this.axes) {
      const on = this.store.brushes.has(a.column.name), values = a.scale.values;
      const [lo, hi] = this.range(a);
      if (on) {
        const p = this.along(a.scale.at(lo)), q = this.along(a.scale.at(hi)), from = Math.min(p, q) - 3, length = Math.abs(q - p) + 6;
        parts.push(svg("rect", this.turned ? { class: "brush", x: from, y: a.across - 5, width: length, height: 10, rx: 3 } : { class: "brush", x: a.across - 5, y: from, width: 10, height: length, rx: 3 }));
      }
      [lo, hi].forEach((v, end) => {
        const k = a.knobs[end], at = this.along(a.scale.at(v)) + (this.turned ? (end ? 4 : -4) : end ? -4 : 4);
        k.classList.toggle("on", on);
        k.style.left = `${this.turned ? at : a.across}px`;
        k.style.top = `${this.turned ? a.across : at}px`;
        const index = values.length ? Math.min(a.scale.index(v), values.length - 1) : 0;
        k.setAttribute("aria-valuenow", String(Math.max(index, 0)));
        k.setAttribute("aria-valuetext", values.length ? (a.scale.words ? a.scale.label(v) : number(a.column, v, this.store.accuracy)) : "no values");
      });
    }
    this.brushMarks.replaceChildren(...parts);
  }

  /** drawOver draws the selected trials and the one below the pointer. */
  drawOver(): void {
    const ctx = this.context(this.over), pal = colors(), { scale, store } = this;
    this.shift(this.over);
    clear(ctx);
    const line = (row: number, color: string): void => {
      const p = new Path2D();
      this.axes.forEach((a, i) => {
        const u = a.across * scale, v = a.places[row] + 0.5;
        if (i === 0) p.moveTo(this.turned ? v : u, this.turned ? u : v);
        else p.lineTo(this.turned ? v : u, this.turned ? u : v);
      });
      ctx.lineJoin = "round";
      ctx.strokeStyle = pal.card;
      ctx.lineWidth = 4.5 * scale;
      ctx.stroke(p);
      ctx.strokeStyle = color;
      ctx.lineWidth = 2.2 * scale;
      ctx.stroke(p);
    };
    for (const row of store.selected) line(row, pal.selection[store.slots.get(row)!]);
    if (this.hovered >= 0) line(this.hovered, pal.text);
  }

  private point(row: number, x = 0, y = 0): void {
    if (row !== this.hovered) {
      this.hovered = row;
      this.drawOver();
    }
    if (row < 0) {
      readout(null);
      return;
    }
    const f = (c: Column): string => `${c.name} ${value(c, row, this.store.accuracy)}`;
    readout([f(this.store.val), ...this.store.axes.map(f), ...(this.store.data.byName.get("seed")?.axis ? [f(this.store.data.byName.get("seed")!)] : [])].join("\n"), x, y);
  }

  private hover(e: PointerEvent): void {
    if (this.dragging || e.target !== this.root) {
      if (!this.dragging) this.point(-1);
      return;
    }
    const r = this.root.getBoundingClientRect(), { scale, store } = this;
    const x = e.clientX - r.left, y = e.clientY - r.top;
    const u = this.turned ? y : x;
    const v = (this.turned ? this.start + RAIL + this.length - x : y - this.start) * scale;
    let k = 0;
    while (k < this.axes.length - 2 && this.axes[k + 1].across < u) k++;
    const a = this.axes[k], b = this.axes[k + 1];
    if (!b) return;
    const f = Math.max(0, Math.min(1, (u - a.across) / (b.across - a.across)));
    let best = -1, near = 7 * scale;
    const look = (mask: Uint8Array): void => {
      for (let row = 0; row < store.n; row++) {
        if (!mask[row]) continue;
        const d = Math.abs(a.places[row] * (1 - f) + b.places[row] * f - v);
        if (d < near - 1e-6) [near, best] = [d, row];
      }
    };
    const bright = store.bright();
    look(bright.mask);
    if (best < 0 && bright.best) look(store.mask);
    this.point(best, e.clientX, e.clientY);
  }

  /** drag chooses a range of an axis. The place of the other end is fixed, or where the pointer is. */
  private drag(a: AxisView, e: PointerEvent, fixed: number | null): void {
    if (e.button !== 0 || a.scale.values.length === 0) return;
    e.preventDefault();
    const target = e.currentTarget as HTMLElement;
    target.setPointerCapture(e.pointerId);
    const r = this.root.getBoundingClientRect(); // once, because it makes the browser compute the layout
    const t = (v: PointerEvent): number => {
      const p = this.turned ? v.clientX - r.left - this.start - RAIL : this.length - (v.clientY - r.top - this.start);
      return Math.max(0, Math.min(1, p / this.length));
    };
    const from = fixed ?? t(e), px = fixed === null ? 3 / this.length : 0;
    let moved = fixed !== null, to = from;
    this.dragging = true;
    this.point(-1);
    const move = (v: PointerEvent): void => {
      to = t(v);
      moved ||= Math.abs(to - from) > px;
      if (!moved || this.frame) return;
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.store.setBrush(a.column.name, this.snap(a, Math.min(from, to), Math.max(from, to)));
      });
    };
    const end = (): void => {
      target.removeEventListener("pointermove", move);
      target.removeEventListener("pointerup", end);
      target.removeEventListener("pointercancel", end);
      cancelAnimationFrame(this.frame);
      this.frame = 0;
      this.dragging = false;
      this.store.setBrush(a.column.name, moved ? this.snap(a, Math.min(from, to), Math.max(from, to)) : null);
      this.released();
    };
    target.addEventListener("pointermove", move);
    target.addEventListener("pointerup", end);
    target.addEventListener("pointercancel", end);
  }

  /** snap returns the values between two places, or null for all values. */
  private snap(a: AxisView, lo: number, hi: number): [number, number] | null {
    const { scale } = a, v = scale.values, slack = 2 / this.length;
    let i = scale.nearest(lo), j = scale.nearest(hi);
    if (scale.at(v[i]) < lo - slack && i < j) i++;
    if (scale.at(v[j]) > hi + slack && j > i) j--;
    if (i === 0 && j === v.length - 1 && !a.result) return null;
    return [v[i], v[j]];
  }

  private knobKey(a: AxisView, end: number, e: KeyboardEvent): void {
    const v = a.scale.values, last = v.length - 1;
    if (last < 0) return;
    const range: [number, number] = [...this.range(a)];
    const page = Math.max(1, Math.round(v.length / 10));
    let i = Math.min(a.scale.index(range[end]), last);
    switch (e.key) {
      case "ArrowUp": case "ArrowRight": i++; break;
      case "ArrowDown": case "ArrowLeft": i--; break;
      case "PageUp": i += page; break;
      case "PageDown": i -= page; break;
      case "Home": i = 0; break;
      case "End": i = last; break;
      case "Escape":
        e.preventDefault();
        this.store.setBrush(a.column.name, null);
        this.released();
        return;
      default: return;
    }
    e.preventDefault();
    const other = Math.min(a.scale.index(range[1 - end]), last);
    i = end ? Math.max(other, Math.min(last, i)) : Math.min(other, Math.max(0, i));
    range[end] = v[i];
    const all = a.scale.index(range[0]) === 0 && a.scale.index(range[1]) === last;
    this.store.setBrush(a.column.name, all && !a.result ? null : range);
    this.released();
  }
}
