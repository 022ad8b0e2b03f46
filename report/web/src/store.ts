import { merge, type Column, type Data } from "./data.js";
import { Bad, keyTest, parse, type Test } from "./filter.js";
import type { Update } from "./live.js";
import { Scale } from "./scale.js";

export type Range = [number, number];
export type Change = "mask" | "selection" | "sort" | "data";

const MOST_SELECTED = 10;

function endedOf(val: Column): Uint8Array {
  const { num } = val, ended = new Uint8Array(num.length);
  for (let i = 0; i < num.length; i++) if (Number.isFinite(num[i])) ended[i] = 1;
  return ended;
}

/** A Store has the trials, and which of them pass the filters. Rows are in the order of their rank. */
export class Store {
  n: number;
  readonly val: Column;
  readonly axes: Column[];        // parameters that vary, the most important first
  mask: Uint8Array<ArrayBuffer>;  // rows that pass
  passing = 0;
  filtered = false;               // anything is filtered
  text = "";
  bad: Bad | null = null;
  brushes = new Map<string, Range>();
  top = 0;
  diverged = true;
  selected: number[] = [];        // rows, in the order of their selection
  slots = new Map<number, number>(); // number of each selected row
  active = -1;                    // the row whose values are shown
  sortBy = "rank";
  descending = false;
  private test: Test | null = null;
  private endedNow: Uint8Array | null = null;
  private readonly scales = new Map<string, Scale>();
  private readonly permutations = new Map<string, Uint32Array>();
  private readonly listeners: ((c: Change) => void)[] = [];

  constructor(readonly data: Data) {
    this.n = data.n;
    this.val = data.byName.get("val")!;
    this.axes = data.view.order.map((name) => data.byName.get(name)).filter((c): c is Column => !!c);
    this.mask = new Uint8Array(this.n).fill(1);
    this.passing = this.n;
  }

  /** ended marks the trials with a result. */
  get ended(): Uint8Array { return (this.endedNow ??= endedOf(this.val)); }

  get accuracy(): boolean { return this.data.view.accuracy; }

  /** gain is larger for better results, and its own inverse. */
  gain(result: number): number { return this.data.view.minimize ? -result : result; }

  listen(f: (c: Change) => void): void { this.listeners.push(f); }
  private tell(c: Change): void { for (const f of this.listeners) f(c); }

  /**
   * update adds trials of a study that runs. It returns where each row is now, or null if the update does not follow the
   * present state.
   */
  update(u: Update): Int32Array | null {
    const ranges = this.ranges(), m = merge(this.data, u);
    if (!m) return null;
    this.n = m.total;
    this.endedNow = null;
    for (const [name, s] of this.scales) if (this.usable(s.column) || !s.follow(m)) this.scales.delete(name);
    this.brushes.clear();
    for (const [name, texts] of ranges) this.limit(name, texts);
    this.permutations.clear();
    const slots = new Map<number, number>();
    for (const [row, slot] of this.slots) slots.set(m.moved[row], slot);
    this.slots = slots;
    this.selected = this.selected.map((row) => m.moved[row]);
    this.active = this.selected.length ? this.selected[this.selected.length - 1] : -1;
    if (this.text) this.compile(); // texts may have new codes
    this.filter();
    this.tell("data");
    return m.moved;
  }

  /**
   * ranges returns the ranges of axes as texts, which hold for other scales, too. An end that is that of the scale is "",
   * and so remains the end if better or other values come, unless the range is a single value.
   */
  ranges(): [string, [string, string]][] {
    return [...this.brushes].map(([name, [lo, hi]]) => {
      const { words, values } = this.scale(this.data.byName.get(name)!);
      const text = (v: number, end: number): string => (v === end && lo < hi ? "" : words ? words[v] : String(v));
      return [name, [text(lo, values[0]), text(hi, values[values.length - 1])]];
    });
  }

  /** limit sets a range of texts, unless the axis has no such values. */
  limit(name: string, [from, to]: [string, string]): void {
    const c = this.data.byName.get(name);
    if (!c) return;
    const { words, values } = this.scale(c);
    const of = (text: string, end: number): number => (text === "" ? end : words ? words.indexOf(text) : Number(text));
    const lo = of(from, values[0]), hi = of(to, values[values.length - 1]);
    if (Number.isFinite(lo) && Number.isFinite(hi) && lo <= hi && (!words || lo >= 0)) this.brushes.set(name, [lo, hi]);
  }

  scale(c: Column): Scale {
    let s = this.scales.get(c.name);
    if (!s) this.scales.set(c.name, (s = new Scale(c, this.n, this.usable(c))));
    return s;
  }

  /** usable marks the rows whose values a scale has, unless all have. */
  private usable(c: Column): Uint8Array | null { return c.role === "parameter" || c === this.val ? null : this.ended; }

  setText(text: string): void {
    this.text = text;
    this.compile();
    this.apply();
  }

  private compile(): void {
    this.bad = null;
    this.test = null;
    if (this.text.trim() === "") return;
    try {
      this.test = keyTest(this.text, this.data) ?? parse(this.text, this.data.columns);
    } catch (e) {
      if (!(e instanceof Bad)) throw e;
      this.bad = e;
    }
  }

  setBrush(name: string, range: Range | null): void { this.setBrushes([[name, range]]); }

  /** setBrushes sets several ranges at once. */
  setBrushes(all: [string, Range | null][]): void {
    for (const [name, range] of all) {
      if (range) this.brushes.set(name, range);
      else this.brushes.delete(name);
    }
    this.apply();
  }

  clear(): void {
    this.brushes.clear();
    this.top = 0;
    this.diverged = true;
    this.setText("");
  }

  /** passes returns the rows that pass all filters other than the ranges of some axes. */
  passes(except: string[]): Uint8Array<ArrayBuffer> {
    return except.some((name) => this.brushes.has(name)) ? this.compute(except) : this.mask;
  }

  private compute(except: string[] = []): Uint8Array<ArrayBuffer> {
    const { n, test } = this, mask = new Uint8Array(n);
    if (!this.filtered) return mask.fill(1);
    const ranges: [Scale, number, number][] = [];
    for (const [name, [lo, hi]] of this.brushes) {
      const c = this.data.byName.get(name);
      if (c && !except.includes(name)) ranges.push([this.scale(c), lo, hi]);
    }
    let left = this.top || n;
    for (let row = 0; row < n; row++) { // the best come first
      if (left === 0) break;
      if (!this.diverged && !this.ended[row]) continue;
      if (test && !test(row)) continue;
      let ok = true;
      for (const [s, lo, hi] of ranges) {
        const v = s.of(row);
        if (!(v >= lo && v <= hi)) {
          ok = false;
          break;
        }
      }
      if (!ok) continue;
      mask[row] = 1;
      left--;
    }
    return mask;
  }

  apply(): void {
    this.filter();
    this.tell("mask");
  }

  private filter(): void {
    this.filtered = !!this.test || this.brushes.size > 0 || this.top > 0 || !this.diverged;
    this.mask = this.compute();
    let k = 0;
    if (!this.filtered) k = this.n;
    else for (let i = 0; i < this.n; i++) k += this.mask[i];
    this.passing = k;
  }

  /** bright returns the rows that charts draw in colour: what passes, or the best hundredth if nothing is filtered. */
  bright(): { mask: Uint8Array; best: number } {
    if (this.filtered) return { mask: this.mask, best: 0 };
    const m = new Uint8Array(this.n), most = Math.max(20, Math.ceil(this.n / 100));
    if (this.n <= 2 * 20) return { mask: this.mask, best: 0 };
    let k = 0;
    for (let row = 0; row < this.n && k < most; row++) {
      if (this.ended[row]) {
        m[row] = 1;
        k++;
      }
    }
    return { mask: m, best: k };
  }

  toggle(row: number): void {
    if (this.selected.includes(row)) this.deselect(row);
    else this.select([...this.selected, row]);
  }

  select(rows: number[]): void {
    this.selected = [...new Set(rows)].filter((r) => r >= 0 && r < this.n).slice(-MOST_SELECTED);
    for (const row of [...this.slots.keys()]) if (!this.selected.includes(row)) this.slots.delete(row);
    for (const row of this.selected) {
      if (this.slots.has(row)) continue;
      const used = new Set(this.slots.values());
      let slot = 0;
      while (used.has(slot)) slot++;
      this.slots.set(row, slot);
    }
    this.active = this.selected.length ? this.selected[this.selected.length - 1] : -1;
    this.tell("selection");
  }

  deselect(row: number): void { this.select(this.selected.filter((r) => r !== row)); }

  sort(name: string): void {
    if (this.sortBy === name) this.descending = !this.descending;
    else {
      const c = this.data.byName.get(name);
      this.sortBy = name;
      this.descending = name !== "rank" && !c?.text && c?.role !== "parameter" && !(c === this.val && this.data.view.minimize);
    }
    this.tell("sort");
  }

  /** ranks returns numbers in the order of the values of a column. Those of missing values are infinite. */
  private ranks(c: Column): Float64Array {
    const rank = new Float64Array(this.n);
    if (c.text && !c.numeric) {
      const words = c.dict.map((w, i) => [w, i] as const).sort((a, b) => (a[0] < b[0] ? -1 : 1));
      const place = new Float64Array(65536).fill(Infinity);
      words.forEach(([, i], k) => { place[i] = k; });
      for (let i = 0; i < this.n; i++) rank[i] = place[c.codes![i]];
    } else {
      for (let i = 0; i < this.n; i++) rank[i] = Number.isNaN(c.num[i]) ? Infinity : c.num[i];
    }
    return rank;
  }

  /** sorted returns the passing rows in the order of the table. Missing values are last. */
  sorted(): Uint32Array {
    const name = this.sortBy, c = this.data.byName.get(name)!;
    let order = this.permutations.get(name);
    if (!order) {
      order = new Uint32Array(this.n);
      for (let i = 0; i < this.n; i++) order[i] = i;
      if (name !== "rank") {
        const rank = this.ranks(c);
        order.sort((a, b) => rank[a] - rank[b] || a - b);
      }
      this.permutations.set(name, order);
    }
    if (!this.filtered && !this.descending) return order;
    const { mask, n } = this, out = new Uint32Array(this.passing), words = c.text && !c.numeric;
    let k = 0;
    if (!this.descending) {
      for (let i = 0; i < n; i++) if (mask[order[i]]) out[k++] = order[i];
      return out;
    }
    const missing = (row: number): boolean => (words ? c.codes![row] === 65535 : Number.isNaN(c.num[row]));
    for (let i = n - 1; i >= 0; i--) if (mask[order[i]] && !missing(order[i])) out[k++] = order[i];
    for (let i = 0; i < n; i++) if (mask[order[i]] && missing(order[i])) out[k++] = order[i];
    return out;
  }
}
