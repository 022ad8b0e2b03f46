import { ink, colors } from "./colors.js";
import { keyOf, type Column } from "./data.js";
import { byId, el, keepSpace } from "./dom.js";
import { value } from "./format.js";
import type { Store } from "./store.js";

const ROW = 30, EXTRA = 4;

/** The Table has elements only for the rows in view. */
export class Table {
  readonly region = byId("table");
  rows: Uint32Array = new Uint32Array(0);
  private columns: Column[];
  private readonly body = el("tbody");
  private readonly before = el("tr", { class: "pad", "aria-hidden": "true" }, el("td"));
  private readonly after = el("tr", { class: "pad", "aria-hidden": "true" }, el("td"));
  private pool: HTMLTableRowElement[] = [];
  private heads: HTMLTableCellElement[] = [];
  private readonly table: HTMLTableElement;
  private readonly say = el("p", { class: "vh", role: "status" });
  private cursor = -1; // place in rows of the active row

  constructor(private readonly store: Store) {
    this.columns = this.wanted();
    this.table = el("table", { role: "grid", "aria-multiselectable": "true", "aria-labelledby": "h-table" }, el("thead", {}, this.head()), this.body);
    // The buttons come before the rows in the order of focus: the grid of rows has the focus after its head.
    this.body.tabIndex = 0;
    this.body.setAttribute("aria-label", "Rows: arrow keys move, Space selects");
    this.region.append(this.table);
    this.region.after(this.say);
    this.region.addEventListener("scroll", () => this.paint());
    this.body.addEventListener("click", (e) => {
      const tr = (e.target as Element).closest("tr");
      if (tr?.dataset.at) this.pick(Number(tr.dataset.at));
    });
    this.body.addEventListener("keydown", (e) => this.key(e));
    keepSpace(this.body);
  }

  /** wanted returns the columns that are shown. */
  private wanted(): Column[] {
    const { data } = this.store;
    const varies = (c: Column): boolean => {
      const v = (i: number): number => (c.codes ? c.codes[i] : c.num[i]);
      for (let i = 1; i < data.n; i++) if (!Object.is(v(i), v(0))) return true;
      return false;
    };
    const names = ["rank", "out", ...data.columns.filter((c) => c.role === "parameter" && c.axis).map((c) => c.name), "val", "train", "test", "state", "steps", "step", "loss_last", "seconds", "block", "of_peak"];
    return [...new Set(names)].map((n) => data.byName.get(n)).filter((c): c is Column => !!c && (c.name === "rank" || c.name === "val" || c.axis || varies(c)));
  }

  /** head returns the row of the names of the columns. */
  private head(): HTMLTableRowElement {
    const head = el("tr", { "aria-rowindex": 1 });
    this.heads = this.columns.map((c) => {
      const button = el("button", { type: "button" }, c.name);
      button.addEventListener("click", () => this.store.sort(c.name));
      return el("th", { scope: "col", class: c.text && !c.numeric ? "txt" : undefined }, button);
    });
    head.append(...this.heads, el("th", { scope: "col", class: "txt" }, el("span", { class: "mono" }, "key")));
    return head;
  }

  /** moved follows trials that an update has moved. The row at the top of the region stays where it is. */
  moved(to: Int32Array): void {
    const { region } = this, top = region.scrollTop > 0 ? Math.floor(region.scrollTop / ROW) : -1;
    const first = top >= 0 && top < this.rows.length ? to[this.rows[top]] : -1;
    const active = this.cursor >= 0 ? to[this.rows[this.cursor]] : -1;
    const columns = this.wanted();
    if (columns.map((c) => c.name).join() !== this.columns.map((c) => c.name).join()) {
      this.columns = columns;
      this.pool = [];
      this.table.tHead!.replaceChildren(this.head());
    }
    this.rows = this.store.sorted();
    if (active >= 0) this.cursor = this.rows.indexOf(active);
    const at = first >= 0 ? this.rows.indexOf(first) : -1;
    this.draw();
    if (at >= 0 && at !== top) {
      region.scrollTop += (at - top) * ROW;
      this.paint();
    }
  }

  /** focus moves the focus to the rows. */
  focus(): void { this.body.focus({ preventScroll: true }); }

  draw(): void {
    this.rows = this.store.sorted();
    this.cursor = Math.min(this.cursor, this.rows.length - 1);
    this.heads.forEach((th, i) => {
      const sorted = this.columns[i].name === this.store.sortBy;
      th.setAttribute("aria-sort", sorted ? (this.store.descending ? "descending" : "ascending") : "none");
      th.firstElementChild!.textContent = this.columns[i].name + (sorted ? (this.store.descending ? " ↓" : " ↑") : "");
    });
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.paint();
  }

  paint(): void {
    const { region, rows, pool } = this;
    const view = Math.ceil(region.clientHeight / ROW) + 2 * EXTRA;
    const first = Math.max(0, Math.min(Math.floor(region.scrollTop / ROW) - EXTRA, rows.length - view));
    const last = Math.min(rows.length, first + view);
    while (pool.length < last - first) {
      const tr = el("tr");
      for (let i = 0; i <= this.columns.length; i++) tr.append(el("td", { class: i === this.columns.length || (this.columns[i].text && !this.columns[i].numeric) ? "txt" : undefined }));
      tr.lastElementChild!.classList.add("mono");
      pool.push(tr);
    }
    const pal = colors();
    const shown: HTMLTableRowElement[] = [];
    for (let at = first; at < last; at++) {
      const tr = pool[at - first], row = rows[at];
      tr.id = `row-${at}`;
      tr.dataset.at = String(at);
      tr.setAttribute("aria-rowindex", String(at + 2));
      const slot = this.store.slots.get(row);
      tr.setAttribute("aria-selected", slot === undefined ? "false" : "true");
      tr.className = (slot === undefined ? "" : "sel ") + (at === this.cursor ? "act" : "");
      this.columns.forEach((c, i) => {
        const td = tr.children[i] as HTMLTableCellElement;
        const text = value(c, row, this.store.accuracy);
        if (td.textContent !== text) td.textContent = text;
        if (i === 0 && slot !== undefined) {
          const disc = el("span", { class: "disc" }, String(slot + 1));
          disc.style.background = pal.selection[slot];
          disc.style.color = ink(pal.selection[slot]);
          disc.style.marginLeft = "8px";
          td.append(disc);
        }
        td.classList.toggle("bad", c.name === "state" && (text === "diverged" || text === "failed"));
      });
      tr.lastElementChild!.textContent = keyOf(this.store.data, row);
      shown.push(tr);
    }
    (this.before.firstElementChild as HTMLElement).style.height = `${first * ROW}px`;
    (this.after.firstElementChild as HTMLElement).style.height = `${(rows.length - last) * ROW}px`;
    this.body.replaceChildren(this.before, ...shown, this.after);
  }

  private pick(at: number): void {
    this.cursor = at;
    this.store.toggle(this.rows[at]);
    this.paint();
  }

  private key(e: KeyboardEvent): void {
    const page = Math.max(1, Math.floor(this.region.clientHeight / ROW) - 2);
    let at = Math.max(0, this.cursor);
    switch (e.key) {
      case "ArrowDown": at = this.cursor + 1; break;
      case "ArrowUp": at--; break;
      case "PageDown": at += page; break;
      case "PageUp": at -= page; break;
      case "Home": at = 0; break;
      case "End": at = this.rows.length - 1; break;
      case " ": case "Enter":
        e.preventDefault();
        if (this.cursor < 0) return;
        this.pick(this.cursor);
        this.say.textContent = `${this.store.slots.has(this.rows[this.cursor]) ? "selected" : "no longer selected"}, selected trials: ${this.store.selected.length}`;
        return;
      default: return;
    }
    e.preventDefault();
    this.cursor = Math.max(0, Math.min(this.rows.length - 1, at));
    const top = this.cursor * ROW, room = this.region.clientHeight - 34 - ROW;
    if (top < this.region.scrollTop) this.region.scrollTop = top;
    else if (top > this.region.scrollTop + room) this.region.scrollTop = top - room;
    this.paint();
    const row = this.rows[this.cursor];
    this.say.textContent = this.columns.map((c) => `${c.name} ${value(c, row, this.store.accuracy)}`).join(", ");
  }
}
