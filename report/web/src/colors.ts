// The colours of the page, from the variables of its styles.

export const BINS = 32;

export interface Colors { ramp: string[]; rampRGB: Uint8Array; selection: string[]; text: string; muted: string; card: string; line: string; bad: string; rest: string; accent: string }

let current: Colors | null = null;

function rgb(hex: string): [number, number, number] {
  const v = parseInt(hex.slice(1), 16);
  return [v >> 16, (v >> 8) & 255, v & 255];
}

/** colors returns the colours of the theme. */
export function colors(): Colors {
  if (current) return current;
  const style = getComputedStyle(document.documentElement);
  const get = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const ramp = Array.from({ length: BINS }, (_, i) => get(`r${i}`));
  const rampRGB = new Uint8Array(3 * BINS);
  ramp.forEach((c, i) => rampRGB.set(rgb(c), 3 * i));
  current = {
    ramp, rampRGB, selection: Array.from({ length: 10 }, (_, i) => get(`s${i}`)),
    text: get("text"), muted: get("muted"), card: get("card"), line: get("line"), bad: get("bad"), rest: get("rest"), accent: get("accent"),
  };
  return current;
}

export const rgbOf = rgb;

/** themeChanged forgets the colours of the theme before. */
export function themeChanged(): void { current = null; }

/** ink returns black or white, whichever is easier to read on a colour. */
export function ink(hex: string): string {
  const [r, g, b] = rgb(hex).map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  const l = 0.2126 * r + 0.7152 * g + 0.0722 * b;
  return 1.05 / (l + 0.05) >= (l + 0.05) / 0.05 ? "#ffffff" : "#000000";
}

/** bin returns the colour of a place from 0 to 1. */
export const bin = (t: number): number => Math.max(0, Math.min(BINS - 1, Math.floor(t * BINS)));
