import type { Clock } from '../../contract/domain/clock.ts';
import type { EventBatches, SentEvent } from '../../contract/domain/event.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';

/** Changes that are kept for readers who come again. */
const maxKept = 2000;
/** Of one reader, unread; beyond it begins anew. */
const maxUnread = 2000;
/** Changes are collected for this long after the last reader has left. */
const lingerMs = 60_000;
/** Changes of one thing within this time are sent as the last of them. */
const collectMs = 100;

type Change = { readonly kind: string; readonly key: string; readonly data: () => JsonObject };

/**
 * Changes for the streams of operators. Ids grow from a start that a later process does not reach back to, so that a reader
 * who comes again to another process begins anew instead of missing something.
 */
export class ChangeStream {
  readonly #clock: Clock;
  readonly #readers = new Set<ChangeReader>();
  /** Not yet sent, by what they are about. */
  #pending = new Map<string, Change>();
  #isScheduled = false;
  #kept: SentEvent[] = [];
  #lastId: number;
  #activeUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lastId = Math.floor(clock.nowMs()) * 64;
  }

  /** False: there are no readers, so nothing has to be noted. */
  get isActive(): boolean {
    return this.#readers.size > 0 || this.#clock.monotonicMs() < this.#activeUntilMs;
  }

  /** `key` names what has changed: of several changes of it in a row the last one is sent. */
  note(kind: string, key: string, data: () => JsonObject): void {
    if (!this.isActive) {
      if (this.#kept.length > 0) this.#kept = [];
      return;
    }
    this.#pending.set(`${kind} ${key}`, { kind, key, data });
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#clock.schedule(collectMs, () => this.#send());
  }

  /** Null: it was removed. Undefined: another replica has changed it, and what it is now was not read. */
  noteRun(runId: string, run: Run | null | undefined): void {
    if (!this.isActive) return;
    this.note('run', runId, () => {
      if (run === undefined || run === null) return { run_id: runId, ...(run === null ? { removed: true } : {}) };
      const { tenant, agentName: agent, backend, phase, status } = run;
      return { run_id: runId, tenant, agent, phase, status, ...(backend === undefined ? {} : { backend }) };
    });
  }

  watch(lastSeen: number | null): EventBatches<SentEvent> {
    const wasActive = this.isActive;
    if (!wasActive) this.#kept = [];
    const reader = new ChangeReader(this.#missedSince(lastSeen, wasActive), () => {
      this.#readers.delete(reader);
      if (this.#readers.size === 0) this.#activeUntilMs = this.#clock.monotonicMs() + lingerMs;
    });
    this.#readers.add(reader);
    return reader;
  }

  /** What a reader has missed; `reset` where that is not known. */
  #missedSince(lastSeen: number | null, wasActive: boolean): readonly SentEvent[] {
    if (lastSeen === null) return [this.#reset()];
    if (lastSeen === this.#lastId && wasActive) return [];
    const oldest = this.#kept[0] === undefined ? this.#lastId + 1 : Number(this.#kept[0].id);
    const isKnown = wasActive && lastSeen >= oldest - 1 && lastSeen <= this.#lastId;
    return isKnown ? this.#kept.filter(({ id }) => Number(id) > lastSeen) : [this.#reset()];
  }

  #reset(): SentEvent {
    return { id: `${this.#lastId}`, event: 'reset', data: this.#dataOf('reset', {}) };
  }

  #send(): void {
    this.#isScheduled = false;
    const changes = [...this.#pending.values()];
    this.#pending = new Map();
    const events = changes.map(({ kind, data }): SentEvent => {
      this.#lastId += 1;
      return { id: `${this.#lastId}`, event: kind, data: this.#dataOf(kind, data()) };
    });
    this.#kept = [...this.#kept, ...events].slice(-maxKept);
    for (const reader of [...this.#readers]) reader.give(events, () => this.#reset());
  }

  #dataOf(kind: string, data: JsonObject): JsonObject {
    return { kind, at: new Date(this.#clock.nowMs()).toISOString(), ...data };
  }
}

class ChangeReader implements EventBatches<SentEvent> {
  readonly #onLeft: () => void;
  #unread: SentEvent[];
  #wake: (() => void) | null = null;
  #isOver = false;

  constructor(missed: readonly SentEvent[], onLeft: () => void) {
    this.#unread = [...missed];
    this.#onLeft = onLeft;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  give(events: readonly SentEvent[], reset: () => SentEvent): void {
    // A reader that does not keep up reads the lists anew once it does.
    this.#unread = this.#unread.length + events.length > maxUnread ? [reset()] : [...this.#unread, ...events];
    this.#wake?.();
  }

  async next(): Promise<IteratorResult<readonly SentEvent[], undefined>> {
    while (this.#unread.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#isOver) return { done: true, value: undefined };
    const batch = this.#unread;
    this.#unread = [];
    return { done: false, value: batch };
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#isOver) this.#onLeft();
    this.#isOver = true;
    this.#wake?.();
    return { done: true, value: undefined };
  }
}
