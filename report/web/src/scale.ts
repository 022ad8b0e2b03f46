import { bisectLeft, ticks } from "d3-array";
import { ascending, type Column, type Merged } from "./data.js";
import { short } from "./format.js";

export interface Tick { at: number; label: string }

/** A Scale maps the values of a column to places from 0 to 1. Values of words are their places in the sorted list. */
export class Scale {
  readonly values: Float64Array; // distinct, ascending
  readonly words: string[] | null;
  readonly log: boolean;
  private readonly place: Float64Array | null; // of the codes of words
  private readonly low: number;
  private readonly high: number;
  private readonly zero: boolean;
  private readonly span: number; // of logarithms
  private made: Float64Array | null = null;

  /** Rows for which usable is 0 do not widen the scale. */
  constructor(readonly column: Column, n: number, usable: Uint8Array | null) {
    if (!column.numeric) {
      const used = new Set<number>();
      for (let i = 0; i < n; i++) used.add(column.codes![i]);
      const words = [...used].map((c) => (c === 65535 ? "none" : column.dict[c])).sort();
      this.words = words;
      this.place = new Float64Array(65536);
      for (const c of used) this.place[c] = words.indexOf(c === 65535 ? "none" : column.dict[c]);
      this.values = Float64Array.from(words, (_, i) => i);
      this.log = this.zero = false;
      this.low = 0;
      this.high = Math.max(words.length - 1, 1);
      this.span = 0;
      return;
    }
    this.values = usable ? ascending(column.num.filter((_, i) => usable[i])) : column.distinct();
    this.words = this.place = null;
    const first = this.values[0] ?? 0, last = this.values[this.values.length - 1] ?? 1;
    this.log = column.log && last > 0 && first >= 0;
    this.zero = this.log && first === 0;
    this.low = this.zero ? this.values[1] : first;
    this.high = last;
    this.span = Math.log(last / this.low);
  }

  /** follow follows an update of the column. It reports false if the scale has other values now. */
  follow(m: Merged): boolean {
    const { column, made } = this;
    if (this.place || this.values !== column.distinct()) return false;
    if (made) this.made = m.join(made, m.at.map((row) => (Number.isFinite(column.num[row]) ? this.at(column.num[row]) : NaN)));
    return true;
  }

  /** places returns the places of all rows. They are NaN without a finite value. */
  places(): Float64Array {
    if (this.made) return this.made;
    const { column, place } = this, v = place ? Float64Array.from(column.codes!, (c) => place[c]) : column.num, all = new Float64Array(v.length);
    for (let row = 0; row < all.length; row++) all[row] = Number.isFinite(v[row]) ? this.at(v[row]) : NaN;
    return (this.made = all);
  }

  /** of returns the value of a row on this scale. */
  of(row: number): number {
    return this.place ? this.place[this.column.codes![row]] : this.column.num[row];
  }

  at(v: number): number {
    if (this.high === this.low) return this.zero && v === 0 ? 0 : 0.5;
    if (!this.log) return (v - this.low) / (this.high - this.low);
    if (v <= 0) return 0;
    const t = Math.log(v / this.low) / this.span;
    return this.zero ? 0.08 + 0.92 * t : t; // zero has a place below the smallest value
  }

  /** nearest returns the index of the value nearest to a place. */
  nearest(t: number): number {
    let lo = 0, hi = this.values.length - 1;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (this.at(this.values[mid]) < t) lo = mid + 1;
      else hi = mid;
    }
    return lo > 0 && t - this.at(this.values[lo - 1]) < this.at(this.values[lo]) - t ? lo - 1 : lo;
  }

  /** index returns the index of the first value that is not below v. */
  index(v: number): number { return bisectLeft(this.values, v); }

  label(v: number, digits = 3): string { return this.words ? this.words[v] ?? "" : short(v, digits); }

  ticks(most: number): Tick[] {
    const tick = (v: number, digits: number): Tick => ({ at: this.at(v), label: this.label(v, digits) });
    if (this.words || this.values.length <= most) {
      const every = Math.ceil(this.values.length / most);
      return Array.from(this.values.filter((_, i) => i % every === 0), (v) => tick(v, 3));
    }
    if (!this.log) return ticks(this.low, this.high, most).map((v) => tick(v, 3));
    const all: Tick[] = this.zero ? [tick(0, 2)] : [];
    const from = Math.ceil(Math.log10(this.low) - 1e-9), to = Math.floor(Math.log10(this.high) + 1e-9);
    const every = Math.max(1, Math.ceil((to - from + 1) / most));
    for (let e = from; e <= to; e += every) all.push(tick(Number(`1e${e}`), 2));
    return all.length > 1 ? all : [tick(this.low, 2), tick(this.high, 2)];
  }
}
