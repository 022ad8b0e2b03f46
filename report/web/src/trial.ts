import { colors, ink } from "./colors.js";
import { disc } from "./curves.js";
import { keyOf, type Column, type Net } from "./data.js";
import { byId, el, renew } from "./dom.js";
import { count, number, value } from "./format.js";
import type { Store } from "./store.js";

/** The card of the trial that was selected last. */
export class TrialCard {
  private readonly root = byId("trial");
  private key = ""; // of the trial that is shown

  constructor(private readonly store: Store, private readonly nets: Map<string, Net>) {
    this.root.addEventListener("click", (e) => {
      if ((e.target as Element).closest("button.seeds")) store.select(this.setting(store.active).slice(0, 10));
    });
  }

  /** setting returns the rows of the trials that differ from a row only in their seed. A trial may be in several folders. */
  private setting(row: number): number[] {
    const { data, n } = this.store, same = (v: ArrayLike<number>) => (i: number): boolean => Object.is(v[i], v[row]);
    let rows = Array.from({ length: n }, (_, i) => i);
    // Those that vary come first: they leave few rows.
    for (const c of data.columns.filter((c) => c.role === "parameter").sort((a, b) => Number(b.axis) - Number(a.axis))) {
      if (c.name !== "seed" && c.name !== "out" && c.varies) rows = rows.filter(same(c.codes ?? c.num));
    }
    const seed = data.byName.get("seed")?.num, seen = new Set<number>();
    return seed ? rows.filter((r) => !seen.has(seed[r]) && seen.add(seed[r])) : rows;
  }

  /** mean returns the mean of a setting, or NaN if its trials did not train equally far. Failed trials do not count. */
  private mean(rows: number[]): number {
    const { store } = this, state = store.data.byName.get("state")!, steps = store.data.byName.get("steps")!;
    const of = (row: number): string | null => state.word(row), counted = rows.filter((row) => of(row) !== "failed");
    const ends = new Set(counted.map((row) => (of(row) === "done" ? "done" : `${of(row)} ${steps.num[row]}`)));
    if (ends.size !== 1 || !counted.every((row) => store.ended[row] && of(row) !== "diverged")) return NaN;
    return counted.reduce((sum, row) => sum + store.val.num[row], 0) / counted.length;
  }

  draw(): void {
    const { store } = this, row = store.active, head = byId("h-trial");
    if (row < 0) {
      head.replaceChildren("Selected trial");
      this.root.replaceChildren(el("p", { class: "empty" }, "Select a trial in the table or in a chart."));
      this.key = "";
      return;
    }
    const { data } = store;
    const shown = ["rank", "val", "train", "test", "out", ...store.axes.map((c) => c.name), "seed", "state", "steps", "seconds", "block", "of_peak", "impl", "error"];
    const columns = [...new Set(shown)].map((n) => data.byName.get(n)).filter((c): c is Column => !!c);
    const fields = columns.filter((c) => value(c, row, store.accuracy) !== "–")
      .map((c) => el("div", {}, el("dt", {}, c.name === "of_peak" ? "of peak" : c.name), el("dd", {}, value(c, row, store.accuracy))));
    const parts: HTMLElement[] = [el("dl", { class: "fields" }, ...fields)];
    const rows = this.setting(row);
    if (rows.length > 1) {
      const mean = this.mean(rows), seeds = `Its setting has ${count(rows.length)} seeds`;
      parts.push(el("div", {},
        el("p", { class: "note" }, Number.isNaN(mean) ? `${seeds}. Not all trained equally far, so they have no mean.` : `${seeds}, with a mean of ${number(store.val, mean, store.accuracy)}.`),
        el("button", { type: "button", class: "seeds" }, `Select its ${Math.min(rows.length, 10)} seeds`)));
    }
    head.replaceChildren("Selected trial ", disc(store.slots.get(row)!));
    parts.push(...this.net(row));
    const folder = data.byName.get("out")?.word(row);
    const verify = (data.view.folders.find((f) => f.name === folder) ?? data.view.folders[0]).verify;
    if (verify) {
      const pre = el("pre", { tabindex: 0, "aria-label": "Command that verifies the trial" }, `${verify} ${keyOf(data, row)}`);
      const copy = el("button", { type: "button", class: "copy", "aria-label": "Copy the command that verifies the trial" }, "Copy");
      parts.push(el("div", { class: "cmd" }, el("p", { class: "note" }, "Train it again and compare every bit"), el("div", { class: "cmd-row" }, pre, copy)));
    }
    const key = keyOf(data, row), now = [...this.root.children];
    if (key === this.key && now.length === parts.length) parts.forEach((p, i) => renew(now[i], p));
    else this.root.replaceChildren(...parts);
    this.key = key;
  }

  private net(row: number): HTMLElement[] {
    const key = keyOf(this.store.data, row);
    const found = [...this.nets].find(([k]) => k.startsWith(key));
    if (!found) {
      const note = this.nets.size ? `The page has no picture of this net. ${this.store.data.view.nets_note}` : "Weights were not kept; sweep -keep N keeps those of the best.";
      return [el("p", { class: "note" }, note)];
    }
    const net = found[1], parts: HTMLElement[] = [];
    if (net.png) parts.push(el("img", { src: `data:image/png;base64,${net.png}`, alt: "Weights of the first layer: one tile for each unit" }));
    if (net.confusion && net.classes) parts.push(this.confusion(net));
    return [el("div", { class: "pics" }, ...parts)];
  }

  private confusion(net: Net): HTMLElement {
    const matrix = net.confusion!, classes = net.classes!, pal = colors();
    const table = el("table", { class: "conf" }, el("caption", { class: "note" }, `${net.samples ?? "Samples"} by class (rows) and by the class that the net finds`));
    table.append(el("thead", {}, el("tr", {}, el("td"), ...classes.map((c) => el("th", { scope: "col" }, c)))));
    const body = el("tbody");
    matrix.forEach((counts, i) => {
      const sum = Math.max(1, counts.reduce((a, b) => a + b, 0));
      body.append(el("tr", {}, el("th", { scope: "row" }, classes[i]), ...counts.map((n) => {
        const td = el("td", {}, String(n));
        const color = pal.ramp[Math.min(31, Math.floor((32 * n) / sum))];
        td.style.background = color;
        td.style.color = ink(color);
        return td;
      })));
    });
    table.append(body);
    return el("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Confusion matrix" }, table);
  }
}
