// The script of a page of sweep report.

import { themeChanged } from "./colors.js";
import { CurveChart } from "./curves.js";
import { Curves, FetchedCurves, keyOf, readData, readNets, rowOf, type Data } from "./data.js";
import { byId, copyText, el, renew } from "./dom.js";
import { parse } from "./filter.js";
import { count, exact } from "./format.js";
import { Heat } from "./heat.js";
import { LOST, readLive, reason, Stream, type Cards, type LiveData, type Update } from "./live.js";
import { Parallel } from "./parallel.js";
import { Scatter } from "./scatter.js";
import { Store } from "./store.js";
import { Table } from "./table.js";
import { TrialCard } from "./trial.js";

/** What tests and measurements read. */
interface Debug { painted: number; complete: number; frames: number[]; store: Store; parse: typeof parse; csv: () => string; settled: () => Promise<void> }

/** painted resolves when the browser has painted what was drawn before. */
function painted(): Promise<void> {
  return new Promise((done) => {
    requestAnimationFrame(() => {
      const c = new MessageChannel();
      c.port1.onmessage = () => { c.port1.close(); done(); };
      c.port2.postMessage(null);
    });
  });
}

type Part = "counts" | "table" | "lines" | "parallel" | "heat" | "scatter" | "dots" | "over" | "curves" | "trial";

/** The parts that take long. A page that follows a study draws one of them in a frame. */
const heavy: Part[] = ["lines", "parallel", "heat", "dots", "scatter"];

/** counts says how many trials pass, and what is wrong with a condition. */
function counts(store: Store, live: boolean): void {
  const all = count(store.n);
  const trials = store.n === 1 ? "trial" : "trials";
  byId("counts").textContent = (store.filtered ? `${count(store.passing)} of ${all} ${trials}` : `${all} ${trials}`) + (store.data.total <= store.n ? "" : `, ${live ? "of" : "the best of"} ${count(store.data.total)}${live ? " on record" : ""}`);
  byId<HTMLButtonElement>("clear").disabled = !store.filtered && store.text === "";
  const err = byId("qerr");
  const bad = store.bad;
  if (!bad) {
    err.replaceChildren();
    return;
  }
  const at = Math.min(bad.at, store.text.length);
  const rest = store.text.slice(at), word = /^\s*\S*/.exec(rest)?.[0] ?? "";
  err.replaceChildren(`${bad.why[0].toUpperCase()}${bad.why.slice(1)}. All trials are shown. `,
    el("code", {}, store.text.slice(Math.max(0, at - 60), at), el("mark", {}, word || " "), rest.slice(word.length, word.length + 40)));
}

/** inAddress returns what is chosen in the fragment of the address. */
const inAddress = (): URLSearchParams => new URLSearchParams(location.hash.slice(1));

/** filter takes the filters and the order of the table from the address. */
function filter(store: Store, p: URLSearchParams): void {
  store.brushes.clear();
  for (const text of p.getAll("range")) {
    const m = /^([^=]+)=(.*)\.\.(.*)$/.exec(text);
    if (m) store.limit(m[1], [m[2], m[3]]);
  }
  const top = Number(p.get("top") ?? 0);
  store.top = [...byId<HTMLSelectElement>("top").options].some((o) => Number(o.value) === top) ? top : 0;
  store.diverged = p.get("diverged") !== "0";
  const [, minus, by] = /^(-?)(.*)$/.exec(p.get("sort") ?? "rank")!;
  [store.sortBy, store.descending] = store.data.byName.has(by) ? [by, minus !== ""] : ["rank", false];
  store.setText(p.get("q") ?? "");
}

class App {
  private readonly heat: Heat;
  private readonly parallel: Parallel;
  private readonly curves: CurveChart;
  private readonly trial: TrialCard;
  private readonly scatter: Scatter;
  private readonly dirty = new Set<Part>();
  private readonly waiting: Update[] = []; // while a range is dragged
  private readonly ended = new AbortController();
  private scheduled = false;
  private updated = false; // trials were added since the last frame
  private postponed = false; // the last frame left the heavy parts to this one
  private settledAll: (() => void)[] = [];
  private saving = 0;
  readonly debug: Debug;
  private readonly q = byId<HTMLInputElement>("q");
  private readonly top = byId<HTMLSelectElement>("top");
  private readonly div = byId<HTMLInputElement>("div");
  private readonly shows = ["hs", "cs"].map((id) => byId<HTMLSelectElement>(id)); // what the heat map and the curves show

  constructor(private readonly store: Store, private readonly table: Table, private readonly live: LiveData | null) {
    this.heat = new Heat(store, () => { this.later("heat"); this.save(); });
    this.parallel = new Parallel(store, () => { this.later("parallel", "table", "heat", "scatter"); this.save(); this.drain(); });
    this.curves = new CurveChart(store, live ? new FetchedCurves(live.curves, (row) => keyOf(store.data, row)) : new Curves());
    this.trial = new TrialCard(store, readNets(document));
    this.scatter = new Scatter(store, () => { this.later("scatter"); this.save(); });
    this.debug = { painted: 0, complete: 0, frames: [], store, parse, csv: () => this.csv(), settled: () => this.settled() };
    store.listen((change) => {
      if (change === "data") return;
      if (change === "sort") this.later("table");
      else if (change === "selection") this.later("table", "over", "curves", "trial");
      else if (this.parallel.dragging) this.later("counts", "parallel"); // the others follow at the end
      else this.later("counts", "table", "parallel", "heat", "scatter");
      this.save();
    });
    if (live) byId("counts").setAttribute("aria-live", "off"); // it changes all the time
    this.controls();
  }

  private controls(): void {
    const { store, q } = this, { signal } = this.ended;
    let timer = 0;
    q.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => store.setText(q.value), 60);
    });
    q.addEventListener("keydown", (e) => {
      if (e.key === "Escape") {
        q.value = "";
        store.setText("");
      }
    });
    this.top.addEventListener("change", () => { store.top = Number(this.top.value); store.apply(); });
    for (const s of this.shows) s.addEventListener("change", () => this.save());
    this.div.addEventListener("change", () => { store.diverged = this.div.checked; store.apply(); });
    byId("clear").addEventListener("click", () => {
      store.clear();
      this.fields();
      q.focus({ preventScroll: true });
    });
    byId("theme").addEventListener("click", () => {
      const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      this.theme(dark ? "light" : "dark");
      try { localStorage.setItem("sweep-report-theme", dark ? "light" : "dark"); } catch { /* the browser keeps nothing for files */ }
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.recolor(), { signal });
    // Cards of a live page come and go.
    document.addEventListener("click", (e) => {
      const b = (e.target as Element).closest<HTMLButtonElement>("#pickbest, button.copy");
      if (b?.id === "pickbest") store.select((b.dataset.trials ?? "").split(",").map((key) => rowOf(store.data, key)));
      else if (b) void copyText(b, b.previousElementSibling as HTMLElement);
    }, { signal });
    byId("csv").addEventListener("click", () => {
      const a = el("a", { href: URL.createObjectURL(new Blob([this.csv()], { type: "text/csv" })), download: "trials.csv" });
      a.click();
      setTimeout(() => URL.revokeObjectURL(a.href), 10_000);
    });
    document.querySelector<HTMLAnchorElement>(".skip")!.addEventListener("click", (e) => {
      e.preventDefault();
      byId("table").scrollIntoView();
      this.table.focus();
    });
    let width = innerWidth, resizing = 0;
    addEventListener("resize", () => {
      if (innerWidth === width) return;
      width = innerWidth;
      cancelAnimationFrame(resizing);
      resizing = requestAnimationFrame(() => this.layout());
    }, { signal });
    addEventListener("hashchange", () => this.load(), { signal });
    let before: string | undefined;
    addEventListener("beforeprint", () => {
      before = document.documentElement.dataset.theme;
      document.documentElement.dataset.theme = "light";
      document.body.classList.add("printing"); // the width of a sheet of paper
      this.recolorNow();
    }, { signal });
    addEventListener("afterprint", () => {
      if (before === undefined) delete document.documentElement.dataset.theme;
      else document.documentElement.dataset.theme = before;
      document.body.classList.remove("printing");
      this.recolorNow();
    }, { signal });
  }

  /** close ends what outlives the elements of the page. */
  close(): void {
    clearTimeout(this.saving);
    this.saveNow();
    this.ended.abort();
    this.curves.close();
  }

  /** rows adds trials that were recorded. It reports false if they do not follow what the page has. */
  rows(u: Update): boolean {
    if (this.parallel.dragging) {
      this.waiting.push(u);
      return true;
    }
    if (!u.keys.length) { // the study has more trials than a page
      this.store.data.total = u.total;
      this.counts();
      return true;
    }
    const moved = this.store.update(u);
    if (!moved) return false;
    this.table.moved(moved);
    this.parallel.moved(moved);
    this.scatter.moved(moved);
    this.counts();
    this.updated = true;
    this.later("lines", "heat", "dots", "trial");
    if (this.curves.forget(u.keys.filter((_, i) => u.again[i]))) this.later("curves");
    return true;
  }

  private drain(): void {
    for (const u of this.waiting.splice(0)) if (!this.rows(u)) this.stale();
  }

  /** stale asks for the page again. */
  stale: () => void = () => { /* a page that follows nothing is never stale */ };

  /** cards replaces the cards that the server writes. What has the focus keeps it, and a selected text stays. */
  cards(html: string): void {
    const doc = new DOMParser().parseFromString(html, "text/html");
    const parts: [Element | null | undefined, Element | null | undefined][] =
      ["h-best", "h-sure", "h-next", "h-folders", "h-matters", "h-blocks", "h-top"].map((id) => [document.getElementById(id)?.closest("section"), doc.getElementById(id)?.closest("section")]);
    parts.push([document.querySelector("footer"), doc.querySelector("footer")]);
    for (const [now, next] of parts) if (now && next) renew(now, document.importNode(next, true));
  }

  private theme(name: string): void {
    document.documentElement.dataset.theme = name;
    this.recolor();
  }

  private recolor(): void {
    themeChanged();
    this.parallel.drawRest();
    this.later("table", "parallel", "heat", "scatter", "curves", "trial");
  }

  /** recolorNow draws at once, because a printer waits for no frame. */
  private recolorNow(): void {
    themeChanged();
    this.parallel.layout();
    this.measure();
    this.heat.draw();
    this.scatter.draw();
    this.curves.recolor();
    this.trial.draw();
  }

  private layout(): void {
    this.parallel.layout();
    this.curves.resize();
    this.later("heat", "scatter", "table");
  }

  /** later draws parts in the next frame. */
  private later(...parts: Part[]): void {
    for (const p of parts) this.dirty.add(p);
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => this.frame());
  }

  /** measure reads sizes before anything is written. Otherwise the browser computes the layout several times. */
  private measure(): void {
    this.table.measure();
    this.heat.measure();
    this.scatter.measure();
  }

  private frame(): void {
    if (this.ended.signal.aborted) return; // the elements are gone
    const began = performance.now(), d = new Set(this.dirty);
    this.dirty.clear();
    this.scheduled = false;
    if (this.live) { // frames stay short: the frame after an update already has its table
      this.postponed = this.updated && !this.postponed;
      this.updated = false;
      const first = this.postponed ? undefined : heavy.find((p) => d.has(p));
      for (const p of heavy) if (p !== first && d.delete(p)) this.later(p);
    }
    this.measure();
    if (d.has("counts")) this.counts();
    if (d.has("table")) this.table.draw();
    if (d.has("lines")) this.parallel.update();
    else if (d.has("parallel")) this.parallel.draw();
    else if (d.has("over")) this.parallel.drawOver();
    if (d.has("heat")) this.heat.draw();
    if (d.has("dots")) this.scatter.update();
    else if (d.has("scatter")) this.scatter.draw();
    else if (d.has("over")) this.scatter.drawOver();
    if (d.has("trial")) this.trial.draw();
    const drawn = d.has("curves") ? this.curves.draw() : Promise.resolve();
    if (this.debug.frames.length < 10_000) this.debug.frames.push(performance.now() - began);
    void drawn.then(() => {
      if (this.scheduled) return;
      for (const f of this.settledAll.splice(0)) f();
    });
  }

  /** settled resolves when all that was asked for is drawn and painted. */
  private async settled(): Promise<void> {
    if (this.scheduled) await new Promise<void>((done) => this.settledAll.push(done));
    await painted();
  }

  private counts(): void { counts(this.store, !!this.live); }

  private csv(): string {
    const { store } = this, columns = store.data.columns.filter((c) => c.name !== "of_peak");
    const cell = (s: string): string => (/[",\r\n]/.test(s) ? `"${s.replaceAll('"', '""')}"` : s);
    const lines = [["key", ...columns.map((c) => c.name)].map(cell).join(",")];
    for (const row of store.sorted()) lines.push([keyOf(store.data, row), ...columns.map((c) => cell(exact(c, row)))].join(","));
    return `${lines.join("\n")}\n`;
  }

  /** save puts the filters into the fragment of the address. */
  private save(): void {
    clearTimeout(this.saving);
    this.saving = setTimeout(() => this.saveNow(), 250);
  }

  private saveNow(): void {
    const { store } = this, p = new URLSearchParams();
    if (store.text) p.set("q", store.text);
    for (const [name, [from, to]] of store.ranges()) p.append("range", `${name}=${from}..${to}`);
    if (store.top) p.set("top", String(store.top));
    if (!store.diverged) p.set("diverged", "0");
    if (store.selected.length) p.set("trials", store.selected.map((row) => keyOf(store.data, row)).join(","));
    if (this.changedAxes()) p.set("axes", this.parallel.order.join(","));
    if (this.heat.chosen) p.set("map", this.heat.chosen);
    if (this.scatter.chosen) p.set("dots", this.scatter.chosen);
    if (store.sortBy !== "rank" || store.descending) p.set("sort", (store.descending ? "-" : "") + store.sortBy);
    for (const s of this.shows) if (s.selectedIndex > 0) p.set(s.id, s.value);
    const hash = p.toString();
    try {
      history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    } catch { /* the browser refuses this for the address of the file */ }
  }

  private changedAxes(): boolean {
    return this.parallel.order.join() !== [...this.store.axes.slice(0, 11)].reverse().map((c) => c.name).concat("val").join();
  }

  /** load takes what is chosen from the address. */
  private load(): void {
    const p = inAddress();
    filter(this.store, p);
    this.adopt(p);
  }

  /** adopt shows what an address chooses apart from filters. It reports whether trials are selected there. */
  private adopt(p: URLSearchParams): boolean {
    const { store } = this;
    this.heat.choose(p.get("map"));
    this.scatter.choose(p.get("dots"));
    const axes = p.get("axes");
    if (axes) this.parallel.reorder(axes.split(","));
    for (const s of this.shows) s.selectedIndex = Math.max(0, [...s.options].findIndex((o) => o.value === p.get(s.id)));
    this.later("curves");
    this.fields();
    const keys = (p.get("trials") ?? "").split(",").filter(Boolean);
    if (!keys.length) return false;
    const wanted = new Map(keys.map((k, i) => [k, i] as const)), rows: number[] = [];
    for (let row = 0; row < store.n; row++) {
      const i = wanted.get(keyOf(store.data, row));
      if (i !== undefined && rows[i] === undefined) rows[i] = row;
    }
    store.select(rows.filter((r) => r !== undefined));
    return rows.length > 0;
  }

  private fields(): void {
    this.q.value = this.store.text;
    this.top.value = String(this.store.top);
    this.div.checked = this.store.diverged;
  }

  async start(): Promise<void> {
    const selected = this.adopt(inAddress()) || this.store.selected.length > 0;
    this.dirty.clear();
    this.measure();
    this.heat.draw();
    this.parallel.layout();
    this.scatter.draw();
    this.trial.draw();
    void this.curves.draw();
    await painted();
    this.debug.complete = performance.now();
    // The curves of the best are read when everything else is painted.
    if (!selected) {
      const best: number[] = [];
      for (let row = 0; row < this.store.n && best.length < 3; row++) if (this.store.ended[row]) best.unshift(row);
      if (best.length) this.store.select(best);
    }
    this.later("table");
    await this.settled();
    document.documentElement.dataset.ready = "1";
    if (this.live) void this.prepare();
  }

  /** prepare decodes the columns, one in a frame. Otherwise the first update would decode all of them at once. */
  private async prepare(): Promise<void> {
    for (const c of this.store.data.columns) if (c.load()) await painted();
  }
}

let app: App | null = null;
let taken = -Infinity; // when the page was last taken from its server

/** start shows the trials of the document, and follows the study if it runs. A first page has its table before its charts. */
async function start(data: Data | null, live: LiveData | null, first: boolean): Promise<void> {
  app = null;
  if (data) {
    try {
      const theme = localStorage.getItem("sweep-report-theme");
      if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    } catch { /* the browser keeps nothing for files */ }
    const store = new Store(data), table = new Table(store);
    filter(store, inAddress());
    counts(store, !!live);
    table.draw();
    if (first) await painted();
    const at = performance.now();
    app = new App(store, table, live);
    app.debug.painted = at;
    (window as unknown as { sweepReport: Debug }).sweepReport = app.debug;
    await app.start();
  } else {
    document.documentElement.dataset.ready = "1";
  }
  if (live) follow(live, app);
}

/** tell says how far the study is. Screen readers say only its state, because the rest changes all the time. */
function tell(text: string, lost: boolean): void {
  const live = byId("live"), aloud = byId("aloud"), state = text.split(",")[0];
  if (live.textContent !== text) live.textContent = text;
  if (aloud.textContent !== state) aloud.textContent = state;
  live.classList.toggle("lost", lost);
}

/** follow adds what is recorded to the page. */
function follow(live: LiveData, shown: App | null): void {
  let ended = false;
  const stale = (): void => {
    if (ended) return;
    ended = true;
    stream.close();
    void again(live);
  };
  const stream: Stream = new Stream(live, {
    rows: (u: Update) => { if (!shown || !shown.rows(u)) stale(); },
    cards: (c: Cards) => {
      if (c.shape === live.shape) shown?.cards(c.html);
      else stale();
    },
    status: tell,
    reload: stale,
  });
  if (shown) shown.stale = stale;
}

/** again takes the page from its server again, and keeps the filters, the selection and the place. */
async function again(live: LiveData): Promise<void> {
  let doc: Document, next: LiveData | null, data: Data | null = null;
  const pause = 2000 - (performance.now() - taken);
  if (pause > 0) await new Promise((done) => setTimeout(done, pause));
  taken = performance.now();
  try {
    const r = await fetch(location.pathname, { cache: "no-store" });
    if (!r.ok) throw new Error(reason(await r.text()));
    doc = new DOMParser().parseFromString(await r.text(), "text/html");
    next = readLive(doc);
    if (next?.version === live.version) data = await readData(doc); // another script may read another format
  } catch (e) { // the server is gone, or has no page now
    tell(e instanceof TypeError ? LOST : (e as Error).message, true);
    setTimeout(() => { void again(live); }, 3000);
    return;
  }
  app?.close();
  if (!next || next.version !== live.version) {
    location.reload();
    return;
  }
  const y = scrollY, q = document.getElementById("q") as HTMLInputElement | null, typed = q && document.activeElement === q ? [q.value, q.selectionStart, q.selectionEnd] as const : null;
  document.title = doc.title;
  document.body.replaceChildren(...doc.body.childNodes);
  const started = start(data, next, false);
  scrollTo(0, y);
  const field = document.getElementById("q") as HTMLInputElement | null;
  if (typed && field) {
    field.value = typed[0];
    field.focus({ preventScroll: true });
    field.setSelectionRange(typed[1], typed[2]);
    field.dispatchEvent(new Event("input"));
  }
  await started;
  scrollTo(0, y);
}

async function main(): Promise<void> {
  const live = readLive(document), data = await readData(document);
  if (!data && !live) throw new Error("the page has no data");
  await start(data, live, true);
}

main().catch((e: unknown) => {
  // Everything that needs no script is still in the page.
  document.documentElement.className = "";
  document.documentElement.dataset.ready = "failed";
  byId("counts").textContent = `The page cannot show its charts: ${(e as Error).message}`;
  throw e;
});
