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

/** distinctOf returns the different numbers of a column in ascending order, or none if they are more than most. */
function distinctOf(c: Column, most: number): number[] {
  const seen = new Set<number>();
  for (const x of c.num) {
    if (!Number.isNaN(x)) seen.add(x);
    if (seen.size > most) return [];
  }
  return [...seen].sort((a, b) => a - b);
}

/** digitsOf returns the significant digits that tell the values of a column apart, at least three. */
const digits = new WeakMap<Float64Array, number>(); // by the values, which an update replaces
function digitsOf(c: Column): number {
  let d = digits.get(c.num);
  if (d === undefined) {
    d = 3;
    if (c.role === "parameter") {
      const values = distinctOf(c, 1000);
      while (d < 17 && values.some((v, i) => i > 0 && short(v, d) === short(values[i - 1], d))) d++;
    }
    digits.set(c.num, d);
  }
  return d;
}

/** value returns a value of a column for people. */
export function value(c: Column, row: number, accuracy: boolean): string {
  if (c.codes) return c.codes[row] === 65535 ? "–" : c.dict[c.codes[row]];
  const x = c.num[row];
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
  if (c.codes) return c.codes[row] === 65535 ? "" : c.dict[c.codes[row]];
  return Number.isNaN(c.num[row]) ? "" : String(c.single ? Number(c.num[row].toPrecision(7)) : c.num[row]);
}
