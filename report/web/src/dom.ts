// Small helpers for elements. Texts become text nodes, so no label can become markup.

const SVG = "http://www.w3.org/2000/svg";

type Attributes = Record<string, string | number | boolean | undefined>;

export function byId<T extends Element = HTMLElement>(id: string): T {
  const e = document.getElementById(id);
  if (!e) throw new Error(`the page has no element ${id}`);
  return e as unknown as T;
}

function fill(e: Element, attributes: Attributes, children: (Node | string)[]): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) e.setAttribute(name, "");
    else if (value !== undefined && value !== false) e.setAttribute(name, String(value));
  }
  e.append(...children);
}

export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  fill(e, attributes, children);
  return e;
}

export function svg<K extends keyof SVGElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: (Node | string)[]): SVGElementTagNameMap[K] {
  const e = document.createElementNS(SVG, tag);
  fill(e, attributes, children);
  return e;
}

/** say shows a text, if it is new. */
export function say(e: Element, text: string): void {
  if (e.textContent !== text) e.textContent = text;
}

export function options(select: HTMLSelectElement, names: string[], chosen: string): void {
  select.replaceChildren(...names.map((n) => el("option", { value: n, selected: n === chosen }, n)));
}

/**
 * keepSpace keeps the space bar from scrolling where an element uses it. Browsers send no keypress after a keydown that was
 * used, but programs that press keys may send both.
 */
export function keepSpace(e: Element): void {
  e.addEventListener("keypress", (ev) => { if ((ev as KeyboardEvent).key === " ") ev.preventDefault(); });
}

/** alike reports whether two elements are equal, apart from what copyText says for a while. */
function alike(a: Element, b: Element): boolean {
  const c = a.cloneNode(true) as Element;
  for (const button of c.querySelectorAll("button.copy")) button.textContent = "Copy";
  return c.isEqualNode(b);
}

/**
 * renew puts an element in the place of another one, unless they are alike, or text in the old one is selected. A control
 * that has the focus gives it to its successor.
 */
export function renew(now: Element, next: Element): void {
  const selection = getSelection();
  if (alike(now, next) || (selection && !selection.isCollapsed && selection.containsNode(now, true))) return;
  const controls = (e: Element): HTMLElement[] => [...e.querySelectorAll<HTMLElement>("button, [tabindex]")];
  const at = controls(now).indexOf(document.activeElement as HTMLElement);
  now.replaceWith(next);
  if (at >= 0) controls(next)[at]?.focus({ preventScroll: true });
}

/** readout shows a text beside the pointer, or hides it. */
export function readout(text: string | null, x = 0, y = 0): void {
  const tip = byId("tip");
  tip.hidden = text === null;
  if (text === null) return;
  if (tip.textContent !== text) tip.textContent = text;
  const w = tip.offsetWidth, h = tip.offsetHeight;
  const left = x + 14 + w > innerWidth ? Math.max(4, x - 14 - w) : x + 14;
  const top = y + 14 + h > innerHeight ? Math.max(4, y - 10 - h) : y + 14;
  tip.style.transform = `translate(${left}px,${top}px)`;
}

/** canvas returns a canvas of the given size in CSS pixels, and its context in device pixels. */
export function sizeCanvas(c: HTMLCanvasElement, width: number, height: number, scale: number): CanvasRenderingContext2D {
  const w = Math.round(width * scale), h = Math.round(height * scale);
  if (c.width !== w || c.height !== h) {
    c.width = w;
    c.height = h;
    c.style.width = `${width}px`;
    c.style.height = `${height}px`;
  }
  return c.getContext("2d")!;
}

/** clear clears a canvas. A printed rectangle of nothing would clear the canvases below, too. */
export function clear(ctx: CanvasRenderingContext2D): void {
  const c = ctx.canvas;
  if (document.body.classList.contains("printing")) c.width = c.width + 0;
  else ctx.clearRect(0, 0, c.width, c.height);
}

/** putImage puts an image onto a canvas, which browsers print only if it is drawn. */
export function putImage(ctx: CanvasRenderingContext2D, image: ImageData): void {
  if (!document.body.classList.contains("printing")) {
    ctx.putImageData(image, 0, 0);
    return;
  }
  const c = el("canvas");
  c.width = image.width;
  c.height = image.height;
  c.getContext("2d")!.putImageData(image, 0, 0);
  ctx.drawImage(c, 0, 0);
}

export const pixelRatio = (): number => Math.min(2, Math.max(1, devicePixelRatio || 1));

/** copyText copies a text, or selects it if the browser refuses. */
export async function copyText(button: HTMLButtonElement, source: HTMLElement): Promise<void> {
  let done = false;
  try {
    await navigator.clipboard.writeText(source.textContent ?? "");
    done = true;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    const s = getSelection();
    s?.removeAllRanges();
    s?.addRange(range);
  }
  button.textContent = done ? "Copied" : "Selected";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}
