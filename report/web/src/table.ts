import { ink, colors } from "./colors.js";
import { keyOf, type Column } from "./data.js";
import { byId, el, keepSpace } from "./dom.js";
import { value } from "./format.js";
import type { Store } from "./store.js";

const ROW = 30, EXTRA = 4;

/** SHORT is the length of texts that are surely narrower than a cell. A browser takes long to lay out and paint cells that clip. */
const SHORT = 14;

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
  private height = 560; // before it is measured, because that lays out the page
  private top = 0;
  private cursor = -1; // place in rows of the active row

  constructor(private readonly store: Store) {
    this.columns = this.wanted();
    this.table = el("table", { role: "grid", "aria-multiselectable": "true", "aria-labelledby": "h-table" }, el("thead", {}, this.head()), this.body);
    // The buttons come before the rows in the order of focus: the grid of rows has the focus after its head.
    this.body.tabIndex = 0;
    this.body.setAttribute("aria-label", "Rows: arrow keys move, Space selects");
    this.region.append(this.table);
    this.region.after(this.say);
    this.region.addEventListener("scroll", () => {
      this.measure();
      this.paint();
    });
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
    const names = ["rank", "out", ...data.columns.filter((c) => c.role === "parameter" && c.axis).map((c) => c.name), "val", "train", "test", "state", "steps", "step", "loss_last", "seconds", "block", "of_peak"];
    return [...new Set(names)].map((n) => data.byName.get(n)).filter((c): c is Column => !!c && (c.name === "rank" || c.name === "val" || c.axis || c.varies));
  }

  /** head returns the row of the names of the columns. */
  private head(): HTMLTableRowElement {
    const head = el("tr", { "aria-rowindex": 1 });
    this.heads = this.columns.map((c) => {
      const button = el("button", { type: "button" }, c.name);
      button.addEventListener("click", () => this.store.sort(c.name));
      return el("th", { scope: "col", class: (c.text && !c.numeric ? "txt" : "") + (c.name.length > SHORT - 2 ? " long" : "") }, button);
    });
    head.append(...this.heads, el("th", { scope: "col", class: "txt" }, el("span", { class: "mono" }, "key")));
    return head;
  }

  /** measure reads the size and the place of the region. */
  measure(): void {
    this.height = this.region.clientHeight;
    this.top = this.region.scrollTop;
  }

  /** moved follows trials that an update has moved. The row at the top of the region stays where it is. */
  moved(to: Int32Array): void {
    this.measure();
    const top = this.top > 0 ? Math.floor(this.top / ROW) : -1;
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
    const down = at >= 0 ? at - top : 0;
    this.top += down * ROW;
    this.show();
    if (down) this.region.scrollTop = this.top;
  }

  /** focus moves the focus to the rows. */
  focus(): void { this.body.focus({ preventScroll: true }); }

  draw(): void {
    this.rows = this.store.sorted();
    this.show();
  }

  private show(): void {
    this.cursor = Math.min(this.cursor, this.rows.length - 1);
    this.heads.forEach((th, i) => {
      const sorted = this.columns[i].name === this.store.sortBy, order = sorted ? (this.store.descending ? "descending" : "ascending") : "none";
      if (th.getAttribute("aria-sort") === order) return;
      th.setAttribute("aria-sort", order);
      th.firstElementChild!.textContent = this.columns[i].name + (sorted ? (this.store.descending ? " ↓" : " ↑") : "");
    });
    this.table.setAttribute("aria-rowcount", String(this.rows.length + 1));
    this.paint();
  }

  /** row returns the elements of a row. Each cell begins with a text. */
  private row(): HTMLTableRowElement {
    const tr = el("tr");
    for (let i = 0; i <= this.columns.length; i++) tr.append(el("td", { class: i === this.columns.length || (this.columns[i].text && !this.columns[i].numeric) ? "txt" : undefined }, ""));
    tr.lastElementChild!.classList.add("mono");
    return tr;
  }

  /** paint fills the rows in view. Elements stay in the document, because the browser lays out anew what is put there. */
  paint(): void {
    const { rows, pool, store } = this;
    const view = Math.ceil(this.height / ROW) + 2 * EXTRA;
    const first = Math.max(0, Math.min(Math.floor(this.top / ROW) - EXTRA, rows.length - view));
    const last = Math.min(rows.length, first + view);
    while (pool.length < last - first) pool.push(this.row());
    const pal = colors(), state = this.columns.findIndex((c) => c.name === "state");
    const say = (td: Element, text: string): void => {
      const t = td.firstChild as Text;
      if (t.data === text) return;
      t.data = text;
      td.classList.toggle("long", text.length > SHORT);
    };
    for (let at = first; at < last; at++) {
      const tr = pool[at - first], row = rows[at], cells = tr.children, slot = store.slots.get(row);
      if (tr.dataset.at !== String(at)) {
        tr.id = `row-${at}`;
        tr.dataset.at = String(at);
        tr.setAttribute("aria-rowindex", String(at + 2));
      }
      tr.setAttribute("aria-selected", slot === undefined ? "false" : "true");
      tr.className = (slot === undefined ? "" : "sel ") + (at === this.cursor ? "act" : "");
      this.columns.forEach((c, i) => say(cells[i], value(c, row, store.accuracy)));
      say(cells[cells.length - 1], keyOf(store.data, row));
      if (state >= 0) cells[state].classList.toggle("bad", ["diverged", "failed"].includes(cells[state].textContent!));
      cells[0].firstElementChild?.remove();
      if (slot !== undefined) {
        const disc = el("span", { class: "disc" }, String(slot + 1));
        disc.style.background = pal.selection[slot];
        disc.style.color = ink(pal.selection[slot]);
        disc.style.marginLeft = "8px";
        cells[0].append(disc);
      }
    }
    (this.before.firstElementChild as HTMLElement).style.height = `${first * ROW}px`;
    (this.after.firstElementChild as HTMLElement).style.height = `${(rows.length - last) * ROW}px`;
    const shown = pool.slice(0, last - first), { children } = this.body;
    if (children.length !== shown.length + 2 || children[1] !== (shown[0] ?? this.after)) this.body.replaceChildren(this.before, ...shown, this.after);
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
    this.measure();
    this.paint();
    const row = this.rows[this.cursor];
    this.say.textContent = this.columns.map((c) => `${c.name} ${value(c, row, this.store.accuracy)}`).join(", ");
  }
}
