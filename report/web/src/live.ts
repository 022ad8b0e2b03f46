// Follows a study that runs, by server-sent events. The comment of the Go package report/live has the events.

/** What the page says of the study that it follows. */
export interface LiveData { events: string; curves: string; after: string; version: string; shape: string }

/** Trials that were recorded. The other trials keep their order. */
export interface Update { columns: string[]; keys: string[]; cells: (number | string | null)[][]; at: number[]; again: boolean[]; total: number }

export interface Cards { shape: string; html: string }

export interface Follower {
  rows(u: Update): void;
  cards(c: Cards): void;
  status(text: string, lost: boolean): void;
  reload(): void;
}

export function readLive(root: ParentNode): LiveData | null {
  const text = root.querySelector("#livedata")?.textContent;
  return text && location.protocol !== "file:" ? (JSON.parse(text) as LiveData) : null; // a saved page follows nothing
}

const AGAIN = 3000; // milliseconds

/** What the page says while it has no connection. */
export const LOST = "no connection; trying again";

/** A Stream receives events while the page is visible. */
export class Stream {
  after: string;
  private source: EventSource | null = null;
  private timer = 0;
  private ended = false;
  private last = "";

  constructor(private readonly live: LiveData, private readonly to: Follower) {
    this.after = live.after;
    document.addEventListener("visibilitychange", this.visible);
    this.visible();
  }

  close(): void {
    this.ended = true;
    document.removeEventListener("visibilitychange", this.visible);
    this.stop();
  }

  private stop(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  // A browser has few connections to one server, so a hidden page leaves its connection to others.
  private readonly visible = (): void => {
    if (document.visibilityState === "hidden") this.stop();
    else if (!this.source && !this.ended) this.open();
  };

  private open(): void {
    const address = `${this.live.events}?after=${encodeURIComponent(this.after)}`, s = new EventSource(address);
    this.source = s;
    const on = (name: string, f: (data: string) => void): void => {
      s.addEventListener(name, (e) => {
        const m = e as MessageEvent<string>;
        if (s !== this.source) return;
        if (name === "rows") this.after = m.lastEventId;
        f(m.data);
      });
    };
    on("rows", (d) => this.to.rows(JSON.parse(d) as Update));
    on("cards", (d) => this.to.cards(JSON.parse(d) as Cards));
    on("status", (d) => this.to.status((this.last = JSON.parse(d) as string), false));
    on("reload", () => {
      this.close();
      this.to.reload();
    });
    s.addEventListener("open", () => this.to.status(this.last, false));
    s.addEventListener("error", () => {
      if (s !== this.source) return;
      if (s.readyState !== EventSource.CLOSED) return this.to.status(LOST, true); // the browser tries again
      this.stop();
      this.timer = setTimeout(() => this.visible(), AGAIN);
      void this.refused(address);
    });
  }

  /** refused shows why a server refuses the stream, which an EventSource does not say. */
  private async refused(address: string): Promise<void> {
    const enough = new AbortController();
    let why = LOST;
    try {
      const r = await fetch(address, { signal: enough.signal });
      if (!r.ok) why = reason(await r.text());
    } catch { /* there is no connection */ }
    enough.abort();
    if (!this.source && !this.ended) this.to.status(why, true);
  }
}

/** reason returns what a server says in one line. */
export const reason = (text: string): string => text.trim().replace(/^sweep: /, "");
