import type { Operation, Vendor } from './faults.ts';

/** The outcome of one started run, kept after the run itself was dropped. */
export type RunNote = {
  readonly vendor: Vendor;
  readonly runId: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  readonly status: string;
  /** How often it was observed. */
  readonly observes: number;
};

type RequestCounts = Record<Operation, number>;
type KeyRecord = { starts: number; notes: RunNote[]; runIds: string[] };

// A client that starts one key this often is broken; the count alone shows it.
const idsPerKey = 16;

/** Counts requests, answers, and starts by the key that the client put into the input. Bounded by `maxKeys`. */
export class StartLog {
  readonly #maxKeys: number;
  readonly #keys = new Map<string, KeyRecord>();
  readonly #requests = new Map<Vendor, RequestCounts>();
  readonly #answers = new Map<string, number>();
  #starts = 0;
  #twice = 0;
  #keysDropped = 0;
  #webhooksDelivered = 0;
  #webhooksFailed = 0;

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys;
  }

  countRequest(vendor: Vendor, operation: Operation): void {
    let counts = this.#requests.get(vendor);
    if (counts === undefined) {
      counts = { start: 0, observe: 0, event: 0, other: 0 };
      this.#requests.set(vendor, counts);
    }
    counts[operation] += 1;
  }

  /** `answer` is an HTTP status, or how the answer was spoiled. */
  countAnswer(vendor: Vendor, answer: string): void {
    const name = `${vendor} ${answer}`;
    this.#answers.set(name, (this.#answers.get(name) ?? 0) + 1);
  }

  countStart(key: string | null, runId: string): void {
    this.#starts += 1;
    if (key === null) return;
    const record = this.#keys.get(key);
    if (record !== undefined) {
      record.starts += 1;
      if (record.starts === 2) this.#twice += 1;
      if (record.runIds.length < idsPerKey) record.runIds.push(runId);
      return;
    }
    this.#keys.set(key, { starts: 1, notes: [], runIds: [runId] });
    if (this.#keys.size <= this.#maxKeys) return;
    for (const [oldest, { starts }] of this.#keys) {
      this.#keys.delete(oldest);
      this.#keysDropped += 1;
      if (starts > 1) this.#twice -= 1;
      break;
    }
  }

  countWebhook(delivered: boolean): void {
    if (delivered) this.#webhooksDelivered += 1;
    else this.#webhooksFailed += 1;
  }

  /** Keeps the outcome of a run that is about to be dropped. */
  note(key: string, note: RunNote): void {
    const record = this.#keys.get(key);
    if (record?.runIds.includes(note.runId)) record.notes.push(note);
  }

  /** Run ids of a key in the order of their starts; of many, the first ones. */
  runIds(key: string): readonly string[] {
    return this.#keys.get(key)?.runIds ?? [];
  }

  notes(key: string): readonly RunNote[] {
    return this.#keys.get(key)?.notes ?? [];
  }

  /** Accepted starts by key, in the order of the keys' first starts. */
  starts(filter: { readonly atLeast: number; readonly offset: number; readonly limit: number }): Map<string, number> {
    const found = new Map<string, number>();
    let skipped = 0;
    for (const [key, { starts }] of this.#keys) {
      if (starts < filter.atLeast) continue;
      if (skipped++ < filter.offset) continue;
      if (found.size >= filter.limit) break;
      found.set(key, starts);
    }
    return found;
  }

  /** The fields of `GET /control/stats`, in its order. */
  totals() {
    const none: RequestCounts = { start: 0, observe: 0, event: 0, other: 0 };
    return {
      requests: {
        intuned: none,
        restack: none,
        ...Object.fromEntries(this.#requests),
      },
      answers: Object.fromEntries(this.#answers),
      starts: this.#starts,
      keys: this.#keys.size,
      keysStartedTwice: this.#twice,
      keysDropped: this.#keysDropped,
      webhooks: { delivered: this.#webhooksDelivered, failed: this.#webhooksFailed },
    };
  }

  clear(): void {
    this.#keys.clear();
    this.#requests.clear();
    this.#answers.clear();
    this.#starts = 0;
    this.#twice = 0;
    this.#keysDropped = 0;
    this.#webhooksDelivered = 0;
    this.#webhooksFailed = 0;
  }
}
