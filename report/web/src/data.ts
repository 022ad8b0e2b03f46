// Decodes the blocks of a page. The comment of the Go package report describes the format.

import { bisectLeft } from "d3-array";

export const FORMAT = 2;

interface ColumnHeader {
  name: string; role: string; text?: boolean; log?: boolean; axis?: boolean;
  enc: string; off: number; width?: number; dict: (string | number | null)[];
}

export interface View {
  title: string; result: string; accuracy: boolean; minimize: boolean; order: string[];
  folders: { name: string; verify: string }[]; nets_note: string; without: string[];
}

interface DataHeader { format: number; n: number; total: number; columns: ColumnHeader[]; view: View }

export const NONE = 65535;

export interface Data { n: number; total: number; view: View; columns: Column[]; byName: Map<string, Column>; keys: Uint8Array; keyWidth: number }

async function inflate(root: ParentNode, id: string): Promise<DataView | null> {
  const element = root.querySelector(`#${id}`);
  if (!element) return null;
  const text = (element.textContent ?? "").trim();
  element.textContent = "";
  type FromBase64 = { fromBase64?: (s: string) => Uint8Array<ArrayBuffer> };
  const from = (Uint8Array as unknown as FromBase64).fromBase64;
  let bytes: Uint8Array<ArrayBuffer>;
  if (from) {
    bytes = from.call(Uint8Array, text);
  } else {
    const s = atob(text);
    bytes = new Uint8Array(s.length);
    for (let i = 0; i < s.length; i++) bytes[i] = s.charCodeAt(i);
  }
  // The body of a Response does not go through another process, as that of a Blob does.
  const stream = new Response(bytes).body!.pipeThrough(new DecompressionStream("gzip"));
  return new DataView(await new Response(stream).arrayBuffer());
}

function header<T>(v: DataView): { header: T; bytes: Uint8Array<ArrayBuffer> } {
  const n = v.getUint32(0, true);
  const text = new TextDecoder().decode(new Uint8Array(v.buffer as ArrayBuffer, 4, n));
  return { header: JSON.parse(text) as T, bytes: new Uint8Array(v.buffer as ArrayBuffer, (4 + n + 7) & ~7) };
}

/** numberOf returns the number that a text has the form of, or NaN. */
export function numberOf(text: string): number {
  if (!/[0-9]/.test(text) || !/^[0-9+\-.eE]+$/.test(text)) return NaN;
  if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text)) return NaN;
  return Number(text);
}

/**
 * planes joins words of 4 bytes from a first row on. All first bytes of n rows stand first, then all second bytes, and so
 * on. Words have a step between them in out.
 */
function planes(b: Uint8Array, off: number, n: number, first: number, out: Uint32Array, at: number, step: number): void {
  for (let i = off + first, k = at; k < out.length; i++, k += step) out[k] = b[i] | (b[i + n] << 8) | (b[i + 2 * n] << 16) | (b[i + 3 * n] << 24);
}

/** A Source has the encoded values of a column. */
interface Source { enc: string; off: number; bytes: Uint8Array<ArrayBuffer> }

/** A Column has the values of all rows. Most columns are never shown, so they are decoded when they are first asked for. */
export class Column {
  readonly name: string;
  readonly role: string;
  readonly text: boolean;   // texts, as conditions see them
  readonly log: boolean;
  readonly axis: boolean;   // a parameter that varies
  readonly single: boolean; // the numbers were rounded to float32
  readonly dict: string[];  // of texts
  private numbers: Float64Array; // of codes
  private readonly codeOf = new Map<string, number>();
  private looksNumeric: boolean | null = null;
  private constant: boolean;
  private varied: boolean | null; // null if it is not known
  private madeCodes: Uint16Array | null = null;
  private madeNum: Float64Array | null = null;
  private known: Float64Array | null = null; // different finite numbers

  constructor(h: ColumnHeader, public n: number, private source: Source | null) {
    [this.name, this.role, this.text, this.log, this.axis] = [h.name, h.role, !!h.text, !!h.log, !!h.axis];
    if (!/^(const|d8|d16|q16|[fp](32|64))$/.test(h.enc)) throw new Error(`the encoding ${h.enc} is unknown`);
    this.single = h.role === "timing";
    this.dict = this.text ? h.dict.map(String) : [];
    this.numbers = this.text ? new Float64Array(0) : Float64Array.from(h.dict as (number | null)[], (x) => x ?? Infinity);
    this.constant = h.enc === "const";
    this.varied = !this.constant; // an encoding other than const has different values
  }

  /** codes are those of texts; NONE is missing. Columns of numbers have none. */
  get codes(): Uint16Array | null { return this.text ? (this.madeCodes ??= this.decodeCodes()) : null; }

  /** num has the numbers, or those that texts look like; NaN is missing. */
  get num(): Float64Array { return (this.madeNum ??= this.decodeNumbers()); }

  /** load decodes what an update needs. It reports whether that took time. */
  load(): boolean {
    if (this.constant || (this.text ? this.madeCodes : this.madeNum)) return false;
    void (this.text ? this.codes : this.num);
    return true;
  }

  /** numeric reports whether all values are numbers, or texts that look like numbers. */
  get numeric(): boolean {
    if (!this.text) return true;
    const numbers = this.ofWords();
    return (this.looksNumeric ??= numbers.length > 0 && !numbers.some(Number.isNaN));
  }

  /** varies reports whether two rows differ. */
  get varies(): boolean {
    if (this.varied === null) {
      const v: ArrayLike<number> = this.codes ?? this.num;
      let i = this.n - 1;
      while (i > 0 && Object.is(v[i], v[0])) i--;
      this.varied = i > 0;
    }
    return this.varied;
  }

  /** distinct returns the different finite numbers in ascending order. The array stays the same while they do. */
  distinct(): Float64Array {
    return (this.known ??= ascending(this.coded() ? (this.text ? this.ofWords() : this.numbers).slice() : this.num.slice()));
  }

  /** few returns the different finite numbers, or null if they are more than most. */
  few(most: number): Float64Array | null {
    if (!this.known && !this.coded()) {
      const seen = new Set<number>();
      for (let row = 0; row < Math.min(this.n, 4 * most) && seen.size <= most + 1; row++) seen.add(this.number(row));
      if (seen.size > most + 1) return null; // one of them may be missing
    }
    const all = this.distinct();
    return all.length > most ? null : all;
  }

  /** coded reports whether each number of a dictionary occurs. */
  private coded(): boolean { return !!this.source && /^[cdq]/.test(this.source.enc); }

  /** codeAt returns the code of a row, without the others. */
  private codeAt(row: number): number {
    if (this.madeCodes || !this.source) return this.madeCodes![row];
    const { n } = this, { enc, off, bytes: b } = this.source;
    if (enc === "const") return this.dict.length || this.numbers.length ? 0 : NONE;
    if (enc === "d8") return b[off + row] === 255 ? NONE : b[off + row];
    return enc === "d16" ? b[off + 2 * row] | (b[off + 2 * row + 1] << 8) : b[off + row] | (b[off + n + row] << 8);
  }

  /** word returns the text of a row, or null if it is missing. */
  word(row: number): string | null { return this.dict[this.codeAt(row)] ?? null; }

  /** number returns the number of a row, without the others. */
  number(row: number): number {
    if (this.madeNum || !this.source) return this.num[row];
    if (this.text || this.coded()) return (this.text ? this.ofWords() : this.numbers)[this.codeAt(row)] ?? NaN;
    return floats(this.source, this.n, row, 1)[0];
  }

  /** ofWords returns the numbers that the words look like. */
  private ofWords(): Float64Array {
    if (this.numbers.length !== this.dict.length) [this.numbers, this.looksNumeric] = [Float64Array.from(this.dict, numberOf), null];
    return this.numbers;
  }

  private decodeCodes(): Uint16Array {
    const { n } = this, { enc, off, bytes: b } = this.source!, out = new Uint16Array(n);
    if (enc === "const") return out.fill(this.dict.length ? 0 : NONE);
    if (enc === "d8") for (let i = 0; i < n; i++) out[i] = b[off + i] === 255 ? NONE : b[off + i];
    else if (enc === "d16") for (let i = 0; i < n; i++) out[i] = b[off + 2 * i] | (b[off + 2 * i + 1] << 8);
    else for (let i = 0; i < n; i++) out[i] = b[off + i] | (b[off + n + i] << 8);
    return out;
  }

  private decodeNumbers(): Float64Array {
    const { n } = this;
    if (!this.text && /^[fp]/.test(this.source!.enc)) return floats(this.source!, n, 0, n);
    const numbers = this.text ? this.ofWords() : this.numbers, out = new Float64Array(n);
    if (this.constant) return out.fill(numbers[0] ?? NaN);
    const codes = this.codes ?? this.decodeCodes(), known = numbers.length;
    for (let i = 0; i < n; i++) out[i] = codes[i] < known ? numbers[codes[i]] : NaN;
    return out;
  }

  /** merge puts new values, of which null is missing, between the older rows. */
  merge(m: Merged, values: (number | string | null)[]): void {
    const { text } = this, same = text ? (this.dict.length ? 0 : NONE) : this.numbers[0] ?? NaN;
    const news = values.map((v) => (text ? this.code(v) : v === null ? NaN : this.single ? Math.fround(Number(v)) : Number(v)));
    if (this.constant && this.name !== "rank" && news.every((v) => Object.is(v, same))) {
      this.madeCodes = this.madeNum = null;
    } else {
      if (text) [this.madeCodes, this.madeNum] = [m.join(this.codes!, news), null];
      else if (this.name === "rank") for (let i = 0, all = (this.madeNum = new Float64Array(m.total)); i < m.total; i++) all[i] = i + 1;
      else this.madeNum = m.join(this.num, news);
      [this.source, this.constant, this.varied] = [null, false, null];
      this.learn(m, text ? news.map((code) => this.ofWords()[code] ?? NaN) : news);
    }
    this.n = m.total;
  }

  /** learn adds new numbers to the different ones. They are no longer known if older rows are gone. */
  private learn(m: Merged, news: number[]): void {
    const { known } = this;
    if (!known) return;
    if (m.gone || this.name === "rank") this.known = null; // all ranks change
    else if (news.some((v) => Number.isFinite(v) && known[bisectLeft(known, v)] !== v)) {
      const all = new Float64Array(known.length + news.length);
      all.set(known);
      all.set(news, known.length);
      this.known = ascending(all);
    }
  }

  /** code returns the code of a word, which may be new. */
  private code(word: number | string | null): number {
    if (word === null) return NONE;
    const { dict, codeOf } = this, w = String(word);
    while (codeOf.size < dict.length) codeOf.set(dict[codeOf.size], codeOf.size);
    if (!codeOf.has(w) && dict.length < NONE) codeOf.set(w, dict.push(w) - 1);
    return codeOf.get(w) ?? NONE;
  }
}

/** ascending sorts numbers in place, and returns the different finite ones. */
export function ascending(all: Float64Array): Float64Array {
  all.sort();
  let k = 0;
  for (let i = 0; i < all.length; i++) if (Number.isFinite(all[i]) && (k === 0 || all[i] !== all[k - 1])) all[k++] = all[i];
  return all.slice(0, k);
}

/** floats returns the numbers of count rows from a first one. */
function floats({ enc, off, bytes: b }: Source, n: number, first: number, count: number): Float64Array {
  const wide = enc.endsWith("64"), at = b.byteOffset + off + (wide ? 8 : 4) * first; // off is a multiple of 8
  if (enc === "f64") return new Float64Array(b.buffer, at, count);
  if (enc === "f32") return new Float64Array(new Float32Array(b.buffer, at, count));
  const words = new Uint32Array(wide ? 2 * count : count);
  planes(b, off, n, first, words, 0, wide ? 2 : 1);
  if (wide) planes(b, off + 4 * n, n, first, words, 1, 2);
  return wide ? new Float64Array(words.buffer) : new Float64Array(new Float32Array(words.buffer));
}

/** readData reads the trials of a document. It returns null if it has none. */
export async function readData(root: ParentNode): Promise<Data | null> {
  const v = await inflate(root, "data");
  if (!v) return null;
  const { header: h, bytes } = header<DataHeader>(v);
  if (h.format !== FORMAT) throw new Error(`the data has format ${h.format}, and this script reads format ${FORMAT}`);
  const d: Data = { n: h.n, total: h.total, view: h.view, columns: [], byName: new Map(), keys: new Uint8Array(0), keyWidth: 0 };
  for (const c of h.columns) {
    if (c.enc === "hex") {
      d.keyWidth = c.width!;
      d.keys = bytes.slice(c.off, c.off + c.width! * h.n);
      continue;
    }
    const col = new Column(c, h.n, { enc: c.enc, off: c.off, bytes });
    d.columns.push(col);
    d.byName.set(col.name, col);
  }
  return d;
}

export function keyOf(d: Data, row: number): string {
  let s = "";
  for (let i = 0; i < d.keyWidth; i++) s += d.keys[row * d.keyWidth + i].toString(16).padStart(2, "0");
  return s;
}

/** A Merged has the number of rows of a newer state, and where the rows of an older one are in it. */
export class Merged {
  readonly moved: Int32Array; // −1 if a newer record took the place
  private readonly runs: [from: number, to: number, at: number][] = []; // rows that stay together

  readonly gone: boolean; // older rows

  constructor(readonly total: number, older: number, readonly at: number[], gone: Map<number, number>) {
    this.gone = gone.size > 0;
    this.moved = new Int32Array(older).fill(-1);
    let run: [number, number, number] | null = null;
    for (let old = 0, k = 0, i = 0; i < total; i++) {
      if (k < at.length && at[k] === i) {
        k++;
        run = null;
        continue;
      }
      for (; gone.has(old); old++) run = null;
      if (!run) this.runs.push((run = [old, old, i]));
      this.moved[old++] = i;
      run[1] = old;
    }
  }

  /** join returns older values with new ones between them; width values belong to a row. */
  join<T extends Float64Array | Uint16Array | Uint8Array>(older: T, news: ArrayLike<number>, width = 1): T {
    const all = new (older.constructor as new (n: number) => T)(width * this.total);
    for (const [from, to, to2] of this.runs) all.set(older.subarray(width * from, width * to), width * to2);
    this.at.forEach((row, k) => { for (let b = 0; b < width; b++) all[width * row + b] = news[width * k + b]; });
    return all;
  }
}

/**
 * merge adds trials, at their places in the order of all trials, and removes the older records of trials that have new
 * ones. It returns null if the places do not fit: then the page has another state than the server.
 */
export function merge(d: Data, u: { columns: string[]; keys: string[]; cells: (number | string | null)[][]; at: number[]; again: boolean[]; total: number }): Merged | null {
  const gone = new Map<number, number>(); // older rows, with the places of the new ones
  u.keys.forEach((key, i) => {
    if (!u.again[i]) return;
    const row = rowOf(d, key);
    if (row >= 0) gone.set(row, u.at[i]);
  });
  const n = d.n - gone.size + u.keys.length;
  if (n !== u.total || u.at.some((at, i) => at < 0 || at >= n || (i > 0 && at <= u.at[i - 1]))) return null;
  const m = new Merged(n, d.n, u.at, gone);
  for (const c of d.columns) {
    const j = u.columns.indexOf(c.name);
    c.merge(m, u.cells.map((cells) => (j < 0 ? null : cells[j])));
  }
  const width = d.keyWidth;
  d.keys = m.join(d.keys, u.keys.flatMap((key) => keyBytes(key, width)), width);
  d.n = d.total = n;
  for (const [row, at] of gone) m.moved[row] = at;
  return m;
}

function keyBytes(key: string, width: number): number[] {
  return Array.from({ length: width }, (_, b) => parseInt(key.slice(2 * b, 2 * b + 2), 16));
}

/** rowOf returns the row of the trial whose key begins with a text, or that has the beginning of a key, or −1. */
export function rowOf(d: Data, key: string): number {
  const width = Math.min(d.keyWidth, key.length >> 1), bytes = new Uint8Array(width);
  for (let b = 0; b < width; b++) bytes[b] = parseInt(key.slice(2 * b, 2 * b + 2), 16);
  for (let row = 0, at = 0; row < d.n; row++, at += d.keyWidth) {
    let b = 0;
    while (b < width && d.keys[at + b] === bytes[b]) b++;
    if (b === width) return row;
  }
  return -1;
}

export interface Curve { steps: number[]; val: Float32Array; train: Float32Array; lossSteps: number[]; loss: Float32Array }

interface CurvesHeader {
  format: number; n: number; curves: number; steps: number[][]; val_unit: number; train_unit: number; floats?: boolean; accuracies: number; losses: number; note: string;
}

/** Learning curves, which are loaded when they are first asked for. */
export interface CurveSource {
  readonly ready: Promise<void>; // when it is known whether they exist
  readonly exist: boolean;
  readonly note: string;
  load(rows: number[]): Promise<void>;
  of(row: number): Curve | null;
  forget(keys: string[]): void; // of trials that were recorded again
}

/** FetchedCurves asks the server of a live page for curves. */
export class FetchedCurves implements CurveSource {
  readonly ready = Promise.resolve();
  readonly exist = true;
  readonly note = "";
  private readonly kept = new Map<string, Curve | null>();

  constructor(private readonly address: string, private readonly keyOf: (row: number) => string) {}

  async load(rows: number[]): Promise<void> {
    const keys = rows.map((row) => this.keyOf(row)).filter((k) => !this.kept.get(k));
    if (!keys.length) return;
    type Series = Record<"steps" | "lossSteps" | "val" | "train" | "loss", (number | null)[]>;
    let all: (Series | null)[];
    try {
      const r = await fetch(`${this.address}?${keys.map((k) => `trial=${k}`).join("&")}`);
      if (!r.ok) return;
      all = (await r.json()) as (Series | null)[];
    } catch {
      return; // the server is gone; the next selection asks again
    }
    const numbers = (v: (number | null)[]): Float32Array => Float32Array.from(v, (x) => x ?? NaN);
    keys.forEach((k, i) => {
      const c = all[i];
      this.kept.set(k, c && { steps: c.steps as number[], lossSteps: c.lossSteps as number[], val: numbers(c.val), train: numbers(c.train), loss: numbers(c.loss) });
    });
  }

  of(row: number): Curve | null { return this.kept.get(this.keyOf(row)) ?? null; }

  forget(keys: string[]): void {
    for (const k of this.kept.keys()) if (keys.some((key) => key.startsWith(k))) this.kept.delete(k);
  }
}

/** An Ints has integers of 2 bytes, of which all low bytes stand before all high bytes. */
class Ints {
  constructor(private readonly bytes: Uint8Array, private readonly off: number, private readonly n: number) {}
  at(i: number): number { return this.bytes[this.off + i] | (this.bytes[this.off + this.n + i] << 8); }
}

/** Curves are those that are in the page. Its text may end after they are first asked for. */
export class Curves implements CurveSource {
  note = "";
  private parts: { h: CurvesHeader; lists: Ints; lossLists: Ints; val: Ints | Float32Array; train: Ints; loss: Ints; at: Uint32Array; lossAt: Uint32Array } | null = null;
  private loading: Promise<void> | null = null;
  readonly ready = new Promise<void>((done) => {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", () => done(), { once: true });
    else done();
  });

  get exist(): boolean { return !!document.getElementById("curvesdata"); }

  load(_rows: number[]): Promise<void> {
    return (this.loading ??= this.read());
  }

  forget(_keys: string[]): void { /* the page follows nothing */ }

  private async read(): Promise<void> {
    const v = await inflate(document, "curvesdata");
    if (!v) return;
    const { header: h, bytes } = header<CurvesHeader>(v);
    let off = 0;
    const part = (n: number): Ints => {
      const all = new Ints(bytes, off, n);
      off += 2 * n;
      return all;
    };
    const lists = part(h.n), lossLists = part(h.n);
    const floats = (n: number): Float32Array => {
      const out = new Uint32Array(n);
      planes(bytes, off, n, 0, out, 0, 1);
      off += 4 * n;
      return new Float32Array(out.buffer);
    };
    const val = h.floats ? floats(h.accuracies) : part(h.accuracies), train = part(h.accuracies), loss = part(h.losses);
    const at = new Uint32Array(h.n), lossAt = new Uint32Array(h.n), lengths = h.steps.map((s) => s.length);
    for (let i = 0, a = 0, l = 0; i < h.n; i++) {
      at[i] = a;
      lossAt[i] = l;
      const list = lists.at(i);
      if (list === NONE) continue;
      a += lengths[list];
      l += lengths[lossLists.at(i)];
    }
    this.note = h.note;
    this.parts = { h, lists, lossLists, val, train, loss, at, lossAt };
  }

  of(row: number): Curve | null {
    const p = this.parts;
    if (!p || row >= p.h.n || p.lists.at(row) === NONE) return null;
    const steps = p.h.steps[p.lists.at(row)], lossSteps = p.h.steps[p.lossLists.at(row)];
    const { val } = p;
    const series = (all: Ints, at: number, n: number, value: (x: number) => number): Float32Array => {
      const out = new Float32Array(n);
      for (let i = 0, x = 0; i < n; i++) {
        const u = all.at(at + i);
        x = ((x + ((u >> 1) ^ -(u & 1))) << 16) >> 16; // differences wrap like int16
        out[i] = x === -32768 ? NaN : value(x);
      }
      return out;
    };
    return {
      steps, lossSteps,
      val: val instanceof Float32Array ? val.slice(p.at[row], p.at[row] + steps.length) : series(val, p.at[row], steps.length, (x) => x * p.h.val_unit),
      train: series(p.train, p.at[row], steps.length, (x) => x * p.h.train_unit),
      loss: series(p.loss, p.lossAt[row], lossSteps.length, (x) => (x === 32767 ? Infinity : 2 ** (x / 1024))),
    };
  }
}

export interface Net { png?: string; classes?: string[]; confusion?: number[][]; samples?: string }

export function readNets(root: ParentNode): Map<string, Net> {
  const text = root.querySelector("#netsdata")?.textContent;
  return new Map(text ? Object.entries(JSON.parse(text) as Record<string, Net>) : []);
}
