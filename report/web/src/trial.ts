import { colors, ink } from "./colors.js";
import { disc } from "./curves.js";
import { groupBy, keyOf, type Column, type Net } from "./data.js";
import { byId, copyText, el } from "./dom.js";
import { count, number, value } from "./format.js";
import type { Store } from "./store.js";

/** The card of the trial that was selected last. */
export class TrialCard {
  private readonly root = byId("trial");
  private settings: { of: Uint32Array; count: number } | null = null;

  constructor(private readonly store: Store, private readonly nets: Map<string, Net>) {}

  /** setting returns the rows of the trials that differ from a row only in their seed. */
  setting(row: number): number[] {
    const { data, n } = this.store;
    this.settings ??= groupBy(data.columns.filter((c) => c.role === "parameter" && c.name !== "seed"), n);
    const { of } = this.settings, rows: number[] = [];
    for (let i = 0; i < n; i++) if (of[i] === of[row]) rows.push(i);
    return rows;
  }

  /** update follows an update of the trials. */
  update(): void {
    this.settings = null;
    this.draw();
  }

  draw(): void {
    const { store } = this, row = store.active;
    if (row < 0) {
      this.root.replaceChildren(el("p", { class: "empty" }, "Select a trial in the table or in a chart."));
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
      const vals = rows.filter((r) => store.ended[r]).map((r) => store.val.num[r]);
      const mean = vals.reduce((a, b) => a + b, 0) / vals.length;
      const button = el("button", { type: "button" }, `Select its ${Math.min(rows.length, 10)} seeds`);
      button.addEventListener("click", () => store.select(rows.slice(0, 10)));
      parts.push(el("p", { class: "note" }, vals.length ? `Its setting has ${count(rows.length)} seeds, with a mean of ${number(store.val, mean, store.accuracy)}. ` : `Its setting has ${count(rows.length)} seeds. `), button);
    }
    const head = byId("h-trial");
    head.replaceChildren("Selected trial ", disc(store.slots.get(row)!));
    parts.push(...this.net(row));
    const folder = data.byName.get("out")?.codes ? data.byName.get("out")!.dict[data.byName.get("out")!.codes![row]] : null;
    const verify = (data.view.folders.find((f) => f.name === folder) ?? data.view.folders[0]).verify;
    if (verify) {
      const pre = el("pre", { tabindex: 0, "aria-label": "Command that verifies the trial" }, `${verify} ${keyOf(data, row)}`);
      const copy = el("button", { type: "button", "aria-label": "Copy the command that verifies the trial" }, "Copy");
      copy.addEventListener("click", () => { void copyText(copy, pre); });
      parts.push(el("div", { class: "cmd" }, el("p", { class: "note" }, "Train it again and compare every bit"), el("div", { class: "cmd-row" }, pre, copy)));
    }
    this.root.replaceChildren(...parts);
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
