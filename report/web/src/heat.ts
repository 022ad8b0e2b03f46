import { bin, colors, ink } from "./colors.js";
import type { Column } from "./data.js";
import { byId, el, keepSpace, options, readout, svg } from "./dom.js";
import { count, number } from "./format.js";
import type { Scale } from "./scale.js";
import type { Range, Store } from "./store.js";

const MOST = 40, BINS = 24, HEIGHT = 300;

interface Cell { n: number; sum: number; best: number; diverged: number; bestRow: number }

/** A Drawn has the elements of a cell, and the class of its square. */
interface Drawn { look: string; square: SVGElement | null; mark: SVGElement | null; text: SVGElement | null }

/** An Axis of the map has one cell for each value, or bins of values. A value is a word, or a number. Rows without a cell have −1. */
interface Axis { column: Column; scale: Scale; cells: number; of: Int16Array; range: (cell: number) => Range; label: (cell: number) => string; value: (cell: number) => string | number; find: (value: string | number) => number }

export class Heat {
  private readonly root = byId<SVGSVGElement>("heat");
  private readonly x = byId<HTMLSelectElement>("hx");
  private readonly y = byId<HTMLSelectElement>("hy");
  private readonly shows = byId<HTMLSelectElement>("hs");
  private readonly say = byId("heatsay");
  private readonly usual: [string, string];
  private cells: Cell[] = [];
  private readonly axes = new Map<string, Axis>();
  private readonly squares = svg("g");
  private readonly marks = svg("g");
  private readonly frames = svg("g");
  private readonly names = svg("g");
  private readonly drawn: Drawn[] = []; // by cell
  private placed = ""; // what places of cells depend on
  private named = "";  // what names depend on
  private readonly ramp = new RampKey();
  private keyed = ""; // what the key has
  private ax: Axis | null = null;
  private ay: Axis | null = null;
  private at: [number, number] | null = null;
  private width = 0;
  private box = { left: 0, top: 8, cw: 0, ch: 0 };

  constructor(private readonly store: Store, redraw: () => void) {
    const names = store.axes.map((c) => c.name);
    if (store.data.byName.get("seed")?.axis) names.push("seed");
    // Of the two most important axes, the one with more values goes across.
    const [a, b] = store.axes, turn = !!a && !!b && store.scale(b).values.length > store.scale(a).values.length;
    this.usual = turn ? [b.name, a.name] : [names[0] ?? "", names[1] ?? names[0] ?? ""];
    options(this.x, names, this.usual[0]);
    options(this.y, names, this.usual[1]);
    for (const s of [this.x, this.y]) s.addEventListener("change", () => { this.at = null; redraw(); });
    this.shows.addEventListener("change", redraw);
    this.root.addEventListener("pointermove", (e) => this.hover(e));
    this.root.addEventListener("pointerleave", () => readout(null));
    this.root.addEventListener("click", (e) => {
      const c = this.cellAt(e);
      if (c) this.pick(c);
    });
    this.root.addEventListener("keydown", (e) => this.press(e));
    keepSpace(this.root);
  }

  /** measure reads the size of the map. */
  measure(): void { this.width = this.root.parentElement!.clientWidth; }

  /** choose chooses the axes of a text such as lr,reg, or the usual ones. */
  choose(text: string | null): void {
    const names = [...this.x.options].map((o) => o.value), given = (text ?? "").split(",");
    const [x, y] = given.length === 2 && given.every((g) => names.includes(g)) ? given : this.usual;
    this.x.value = x;
    this.y.value = y;
  }

  /** chosen returns the text of the axes, or null if they are the usual ones. */
  get chosen(): string | null {
    const [x, y] = this.usual;
    return this.x.value === x && this.y.value === y ? null : `${this.x.value},${this.y.value}`;
  }

  private axis(name: string): Axis | null {
    const column = this.store.data.byName.get(name);
    if (!column) return null;
    const s = this.store.scale(column), known = this.axes.get(name);
    if (known?.scale === s && known.of.length === this.store.n) return known; // a scale may stay while rows move
    const a = s.values.length <= MOST || s.words ? this.axisOfValues(column, s) : this.axisOfBins(column, s);
    this.axes.set(name, a);
    return a;
  }

  private axisOfValues(column: Column, s: Scale): Axis {
    const index = new Map(Array.from(s.values, (v, i) => [v, i])), of = new Int16Array(this.store.n);
    for (let row = 0; row < of.length; row++) of[row] = index.get(s.of(row)) ?? -1;
    return {
      column, scale: s, cells: s.values.length, of, range: (i) => [s.values[i], s.values[i]], label: (i) => s.label(s.values[i], 2),
      value: (i) => (s.words ?? s.values)[i], find: (v) => (typeof v === "string" ? (s.words ?? []).indexOf(v) : index.get(v) ?? -1),
    };
  }

  private axisOfBins(column: Column, s: Scale): Axis {
    const first = new Array<number>(BINS).fill(NaN), last = new Array<number>(BINS).fill(NaN), of = new Int16Array(this.store.n);
    const binOf = (place: number): number => (Number.isNaN(place) ? -1 : Math.min(BINS - 1, Math.floor(BINS * place)));
    const cellOf = (v: number): number => binOf(Number.isFinite(v) ? s.at(v) : NaN);
    for (const v of s.values) {
      const k = cellOf(v);
      if (Number.isNaN(first[k])) first[k] = v;
      last[k] = v;
    }
    const places = s.places();
    for (let row = 0; row < of.length; row++) of[row] = binOf(places[row]);
    return {
      column, scale: s, cells: BINS, of, range: (i) => [first[i], last[i]], label: (i) => s.label(first[i], 2),
      value: (i) => first[i], find: (v) => (typeof v === "string" ? -1 : cellOf(v)),
    };
  }

  draw(): void {
    const { store } = this, before = [this.ax, this.ay];
    this.ax = this.axis(this.x.value);
    this.ay = this.axis(this.y.value);
    const { ax, ay } = this;
    // The cell of the keyboard keeps its values: new trials may have others, and so more cells, or bins.
    const at = [ax, ay].map((a, k) => {
      const b = before[k], i = this.at?.[k];
      if (!a || !b || a.column !== b.column || i === undefined) return -1;
      const now = a.find(b.value(i));
      return now < 0 && a.cells === b.cells ? i : now;
    });
    this.at = at[0] >= 0 && at[1] >= 0 ? [at[0], at[1]] : null;
    if (!ax || !ay) {
      this.root.replaceChildren();
      this.root.setAttribute("height", "0");
      this.keyed = "";
      byId("heatkey").textContent = "No parameter varies.";
      return;
    }
    const mask = store.passes([ax.column.name, ay.column.name]);
    const cells: Cell[] = Array.from({ length: ax.cells * ay.cells }, () => ({ n: 0, sum: 0, best: NaN, diverged: 0, bestRow: -1 }));
    const val = store.val.num;
    for (let row = 0; row < store.n; row++) {
      if (!mask[row]) continue;
      const i = ax.of[row], j = ay.of[row];
      if (i < 0 || j < 0) continue;
      const c = cells[j * ax.cells + i];
      if (!store.ended[row]) {
        c.diverged++;
        continue;
      }
      c.n++;
      c.sum += val[row];
      if (c.bestRow < 0 || store.gain(val[row]) > store.gain(c.best)) [c.best, c.bestRow] = [val[row], row];
    }
    this.cells = cells;
    this.paint();
  }

  private figure(c: Cell): number { return this.shows.value === "best" ? c.best : c.sum / c.n; }

  private paint(): void {
    const { ax, ay, cells } = this;
    if (!ax || !ay) return;
    const { width } = this, top = 4;
    const labels = Array.from({ length: ay.cells }, (_, j) => ay.label(j));
    const left = Math.min(110, 14 + 6.2 * Math.max(3, ...labels.map((l) => Math.min(l.length, 16))));
    const cw = (width - left) / ax.cells, ch = Math.min(HEIGHT / ay.cells, 60), height = top + ch * ay.cells + 38;
    this.box = { left, top, cw, ch };
    let lo = Infinity, hi = -Infinity, best = -1; // gains
    cells.forEach((c, k) => {
      if (!c.n) return;
      const g = this.store.gain(this.figure(c));
      if (g > hi) [hi, best] = [g, k];
      lo = Math.min(lo, g);
    });
    this.root.setAttribute("height", String(height));
    this.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const what = `${this.shows.value} ${this.store.data.view.result}`;
    this.root.setAttribute("aria-label", best < 0 ? "Heat map without a result" : `Heat map of the ${what}. The best cell has ${ax.column.name} ${ax.label(best % ax.cells)} and ${ay.column.name} ${ay.label(Math.floor(best / ax.cells))}. Arrow keys move, Enter filters to a cell.`);
    const placed = [ax.cells, ay.cells, left, cw, ch].join();
    if (placed !== this.placed || !this.root.firstChild) {
      this.placed = placed;
      this.drawn.length = 0;
      for (const g of [this.squares, this.marks]) g.replaceChildren();
      this.root.replaceChildren(hatch(), this.squares, this.marks, this.frames, this.names);
    }
    this.drawCells(ax, ay, lo, hi);
    this.frames.replaceChildren(...this.frame(ax, ay, best));
    const named = [placed, width, ax.column.name, ay.column.name, ...labels, ...Array.from({ length: ax.cells }, (_, i) => ax.label(i))].join("\n");
    if (named !== this.named) this.names.replaceChildren(...this.labels(ax, ay, labels, width));
    this.named = named;
    this.key(lo, hi);
  }

  /** drawCells draws the cells, and above them their marks and figures. It changes only what looks different. */
  private drawCells(ax: Axis, ay: Axis, lo: number, hi: number): void {
    const { left, top, cw, ch } = this.box, gap = Math.min(cw, ch) < 5 ? 0 : 1.5, pal = colors();
    const width = Math.max(cw - gap, 1).toFixed(1), height = Math.max(ch - gap, 1).toFixed(1);
    let next: SVGElement | null = null; // squares are in the order of the cells
    for (let k = this.cells.length - 1; k >= 0; k--) {
      const c = this.cells[k], d = (this.drawn[k] ??= { look: "", square: null, mark: null, text: null });
      const x = left + (k % ax.cells) * cw, y = top + (ay.cells - 1 - Math.floor(k / ax.cells)) * ch;
      const b = c.n ? bin(hi > lo ? (this.store.gain(this.figure(c)) - lo) / (hi - lo) : 1) : 0;
      const look = c.n ? `cell r${b}` : c.diverged ? "cell" : "";
      if (look !== d.look) {
        if (c.n && d.square && d.look !== "cell") d.square.setAttribute("class", look);
        else {
          d.square?.remove();
          d.square = look ? svg("rect", { class: look, fill: c.n ? undefined : "url(#hatch)", x: x.toFixed(1), y: y.toFixed(1), width, height, rx: gap }) : null;
          if (d.square) this.squares.insertBefore(d.square, next);
        }
        d.look = look;
      }
      next = d.square ?? next;
      const mark = c.n > 0 && c.diverged > 0 && cw > 8 && ch > 8, text = c.n && cw >= 40 && ch >= 16 ? number(this.store.val, this.figure(c), this.store.accuracy) : "";
      if (mark !== !!d.mark) {
        d.mark?.remove();
        d.mark = mark ? this.marks.appendChild(svg("path", { class: "tri", d: `M${x + cw - gap - 5},${y}h5v5z` })) : null;
      }
      if (text !== (d.text?.textContent ?? "")) {
        d.text?.remove();
        d.text = text ? this.marks.appendChild(svg("text", { class: "in", x: x + cw / 2, y: y + ch / 2 + 4, "text-anchor": "middle" }, text)) : null;
      }
      if (d.text) d.text.style.fill = ink(pal.ramp[b]);
    }
  }

  /** frame draws the frames of the best cell and of that of the keyboard. */
  private frame(ax: Axis, ay: Axis, best: number): SVGElement[] {
    const { left, top, cw, ch } = this.box, gap = Math.min(cw, ch) < 5 ? 0 : 1.5;
    const of = (k: number, cls: string): SVGElement => svg("rect", {
      class: cls, x: left + (k % ax.cells) * cw - gap / 2, y: top + (ay.cells - 1 - Math.floor(k / ax.cells)) * ch - gap / 2, width: cw, height: ch, rx: 2,
    });
    const focus = of(this.at ? this.at[1] * ax.cells + this.at[0] : Math.max(best, 0), "focus");
    return best < 0 ? [focus] : [of(best, "halo"), of(best, "pick"), focus];
  }

  /** labels draws the names of the axes and of their values. */
  private labels(ax: Axis, ay: Axis, labels: string[], width: number): SVGElement[] {
    const { left, top, cw, ch } = this.box, bottom = top + ch * ay.cells, parts: SVGElement[] = [];
    const everyY = Math.ceil(14 / ch), everyX = Math.ceil(52 / cw);
    for (let j = 0; j < ay.cells; j += everyY) parts.push(svg("text", { x: left - 7, y: top + (ay.cells - 0.5 - j) * ch + 4, "text-anchor": "end" }, labels[j].slice(0, 16)));
    for (let i = 0; i < ax.cells; i += everyX) parts.push(svg("text", { x: left + (i + 0.5) * cw, y: bottom + 14, "text-anchor": "middle" }, ax.label(i).slice(0, 12)));
    parts.push(svg("text", { x: 0, y: bottom + 32 }, `↑ ${ay.column.name}`), svg("text", { x: left + (width - left) / 2, y: bottom + 32, "text-anchor": "middle" }, `${ax.column.name} →`));
    return parts;
  }

  /** key says what the colours and marks mean. */
  private key(lo: number, hi: number): void {
    const key = byId("heatkey"), { store, cells } = this;
    const format = (gain: number): string => number(store.val, store.gain(gain), store.accuracy);
    const none = lo > hi, all = cells.some((c) => c.diverged && !c.n), some = cells.some((c) => c.diverged && c.n);
    if (!none) this.ramp.show(format(lo), format(hi));
    const keyed = [none, all, some].join();
    if (keyed === this.keyed) return;
    this.keyed = keyed;
    key.replaceChildren(none ? "No trial here has a result." : this.ramp.element);
    if (all) key.append(el("span", {}, svg("svg", { width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { width: 12, height: 12, fill: "url(#hatch)" })), "no trial has a result"));
    if (some) key.append(el("span", {}, svg("svg", { width: 8, height: 8, "aria-hidden": "true" }, svg("path", { class: "tri", d: "M0,0h8v8z" })), "some have none"));
  }

  private cellAt(e: MouseEvent): [number, number] | null {
    if (!this.ax || !this.ay) return null;
    const r = this.root.getBoundingClientRect();
    const i = Math.floor((e.clientX - r.left - this.box.left) / this.box.cw), j = this.ay.cells - 1 - Math.floor((e.clientY - r.top - this.box.top) / this.box.ch);
    return i >= 0 && j >= 0 && i < this.ax.cells && j < this.ay.cells ? [i, j] : null;
  }

  private describe([i, j]: [number, number]): string {
    const { ax, ay } = this;
    const c = this.cells[j * ax!.cells + i];
    const of = (a: Axis, k: number): string => {
      const s = this.store.scale(a.column), [lo, hi] = a.range(k);
      return `${a.column.name} ${lo === hi ? s.label(lo) : `${s.label(lo)} to ${s.label(hi)}`}`;
    };
    const f = (x: number): string => number(this.store.val, x, this.store.accuracy);
    let text = `${of(ax!, i)}, ${of(ay!, j)}`;
    if (!c.n && !c.diverged) return `${text}\nno trial`;
    if (c.n) text += `\nmean ${f(c.sum / c.n)}, best ${f(c.best)}\n${count(c.n)} ${c.n === 1 ? "trial" : "trials"}`;
    if (c.diverged) text += `\n${count(c.diverged)} without a result`;
    return text;
  }

  private hover(e: PointerEvent): void {
    const c = this.cellAt(e);
    readout(c ? this.describe(c) : null, e.clientX, e.clientY);
  }

  /** pick filters to a cell, or undoes that. */
  private pick([i, j]: [number, number]): void {
    const { ax, ay, store } = this;
    const c = this.cells[j * ax!.cells + i];
    if (!c.n && !c.diverged) return;
    const rx = ax!.range(i), ry = ay!.range(j);
    const same = (name: string, r: Range): boolean => {
      const b = store.brushes.get(name);
      return !!b && b[0] === r[0] && b[1] === r[1];
    };
    const undo = same(ax!.column.name, rx) && same(ay!.column.name, ry);
    store.setBrushes([[ax!.column.name, undo ? null : rx], [ay!.column.name, undo ? null : ry]]);
  }

  private press(e: KeyboardEvent): void {
    const { ax, ay } = this;
    if (!ax || !ay) return;
    if (!this.at) {
      let best = 0, most = -Infinity;
      this.cells.forEach((c, k) => { if (c.n && this.store.gain(this.figure(c)) > most) [best, most] = [k, this.store.gain(this.figure(c))]; });
      this.at = [best % ax.cells, Math.floor(best / ax.cells)];
    }
    let [i, j] = this.at;
    switch (e.key) {
      case "ArrowLeft": i--; break;
      case "ArrowRight": i++; break;
      case "ArrowUp": j++; break;
      case "ArrowDown": j--; break;
      case "Home": i = 0; break;
      case "End": i = ax.cells - 1; break;
      case "Enter": case " ":
        e.preventDefault();
        this.pick(this.at);
        return;
      default: return;
    }
    e.preventDefault();
    this.at = [Math.max(0, Math.min(ax.cells - 1, i)), Math.max(0, Math.min(ay.cells - 1, j))];
    this.paint();
    this.say.textContent = this.describe(this.at).replaceAll("\n", ", ");
  }
}

/** hatch returns the pattern of cells without a result. */
function hatch(): SVGElement {
  return svg("defs", {}, svg("pattern", { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
    svg("rect", { width: 5, height: 5, class: "hatchbg" }), svg("line", { x1: 0, x2: 0, y1: 0, y2: 5, class: "hatch" })));
}

/** A RampKey is a strip of the colours of the ramp between two texts. */
export class RampKey {
  private readonly low = new Text();
  private readonly high = new Text();
  readonly element = el("span", {}, this.low,
    svg("svg", { width: 128, height: 10, "aria-hidden": "true" }, ...Array.from({ length: 32 }, (_, i) => svg("rect", { class: `r${i}`, x: 4 * i, width: 4.2, height: 10 }))), this.high);

  show(low: string, high: string): void {
    if (this.low.data !== low) this.low.data = low;
    if (this.high.data !== high) this.high.data = high;
  }
}
