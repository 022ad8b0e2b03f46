import type uPlot from "uplot";
import { colors, ink } from "./colors.js";
import { keyOf, type Curve, type CurveSource } from "./data.js";
import { byId, el, readout } from "./dom.js";
import { number, short } from "./format.js";
import type { Store } from "./store.js";

const HEIGHT = 340;

/** disc returns the number of a selected trial in its colour. */
export function disc(slot: number): HTMLSpanElement {
  const color = colors().selection[slot], d = el("span", { class: "disc" }, String(slot + 1));
  d.style.background = color;
  d.style.color = ink(color);
  return d;
}

/** A Shown is a curve with the number of its trial among the selected ones, which stays while rows move. */
interface Shown { slot: number; curve: Curve }

/** The chart of the learning curves of the selected trials. */
export class CurveChart {
  private readonly root = byId("curves");
  private readonly chips = byId("chips");
  private readonly shows = byId<HTMLSelectElement>("cs");
  private plot: uPlot | null = null;
  private Plot: typeof uPlot | null = null; // the library, which runs when it is first needed
  private drawn = Promise.resolve();
  private shown: Shown[] = [];
  private look: unknown[] = []; // what the chart was drawn of

  constructor(private readonly store: Store, private readonly curves: CurveSource) {
    this.shows.addEventListener("change", () => { void this.draw(); });
  }

  /** draw reads the curves if they are needed for the first time. */
  draw(): Promise<void> {
    this.drawn = this.drawn.then(() => this.paint());
    return this.drawn;
  }

  /** forget drops the curves of trials that were recorded again. It reports whether a selected trial lacks its curve. */
  forget(keys: string[]): boolean {
    this.curves.forget(keys);
    return this.curves.exist && this.store.selected.some((row) => !this.curves.of(row));
  }

  /** close ends what uPlot keeps for all charts of a window. */
  close(): void { this.plot?.destroy(); }

  private drawChips(): void {
    const { store } = this, at = [...this.chips.children].indexOf(document.activeElement as HTMLElement);
    this.chips.replaceChildren(...store.selected.map((row) => {
      const b = el("button", { type: "button", class: "chip", title: "Remove" },
        disc(store.slots.get(row)!), number(store.val, store.val.num[row], store.accuracy), el("span", { class: "vh" }, `: remove trial ${keyOf(store.data, row)} from the selection`), el("span", { "aria-hidden": "true" }, "×"));
      b.addEventListener("click", () => store.deselect(row));
      return b;
    }));
    // The focus of a removed button goes to the next one.
    if (at >= 0) ((this.chips.children[Math.min(at, store.selected.length - 1)] ?? this.shows) as HTMLElement).focus({ preventScroll: true });
  }

  private async paint(): Promise<void> {
    const { store } = this;
    this.drawChips();
    if (!store.selected.length) return this.empty("Select trials in the table or in a chart: their curves are drawn here.");
    await this.curves.ready;
    if (!this.curves.exist) return this.empty("The folder has no learning curves. Sweeps keep them unless they run with -curves off.");
    await this.curves.load(store.selected);
    this.Plot ??= (await import("uplot")).default;
    if (!this.root.isConnected) return; // another page took its place
    const all = store.selected.map((row) => ({ slot: store.slots.get(row)!, curve: this.curves.of(row) })).filter((c): c is Shown => !!c.curve);
    if (!all.length) return this.empty("The page has no curves of these trials.", this.curves.note);
    const look = [colors(), this.shows.value, ...all.flatMap((c) => [c.slot, c.curve])];
    if (this.plot && look.length === this.look.length && look.every((x, i) => x === this.look[i])) return;
    this.look = look;
    this.show(all);
  }

  private empty(text: string, note = ""): void {
    this.plot?.destroy();
    this.plot = null;
    byId("curvesnote").textContent = note;
    this.root.replaceChildren(el("p", { class: "empty" }, text));
  }

  /** table returns the points of all curves, and the style and the name of each series. */
  private table(loss: boolean): { data: uPlot.AlignedData; series: uPlot.Series[]; names: string[] } {
    const tables: uPlot.AlignedData[] = [], series: uPlot.Series[] = [{}], names: string[] = [];
    const finite = (v: Float32Array): (number | null)[] => Array.from(v, (x) => (Number.isFinite(x) ? x : null));
    for (const { slot, curve } of this.shown) {
      const stroke = colors().selection[slot];
      if (loss) {
        tables.push([curve.lossSteps, finite(curve.loss)]);
        series.push({ stroke, width: 2, points: { show: false }, spanGaps: true });
        names.push(`${slot + 1} loss`);
      } else {
        const train = finite(curve.train), trained = train.some((x) => x !== null); // functions have none
        tables.push([curve.steps, finite(curve.val), ...(trained ? [train] : [])]);
        series.push({ stroke, width: 2, points: { show: curve.steps.length < 3 }, spanGaps: true });
        names.push(`${slot + 1} ${this.store.accuracy ? "validation" : "value"}`);
        if (!trained) continue;
        series.push({ stroke, width: 1, dash: [4, 3], points: { show: false }, spanGaps: true });
        names.push(`${slot + 1} training`);
      }
    }
    return { data: this.Plot!.join(tables), series, names };
  }

  private show(all: Shown[]): void {
    this.shown = all;
    const { accuracy } = this.store, pal = colors(), loss = this.shows.value === "loss", { data, series, names } = this.table(loss);
    const axis = (more: Partial<uPlot.Axis>): uPlot.Axis => ({
      stroke: pal.muted, grid: { stroke: pal.line, width: 1 }, ticks: { show: false }, font: "11px -apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif", ...more,
    });
    this.plot?.destroy();
    this.root.replaceChildren();
    this.plot = new this.Plot!({
      width: this.root.clientWidth, height: HEIGHT, legend: { show: false },
      scales: { x: { time: false }, y: loss ? { distr: 3, log: 10 } : {} },
      axes: [axis({ size: 28 }), axis({ size: 52, values: loss ? (_u, ticks) => ticks.map((t) => (t == null ? "" : short(t, 2))) : undefined })],
      cursor: { points: { size: 6 } }, series, hooks: { setCursor: [(u) => this.tell(u, names, loss)] },
    }, data, this.root);
    this.plot.over.addEventListener("pointerleave", () => readout(null));
    this.plot.root.setAttribute("role", "img");
    const what = !accuracy ? "Values of the selected trials by step" : loss ? "Losses of the selected trials by iteration" : "Accuracies of the selected trials by iteration: solid lines on the validation set, dashed lines on training images";
    this.plot.root.setAttribute("aria-label", what);
    byId("curvesnote").textContent = (loss || !accuracy ? "" : "Solid: validation, dashed: training. ") + this.curves.note;
  }

  /** tell shows the values of all series at the pointer. */
  private tell(u: uPlot, names: string[], loss: boolean): void {
    const { idx, left, top } = u.cursor, { store } = this;
    if (idx == null || left == null || left < 0) return readout(null);
    const lines = [`${store.accuracy ? "iteration" : "step"} ${u.data[0][idx]}`];
    names.forEach((n, i) => {
      const v = u.data[i + 1][idx];
      if (v != null) lines.push(`${n} ${loss ? short(v, 4) : number(store.val, v, store.accuracy)}`);
    });
    const r = u.over.getBoundingClientRect();
    readout(lines.join("\n"), r.left + left, r.top + (top ?? 0));
  }

  /** recolor draws the chart at once, if its curves have been read. */
  recolor(): void {
    this.drawChips();
    if (this.plot) this.show(this.shown);
  }

  resize(): void { this.plot?.setSize({ width: this.root.clientWidth, height: HEIGHT }); }
}
