// Decodes the blocks of a page. The comment of the Go package report describes the format.

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

/** A Column has the values of all rows. */
export interface Column {
  name: string;
  role: string;
  text: boolean;      // texts, as conditions see them
  log: boolean;
  axis: boolean;      // a parameter that varies
  single: boolean;    // the numbers were rounded to float32
  codes: Uint16Array | null; // of texts; NONE is missing
  dict: string[];     // of texts
  num: Float64Array;  // the numbers, or those that texts look like; NaN is missing
  numeric: boolean;   // all values are numbers, or texts that look like numbers
}

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
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
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

function codes(h: ColumnHeader, n: number, b: Uint8Array): Uint16Array {
  const out = new Uint16Array(n);
  switch (h.enc) {
    case "const":
      out.fill(h.dict.length ? 0 : NONE);
      break;
    case "d8":
      for (let i = 0; i < n; i++) out[i] = b[h.off + i] === 255 ? NONE : b[h.off + i];
      break;
    case "d16":
      for (let i = 0; i < n; i++) out[i] = b[h.off + 2 * i] | (b[h.off + 2 * i + 1] << 8);
      break;
    case "q16":
      for (let i = 0; i < n; i++) out[i] = b[h.off + i] | (b[h.off + n + i] << 8);
      break;
    default:
      throw new Error(`the encoding ${h.enc} is unknown`);
  }
  return out;
}

function floats(h: ColumnHeader, n: number, b: Uint8Array): Float64Array {
  const size = h.enc.endsWith("32") ? 4 : 8;
  const flat = new Uint8Array(size * n);
  const part = b.subarray(h.off, h.off + size * n);
  if (h.enc[0] === "p") {
    for (let k = 0; k < size; k++) for (let i = 0; i < n; i++) flat[size * i + k] = part[k * n + i];
  } else {
    flat.set(part);
  }
  return size === 8 ? new Float64Array(flat.buffer) : Float64Array.from(new Float32Array(flat.buffer));
}

function column(h: ColumnHeader, n: number, b: Uint8Array): Column {
  const c: Column = {
    name: h.name, role: h.role, text: !!h.text, log: !!h.log, axis: !!h.axis, single: h.role === "timing",
    codes: null, dict: [], num: new Float64Array(0), numeric: true,
  };
  if (["f32", "f64", "p32", "p64"].includes(h.enc)) {
    c.num = floats(h, n, b);
    return c;
  }
  const code = codes(h, n, b);
  if (c.text) {
    c.codes = code;
    c.dict = h.dict.map(String);
  }
  const numbers = h.dict.map((v) => (typeof v === "number" ? v : v === null ? Infinity : numberOf(v)));
  c.numeric = !c.text || (numbers.length > 0 && numbers.every((x) => !Number.isNaN(x)));
  c.num = new Float64Array(n);
  for (let i = 0; i < n; i++) c.num[i] = code[i] === NONE ? NaN : numbers[code[i]];
  return c;
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
    const col = column(c, h.n, bytes);
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

/** A Merge has the number of rows of a newer state, and where each row of an older one is in it. */
export interface Merge { total: number; moved: Int32Array }

/**
 * merge adds trials, at their places in the order of all trials, and removes the older records of trials that have new
 * ones. It returns null if the places do not fit: then the page has another state than the server.
 */
export function merge(d: Data, u: { columns: string[]; keys: string[]; cells: (number | string | null)[][]; at: number[]; again: boolean[]; total: number }): Merge | null {
  const gone = new Map<number, number>(); // older rows, with the places of the new ones
  u.keys.forEach((key, i) => {
    if (!u.again[i]) return;
    const row = rowOf(d, key);
    if (row >= 0) gone.set(row, u.at[i]);
  });
  const n = d.n - gone.size + u.keys.length;
  if (n !== u.total || u.at.some((at, i) => at < 0 || at >= n || (i > 0 && at <= u.at[i - 1]))) return null;
  const moved = new Int32Array(d.n).fill(-1), from = new Int32Array(n);
  for (let old = 0, k = 0, i = 0; i < n; i++) {
    if (k < u.at.length && u.at[k] === i) {
      from[i] = -1 - k++;
      continue;
    }
    while (gone.has(old)) old++;
    moved[old] = i;
    from[i] = old++;
  }
  for (const [row, at] of gone) moved[row] = at;
  for (const c of d.columns) {
    const j = u.columns.indexOf(c.name);
    if (c.text) mergeTexts(c, from, u.cells, j);
    else mergeNumbers(c, from, u.cells, j);
  }
  const width = d.keyWidth, keys = new Uint8Array(n * width);
  for (let i = 0; i < n; i++) {
    if (from[i] >= 0) keys.set(d.keys.subarray(from[i] * width, (from[i] + 1) * width), i * width);
    else for (let b = 0; b < width; b++) keys[i * width + b] = parseInt(u.keys[-1 - from[i]].slice(2 * b, 2 * b + 2), 16);
  }
  d.keys = keys;
  d.n = d.total = n;
  return { total: n, moved };
}

function mergeNumbers(c: Column, from: Int32Array, cells: (number | string | null)[][], j: number): void {
  const { num } = c, next = new Float64Array(from.length), rank = c.name === "rank";
  for (let i = 0; i < from.length; i++) {
    if (rank) next[i] = i + 1;
    else if (from[i] >= 0) next[i] = num[from[i]];
    else {
      const v = j < 0 ? null : cells[-1 - from[i]][j];
      next[i] = v === null ? NaN : c.single ? Math.fround(Number(v)) : Number(v);
    }
  }
  c.num = next;
}

function mergeTexts(c: Column, from: Int32Array, cells: (number | string | null)[][], j: number): void {
  const old = c.codes!, next = new Uint16Array(from.length), codes = new Map(c.dict.map((w, i) => [w, i]));
  for (let i = 0; i < from.length; i++) {
    if (from[i] >= 0) {
      next[i] = old[from[i]];
      continue;
    }
    const v = j < 0 ? null : cells[-1 - from[i]][j];
    let code = v === null ? NONE : codes.get(String(v));
    if (code === undefined) {
      code = Math.min(c.dict.length, NONE);
      if (code < NONE) {
        c.dict.push(String(v));
        codes.set(String(v), code);
      }
    }
    next[i] = code;
  }
  c.codes = next;
  const numbers = c.dict.map(numberOf);
  c.numeric = numbers.length > 0 && numbers.every((x) => !Number.isNaN(x));
  c.num = Float64Array.from(next, (code) => (code === NONE ? NaN : numbers[code]));
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
  readonly exist: boolean;
  readonly note: string;
  load(rows: number[]): Promise<void>;
  of(row: number): Curve | null;
  forget(keys: string[]): void; // of trials that were recorded again
}

/** FetchedCurves asks the server of a live page for curves. */
export class FetchedCurves implements CurveSource {
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

/** Curves are those that are in the page. */
export class Curves implements CurveSource {
  note = "";
  private parts: { h: CurvesHeader; lists: Uint16Array; lossLists: Uint16Array; val: Uint16Array | Float32Array; train: Uint16Array; loss: Uint16Array; at: Uint32Array; lossAt: Uint32Array } | null = null;
  private loading: Promise<void> | null = null;
  readonly exist = !!document.getElementById("curvesdata");

  load(_rows: number[]): Promise<void> {
    return (this.loading ??= this.read());
  }

  forget(_keys: string[]): void { /* the page follows nothing */ }

  private async read(): Promise<void> {
    const v = await inflate(document, "curvesdata");
    if (!v) return;
    const { header: h, bytes } = header<CurvesHeader>(v);
    let off = 0;
    const part = (n: number): Uint16Array => {
      const out = new Uint16Array(n);
      for (let i = 0; i < n; i++) out[i] = bytes[off + i] | (bytes[off + n + i] << 8);
      off += 2 * n;
      return out;
    };
    const lists = part(h.n), lossLists = part(h.n);
    const floats = (n: number): Float32Array => {
      const out = new Uint8Array(4 * n);
      for (let i = 0; i < 4 * n; i++) out[i] = bytes[off + (i & 3) * n + (i >> 2)];
      off += 4 * n;
      return new Float32Array(out.buffer);
    };
    const val = h.floats ? floats(h.accuracies) : part(h.accuracies), train = part(h.accuracies), loss = part(h.losses);
    const at = new Uint32Array(h.n), lossAt = new Uint32Array(h.n);
    for (let i = 0, a = 0, l = 0; i < h.n; i++) {
      at[i] = a;
      lossAt[i] = l;
      if (lists[i] === NONE) continue;
      a += h.steps[lists[i]].length;
      l += h.steps[lossLists[i]].length;
    }
    this.note = h.note;
    this.parts = { h, lists, lossLists, val, train, loss, at, lossAt };
  }

  of(row: number): Curve | null {
    const p = this.parts;
    if (!p || row >= p.h.n || p.lists[row] === NONE) return null;
    const steps = p.h.steps[p.lists[row]], lossSteps = p.h.steps[p.lossLists[row]];
    const { val } = p;
    const series = (all: Uint16Array, at: number, n: number, value: (x: number) => number): Float32Array => {
      const out = new Float32Array(n);
      for (let i = 0, x = 0; i < n; i++) {
        const u = all[at + i];
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
