import type { RunFeed } from '../../contract/api/use-cases.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { EventBus, RunNotification } from './event-bus.ts';

/** Events read from the store at once, and the most that wait in memory for a slow reader. */
const batch = 100;

type Given = readonly RunEvent[] | null;

/**
 * One reader's view of a run's events. News that follow on what was given are handed over as they come; whatever
 * does not (a slow reader, another replica's write, the history) is read from the store by sequence number, so a
 * reader never sees a gap or a repeat.
 */
export class RunEventStream implements RunFeed {
  readonly #store: Store;
  readonly #key: RunKey;
  readonly #unsubscribe: () => void;
  #lastSeq: number;
  #waiting: RunEvent[] = [];
  /** The store may hold events that `#waiting` lacks. */
  #behind = true;
  #removed = false;
  #closed = false;
  #ended = false;
  /** Set while the reader has everything and waits. */
  #hand: ((events: Given | Promise<Given>) => void) | null = null;

  constructor(store: Store, bus: EventBus, key: RunKey, afterSeq: number) {
    this.#store = store;
    this.#key = key;
    this.#lastSeq = afterSeq;
    this.#unsubscribe = bus.subscribe(key, (notification) => this.#hear(notification));
  }

  next(): Promise<Given> {
    const isDue = this.#behind || this.#waiting.length > 0 || this.#removed || this.#closed || this.#ended;
    if (isDue) return this.#advance();
    return new Promise((resolve) => {
      this.#hand = resolve;
    });
  }

  async #advance(): Promise<Given> {
    while (!this.#closed && !this.#ended) {
      if (this.#behind) {
        this.#behind = false;
        this.#waiting = [];
        const missed = await this.#store.events(this.#key.runId, this.#lastSeq, batch);
        if (missed.length > 0) {
          // A full batch means that there may be more; news that came during the read may overlap it.
          if (missed.length === batch || this.#waiting.length > 0) this.#behind = true;
          return this.#give(missed);
        }
        if (this.#waiting.length === 0 && (await this.#isOver())) break;
      } else if (this.#waiting.length > 0) {
        return this.#giveWaiting();
      } else if (this.#removed) {
        break;
      } else {
        return await this.next();
      }
    }
    this.close();
    return null;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    this.#rouse();
  }

  #hear(notification: RunNotification): void {
    if (notification.run === null) this.#removed = true;
    const [first] = notification.events;
    const expected = (this.#waiting.at(-1)?.seq ?? this.#lastSeq) + 1;
    if (first === undefined) {
      if (notification.run !== null && notification.run.lastSeq >= expected) this.#behind = true;
    } else if (first.seq === expected && this.#waiting.length < batch) {
      this.#waiting.push(...notification.events);
    } else if (first.seq >= expected) {
      this.#behind = true;
    }
    this.#rouse();
  }

  #give(events: readonly RunEvent[]): readonly RunEvent[] {
    const last = events.at(-1);
    if (last !== undefined) {
      this.#lastSeq = last.seq;
      this.#ended = isTerminal(last);
    }
    return events;
  }

  /** A reader that has seen everything of a finished or removed run is sent away, not kept waiting. */
  async #isOver(): Promise<boolean> {
    const run = await this.#store.find(this.#key);
    return run === null || (run.phase === 'done' && run.lastSeq <= this.#lastSeq);
  }

  #giveWaiting(): readonly RunEvent[] {
    const events = this.#waiting;
    this.#waiting = [];
    return this.#give(events);
  }

  /** Past the loop of `#advance` where that is right: with a thousand readers each turn of a promise counts. */
  #rouse(): void {
    const hand = this.#hand;
    this.#hand = null;
    hand?.(this.#behind || this.#waiting.length === 0 ? this.#advance() : this.#giveWaiting());
  }
}

function isTerminal(event: RunEvent): boolean {
  return event.change.kind === 'result' || event.change.kind === 'error';
}
