import uPlot from "uplot";
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

/** The chart of the learning curves of the selected trials. */
export class CurveChart {
  private readonly root = byId("curves");
  private readonly chips = byId("chips");
  private readonly shows = byId<HTMLSelectElement>("cs");
  private plot: uPlot | null = null;
  private drawn = Promise.resolve();
  private shown: { row: number; curve: Curve }[] = [];

  constructor(private readonly store: Store, private readonly curves: CurveSource) {
    this.shows.addEventListener("change", () => { void this.draw(); });
  }

  /** draw reads the curves if they are needed for the first time. */
  draw(): Promise<void> {
    this.drawn = this.drawn.then(() => this.paint());
    return this.drawn;
  }

  private drawChips(): void {
    const { store } = this;
    this.chips.replaceChildren(...store.selected.map((row) => {
      const b = el("button", { type: "button", class: "chip", title: "Remove" },
        disc(store.slots.get(row)!), number(store.val, store.val.num[row], store.accuracy), el("span", { class: "vh" }, `: remove trial ${keyOf(store.data, row)} from the selection`), el("span", { "aria-hidden": "true" }, "×"));
      b.addEventListener("click", () => store.deselect(row));
      return b;
    }));
  }

  private async paint(): Promise<void> {
    const { store } = this;
    this.drawChips();
    if (!store.selected.length) return this.empty("Select trials in the table or in a chart: their curves are drawn here.");
    if (!this.curves.exist) return this.empty("The folder has no learning curves. Sweeps keep them unless they run with -curves off.");
    await this.curves.load(store.selected);
    byId("curvesnote").textContent = this.curves.note;
    const all = store.selected.map((row) => ({ row, curve: this.curves.of(row) })).filter((c): c is { row: number; curve: Curve } => !!c.curve);
    if (!all.length) return this.empty("The page has no curves of these trials.");
    this.show(all);
  }

  private empty(text: string): void {
    this.plot?.destroy();
    this.plot = null;
    this.root.replaceChildren(el("p", { class: "empty" }, text));
  }

  private show(all: { row: number; curve: Curve }[]): void {
    this.shown = all;
    const { store } = this, pal = colors(), loss = this.shows.value === "loss";
    const tables: uPlot.AlignedData[] = [], series: uPlot.Series[] = [{}], names: string[] = [];
    const finite = (v: Float32Array): (number | null)[] => Array.from(v, (x) => (Number.isFinite(x) ? x : null));
    for (const { row, curve } of all) {
      const slot = store.slots.get(row)!, stroke = pal.selection[slot];
      if (loss) {
        tables.push([curve.lossSteps, finite(curve.loss)]);
        series.push({ stroke, width: 2, points: { show: false }, spanGaps: true });
        names.push(`${slot + 1} loss`);
      } else {
        tables.push([curve.steps, finite(curve.val), finite(curve.train)]);
        series.push({ stroke, width: 2, points: { show: curve.steps.length < 3 }, spanGaps: true }, { stroke, width: 1, dash: [4, 3], points: { show: false }, spanGaps: true });
        names.push(`${slot + 1} validation`, `${slot + 1} training`);
      }
    }
    const data = uPlot.join(tables);
    const axis = (more: Partial<uPlot.Axis>): uPlot.Axis => ({
      stroke: pal.muted, grid: { stroke: pal.line, width: 1 }, ticks: { show: false }, font: "11px -apple-system,'Segoe UI',Roboto,'Liberation Sans',Arial,sans-serif", ...more,
    });
    const tell = (u: uPlot): void => {
      const { idx, left, top } = u.cursor;
      if (idx == null || left == null || left < 0) return readout(null);
      const r = u.over.getBoundingClientRect();
      const lines = [`iteration ${u.data[0][idx]}`];
      names.forEach((n, i) => {
        const v = u.data[i + 1][idx];
        if (v != null) lines.push(`${n} ${loss ? short(v, 4) : v.toFixed(4)}`);
      });
      readout(lines.join("\n"), r.left + left, r.top + (top ?? 0));
    };
    this.plot?.destroy();
    this.root.replaceChildren();
    this.plot = new uPlot({
      width: this.root.clientWidth, height: HEIGHT, legend: { show: false },
      scales: { x: { time: false }, y: loss ? { distr: 3, log: 10 } : {} },
      axes: [axis({ size: 28 }), axis({ size: 52, values: loss ? (_u, ticks) => ticks.map((t) => (t == null ? "" : short(t, 2))) : undefined })],
      cursor: { points: { size: 6 } }, series, hooks: { setCursor: [tell] },
    }, data, this.root);
    this.plot.over.addEventListener("pointerleave", () => readout(null));
    this.plot.root.setAttribute("role", "img");
    this.plot.root.setAttribute("aria-label", loss ? "Losses of the selected trials by iteration" : "Accuracies of the selected trials by iteration: solid lines on the validation set, dashed lines on training images");
    if (!loss) byId("curvesnote").textContent = `Solid: validation, dashed: training. ${this.curves.note}`;
  }

  /** recolor draws the chart at once, if its curves have been read. */
  recolor(): void {
    this.drawChips();
    if (this.plot) this.show(this.shown);
  }

  resize(): void { this.plot?.setSize({ width: this.root.clientWidth, height: HEIGHT }); }
}
