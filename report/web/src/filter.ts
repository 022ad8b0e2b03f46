// The language of conditions of "sweep show -where", with the same messages. The Go package results/where defines it.

import { NONE, numberOf, type Column, type Data } from "./data.js";

/** A Bad says why a condition cannot be parsed, and at which character. */
export class Bad extends Error {
  constructor(readonly why: string, readonly at: number) { super(why); }
}

export type Test = (row: number) => boolean;

type Kind = "end" | "word" | "quoted" | "symbol";
interface Token { kind: Kind; text: string; at: number }

const symbols = ["==", "!=", "<=", ">=", "=~", "&&", "||", "<", ">", "!", "(", ")"];
const mistaken: Record<string, string> = {
  "=": "==", "&": "&&", "|": "||", "~": "=~", "≤": "<=", "≥": ">=", "≠": "!=", "∧": "&&", "∨": "||", "¬": "!",
};
const mostLength = 10_000, mostDepth = 200;

const pasted: Record<string, [string, string]> = {
  "‐": ["a typographic hyphen", "-"], "‑": ["a non-breaking hyphen", "-"], "‒": ["a figure dash", "-"], "–": ["an en dash", "-"],
  "—": ["an em dash", "-"], "―": ["a horizontal bar", "-"], "−": ["a minus sign", "-"], "﹣": ["a small hyphen", "-"], "－": ["a fullwidth hyphen", "-"],
  "“": ["a typographic quotation mark", ""], "”": ["a typographic quotation mark", ""], "„": ["a typographic quotation mark", ""],
  "‟": ["a typographic quotation mark", ""], "«": ["a typographic quotation mark", ""], "»": ["a typographic quotation mark", ""],
  "‘": ["a typographic quotation mark", ""], "’": ["a typographic quotation mark", ""], "‚": ["a typographic quotation mark", ""],
  "…": ["an ellipsis", ".."], "×": ["a multiplication sign", "x"], "，": ["a fullwidth comma", ","], "：": ["a fullwidth colon", ":"],
  "\u00a0": ["a no-break space", ""], "\u202f": ["a narrow no-break space", ""], "\u200b": ["a zero-width space", ""], "\ufeff": ["a byte-order mark", ""],
};

function pastedNote(c: string): string {
  const p = pasted[c];
  if (!p) return "";
  const code = c.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
  return ` (it has ${p[0]}, U+${code}${p[1] ? `; type ${p[1]}` : ""})`;
}

/** quote quotes a text like Go's %q. */
export function quote(text: string): string {
  const short: Record<string, string> = { "\x07": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"' };
  let out = '"';
  for (const c of text) {
    const code = c.codePointAt(0)!;
    if (short[c]) out += short[c];
    else if (c === " " || /[\p{L}\p{M}\p{N}\p{P}\p{S}]/u.test(c)) out += c;
    else if (code < 0x80) out += `\\x${code.toString(16).padStart(2, "0")}`;
    else if (code < 0x10000) out += `\\u${code.toString(16).padStart(4, "0")}`;
    else out += `\\U${code.toString(16).padStart(8, "0")}`;
  }
  return out + '"';
}

function distance(a: string, b: string): number {
  const s = [...a], t = [...b];
  let before: number[] = [], last = t.map((_, j) => j).concat(t.length);
  for (let i = 0; i < s.length; i++) {
    const row = [i + 1];
    for (let j = 0; j < t.length; j++) {
      row[j + 1] = Math.min(last[j + 1] + 1, row[j] + 1, last[j] + (s[i] === t[j] ? 0 : 1));
      if (i > 0 && j > 0 && s[i] === t[j - 1] && s[i - 1] === t[j]) row[j + 1] = Math.min(row[j + 1], before[j - 1] + 1);
    }
    [before, last] = [last, row];
  }
  return last[t.length];
}

function didYouMean(word: string, known: string[]): string {
  const lower = word.toLowerCase(), length = [...word].length;
  let least = Math.max(Math.floor(length / 3), 1) + 1, found: string | null = null;
  for (const k of known) {
    const d = distance(lower, k.toLowerCase());
    if (d < least && d < [...k].length) [found, least] = [k, d];
  }
  if (found === null && length >= 3) {
    const begin = known.filter((k) => k.toLowerCase().startsWith(lower));
    if (begin.length === 1) found = begin[0];
  }
  return found === null ? "" : ` (did you mean ${quote(found)}?)`;
}

const isSpace = (c: string): boolean => /[\t\n\v\f\r \u0085\p{Z}]/u.test(c);
const inWord = (c: string): boolean => /[\p{L}\p{Nd}_.+\-/:]/u.test(c);

function next(text: string, at: number): Token {
  while (at < text.length && isSpace(text[at])) at++;
  if (at >= text.length) return { kind: "end", text: "", at: text.length };
  for (const s of symbols) if (text.startsWith(s, at)) return { kind: "symbol", text: s, at };
  const c = String.fromCodePoint(text.codePointAt(at)!);
  if (c === '"' || c === "'") {
    const end = text.indexOf(c, at + 1);
    if (end < 0) throw new Bad(`the text has no closing ${c}`, at);
    return { kind: "quoted", text: text.slice(at + 1, end), at };
  }
  if (inWord(c)) {
    let end = at;
    while (end < text.length) {
      const d = String.fromCodePoint(text.codePointAt(end)!);
      if (!inWord(d)) break;
      end += d.length;
    }
    return { kind: "word", text: text.slice(at, end), at };
  }
  if (mistaken[c]) throw new Bad(`there is no operator ${c}; write ${mistaken[c]}`, at);
  throw new Bad(`${quote(c)} has no meaning here${pastedNote(c)}; a text with such a character needs quotes`, at);
}

type Value = number | string | null;

interface Operand { token: Token; column: Column | null; kind: "number" | "text" | "missing"; literal: Value }

const UNEQUAL = 2;
const operators: Record<string, (order: number) => boolean> = {
  "==": (o) => o === 0, "!=": (o) => o !== 0, "<": (o) => o === -1, "<=": (o) => o === -1 || o === 0, ">": (o) => o === 1, ">=": (o) => o === 1 || o === 0,
};

function compare(a: Value, b: Value): number | null {
  if (a === null || b === null) return null;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  const x = typeof a === "number" ? a : numberOf(a), y = typeof b === "number" ? b : numberOf(b);
  return x < y ? -1 : x > y ? 1 : x === y ? 0 : UNEQUAL;
}

function valueOf(c: Column, row: number): Value {
  if (c.text) return c.codes![row] === NONE ? null : c.dict[c.codes![row]];
  return Number.isNaN(c.num[row]) ? null : c.num[row];
}

class Parser {
  private token: Token = { kind: "end", text: "", at: 0 };
  private depth = 0;
  private at = 0;

  constructor(private readonly text: string, private readonly columns: Column[]) {}

  whole(): Test {
    const bytes = new TextEncoder().encode(this.text).length;
    if (bytes > mostLength) throw new Bad(`the condition has ${bytes} bytes, more than ${mostLength}`, 0);
    this.advance();
    if (this.token.kind === "end") throw this.error("the condition is empty; write for example lr<1e-3 && hidden==50");
    const t = this.or();
    if (!this.ended()) throw this.trailing();
    return t;
  }

  private trailing(): Bad {
    switch (this.token.text.toLowerCase()) {
      case "and": return this.error("write && for and");
      case "or": return this.error("write || for or");
      case ")": return this.error("no parenthesis is open here");
      case "==": case "!=": case "<": case "<=": case ">": case ">=": case "=~":
        return this.error("a comparison has two sides; join two comparisons with &&");
    }
    return this.error(`&& or || must stand before ${shown(this.token)}; a text with blanks needs quotes`);
  }

  private advance(): void {
    this.token = next(this.text, this.at);
    this.at = this.token.at + this.token.text.length + (this.token.kind === "quoted" ? 2 : 0);
  }

  private ended(): boolean { return this.token.kind === "end"; }
  private is(s: string): boolean { return this.token.kind === "symbol" && this.token.text === s; }
  private error(why: string, token: Token = this.token): Bad { return new Bad(why, token.at); }

  private or(): Test {
    const all = this.joined("||", () => this.and());
    return all.length === 1 ? all[0] : (row) => all.some((t) => t(row));
  }

  private and(): Test {
    const all = this.joined("&&", () => this.unary());
    return all.length === 1 ? all[0] : (row) => all.every((t) => t(row));
  }

  private joined(operator: string, part: () => Test): Test[] {
    const all = [part()];
    while (this.is(operator)) {
      this.advance();
      all.push(part());
    }
    return all;
  }

  private unary(): Test {
    const negation = this.is("!"), group = this.is("(");
    if (!negation && !group) return this.comparison();
    if (++this.depth > mostDepth) throw this.error(`more than ${mostDepth} parentheses and negations are nested here`);
    const opening = this.token;
    this.advance();
    let t: Test;
    if (negation) {
      const inner = this.unary();
      t = (row) => !inner(row);
    } else {
      t = this.or();
      if (this.token.kind === "end") throw this.error("the parenthesis is not closed", opening);
      if (!this.is(")")) throw this.trailing();
      this.advance();
    }
    this.depth--;
    return t;
  }

  private comparison(): Test {
    const left = this.operand();
    const operator = this.token;
    const holds = operators[operator.text];
    if (operator.kind !== "symbol" || (!holds && operator.text !== "=~")) {
      if (left.token.text.toLowerCase() === "not") throw this.error("write ! for not", left.token);
      if (!left.column && left.token.kind === "word") throw this.noColumn(left.token);
      throw this.error(`an operator such as == must stand after ${shown(left.token)}`);
    }
    this.advance();
    const right = this.operand();
    this.check(left, operator, right);
    if (operator.text === "=~") return this.match(left, right);
    if (left.kind === "missing" || right.kind === "missing") {
      const o = left.kind === "missing" ? right : left, want = operator.text === "==";
      return (row) => ((o.column ? valueOf(o.column, row) : o.literal) === null) === want;
    }
    return this.compiled(left, holds, right);
  }

  /** compiled returns the test of a comparison. Values of texts and numbers of one column are compared once each. */
  private compiled(left: Operand, holds: (order: number) => boolean, right: Operand): Test {
    const c = left.column ?? right.column!;
    if (!left.column || !right.column) {
      const value = (v: Value): boolean => {
        const o = left.column ? compare(v, literal(right)) : compare(literal(left), v);
        return o !== null && holds(o);
      };
      const literal = (o: Operand): Value => (c.single && typeof o.literal === "number" ? Math.fround(o.literal) : o.literal);
      if (c.text) {
        const of = c.dict.map(value), codes = c.codes!;
        return (row) => codes[row] !== NONE && of[codes[row]];
      }
      const num = c.num;
      return (row) => !Number.isNaN(num[row]) && value(num[row]);
    }
    const a = left.column, b = right.column;
    return (row) => {
      const o = compare(valueOf(a, row), valueOf(b, row));
      return o !== null && holds(o);
    };
  }

  private operand(): Operand {
    const t = this.token;
    if (t.kind === "end") throw this.error("the condition ends where a column or a value must stand");
    if (t.kind === "symbol") throw this.error(`${quote(t.text)} stands where a column or a value must stand`);
    this.advance();
    if (t.kind === "quoted") return { token: t, column: null, kind: "text", literal: t.text };
    const column = this.columns.find((c) => c.name === t.text) ?? null;
    if (column) return { token: t, column, kind: column.text ? "text" : "number", literal: null };
    if (t.text === "none") return { token: t, column: null, kind: "missing", literal: null };
    const x = numberOf(t.text);
    if (Math.abs(x) === Infinity) throw this.error(`the number ${t.text} is too large; the limit is 1.798e+308`, t);
    if (!Number.isNaN(x)) return { token: t, column: null, kind: "number", literal: x };
    return { token: t, column: null, kind: "text", literal: t.text };
  }

  private check(left: Operand, operator: Token, right: Operand): void {
    if (!left.column && !right.column) {
      for (const o of [left, right]) if (o.token.kind === "word" && o.kind === "text") throw this.noColumn(o.token);
      throw this.error("a comparison must have a column on one side", left.token);
    }
    if (operator.text === "=~") {
      if (!left.column || left.kind !== "text") throw this.error(`${left.token.text} is no column of texts, and =~ is for texts`, left.token);
      if (right.column || right.kind === "missing") throw this.error("a regular expression must stand here, in quotes", right.token);
      return;
    }
    for (const [column, other] of [[left, right], [right, left]]) {
      if (other.kind === "missing" && operator.text !== "==" && operator.text !== "!=") throw this.error("none can be compared by == and != only", operator);
      if (column.kind === "number" && other.kind === "text" && !other.column && Number.isNaN(numberOf(other.token.text))) {
        throw this.error(`${column.token.text} is a number, but ${quote(other.token.text)} is not${didYouMean(other.token.text, this.names(false))}`, other.token);
      }
    }
  }

  private names(texts: boolean): string[] { return this.columns.filter((c) => texts || !c.text).map((c) => c.name); }

  private noColumn(t: Token): Bad {
    return this.error(`there is no column ${quote(t.text)}${didYouMean(t.text, this.names(true))}`, t);
  }

  private match(left: Operand, right: Operand): Test {
    const { token } = right;
    let re: RegExp;
    try {
      const insensitive = token.text.startsWith("(?i)");
      const text = insensitive ? token.text.slice(4) : token.text;
      if (/\(\?[=!<]/.test(text) || /\\[1-9]/.test(text)) throw new Error("it is not in the syntax RE2");
      re = new RegExp(text, insensitive ? "iu" : "u");
    } catch (e) {
      throw this.error(`the regular expression has an error: ${(e as Error).message}`, token);
    }
    const c = left.column!, of = c.dict.map((s) => re.test(s));
    return (row) => c.codes![row] !== NONE && of[c.codes![row]];
  }
}

const shown = (t: Token): string => (t.kind === "end" ? "the end" : quote(t.text));

/** parse returns the test of a condition about columns, or throws a Bad. */
export function parse(text: string, columns: Column[]): Test { return new Parser(text, columns).whole(); }

/** keyTest returns the test of the beginning of a key, or null if a text is none. */
export function keyTest(text: string, d: Data): Test | null {
  const t = text.trim().toLowerCase();
  if (!/^[0-9a-f]{4,64}$/.test(t) || d.byName.has(t)) return null;
  const n = Math.min(t.length, 2 * d.keyWidth);
  return (row) => {
    for (let i = 0; i < n; i++) {
      const b = d.keys[row * d.keyWidth + (i >> 1)];
      if ((i & 1 ? b & 15 : b >> 4) !== parseInt(t[i], 16)) return false;
    }
    return true;
  };
}
