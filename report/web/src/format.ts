import { format } from "d3-format";
import type { Column } from "./data.js";

const fixed4 = format(".4f"), commas = format(",d");

export const count = (n: number): string => commas(n);

/** short returns a number with some significant digits, such as 1.44e-3, 0.0855 or 3000. */
export function short(x: number, digits = 3): string {
  const size = Math.abs(x);
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "–" : "inf";
  if ((x !== 0 && size < 0.01) || size >= 1e6) {
    return x.toExponential(digits - 1).replace(/\.?0+e/, "e").replace("e+", "e");
  }
  if (x === Math.trunc(x)) return String(x);
  return String(Number(x.toPrecision(digits)));
}

const shares = new Set(["train", "val", "test", "epoch_train", "epoch_val", "best_val"]);

/** digitsOf returns the significant digits that tell the values of a column apart, at least three. */
const digits = new WeakMap<Column, { rows: number; values: Float64Array | null; digits: number }>();
function digitsOf(c: Column): number {
  let known = digits.get(c);
  if (known?.rows === c.n) return known.digits;
  const values = c.few(1000);
  if (!known || !values || known.values !== values) {
    let d = 3;
    while (values && d < 17 && values.some((v, i) => i > 0 && short(v, d) === short(values[i - 1], d))) d++;
    known = { rows: c.n, values, digits: d };
  }
  known.rows = c.n;
  digits.set(c, known);
  return known.digits;
}

/** value returns a value of a column for people. */
export function value(c: Column, row: number, accuracy: boolean): string {
  if (c.text) return c.word(row) ?? "–";
  const x = c.number(row);
  if (Number.isNaN(x)) return "–";
  return number(c, x, accuracy);
}

export function number(c: Column, x: number, accuracy: boolean): string {
  if (shares.has(c.name)) return accuracy ? fixed4(x) : String(Number(x.toPrecision(6)));
  if (c.name === "of_peak") return `${Math.round(100 * x)} %`;
  if (c.role === "parameter") return short(x, digitsOf(c));
  return Number.isInteger(x) ? String(x) : short(x, 4);
}

/** exact returns a value with all digits, as a file for programs has it. */
export function exact(c: Column, row: number): string {
  if (c.text) return c.word(row) ?? "";
  return Number.isNaN(c.num[row]) ? "" : String(c.single ? Number(c.num[row].toPrecision(7)) : c.num[row]);
}
