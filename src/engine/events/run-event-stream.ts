import type { EventBatches, RunEvent } from '../../contract/domain/event.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { EventBus, RunNotification } from './event-bus.ts';
import type { LargeEvents } from './large-events.ts';
import type { RecentEvents } from './recent-events.ts';

/** Events read from the store at once, and the most that wait in memory for a slow reader. */
const maxBatch = 100;

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

type Batch = IteratorResult<readonly RunEvent[], undefined>;

/**
 * One reader's view of a run's events. News that directly follows what the reader has is handed over as it comes;
 * everything else (a slow reader, another replica's write, the history) is read from the store by sequence number, so
 * that a reader never sees a gap or a repeat. An async generator would cost each reader several promise turns a batch
 * and could not be left while it waits.
 */
export class RunEventStream implements EventBatches<RunEvent> {
  readonly #store: Store;
  readonly #large: LargeEvents;
  readonly #key: RunKey;
  readonly #unsubscribe: () => void;
  readonly #recent: RecentEvents | undefined;
  #lastSeq: number;
  #waiting: RunEvent[] = [];
  /** The store may hold events that `#waiting` lacks. */
  #behind = true;
  #removed = false;
  #left = false;
  #ended = false;
  /** Set while the reader has everything and waits. */
  #hand: ((batch: Batch | Promise<Batch>) => void) | null = null;

  #take: ((events: readonly RunEvent[], isEnd: boolean) => readonly RunEvent[] | null) | null = null;

  constructor(
    { store, bus, large }: { readonly store: Store; readonly bus: EventBus; readonly large: LargeEvents },
    key: RunKey,
    afterSeq: number,
  ) {
    this.#store = store;
    this.#large = large;
    this.#key = key;
    this.#lastSeq = afterSeq;
    this.#unsubscribe = bus.subscribe(key, (notification) => this.#receive(notification));
    this.#recent = bus.recentOf(key.runId);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Batch> {
    const isDue = this.#behind || this.#waiting.length > 0 || this.#removed || this.#left || this.#ended;
    if (isDue) return this.#advance();
    return new Promise((resolve) => {
      this.#hand = resolve;
    });
  }

  tap(take: (events: readonly RunEvent[], isEnd: boolean) => readonly RunEvent[] | null): void {
    this.#take = take;
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave();
    return done;
  }

  async #advance(): Promise<Batch> {
    while (!this.#left && !this.#ended) {
      if (this.#behind) {
        this.#behind = false;
        this.#waiting = [];
        const known = this.#recent?.after(this.#lastSeq) ?? null;
        if (known !== null && known.length > 0) return this.#give(known);
        if (known !== null) continue;
        const missed = await this.#readMissed();
        if (missed.length > 0) return this.#give(missed);
        if (this.#waiting.length === 0 && (await this.#isOver())) break;
      } else if (this.#waiting.length > 0) {
        return this.#giveWaiting();
      } else if (this.#removed) {
        break;
      } else {
        return await this.next();
      }
    }
    this.#leave();
    return done;
  }

  async #readMissed(): Promise<readonly RunEvent[]> {
    const missed = this.#large.share(await this.#store.events(this.#key.runId, this.#lastSeq, maxBatch));
    // A full batch means that there may be more; news that came during the read may overlap it.
    if (missed.length === maxBatch || (missed.length > 0 && this.#waiting.length > 0)) this.#behind = true;
    if (missed.length > 0 && !this.#behind && this.#waiting.length === 0) this.#recent?.learn(this.#lastSeq, missed);
    return missed;
  }

  #leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#unsubscribe();
    this.#rouse();
  }

  #receive(notification: RunNotification): void {
    if (notification.run === null) this.#removed = true;
    const [first] = notification.events;
    const expected = (this.#waiting.at(-1)?.seq ?? this.#lastSeq) + 1;
    if (first === undefined) {
      if (notification.run !== null && notification.run.lastSeq >= expected) this.#behind = true;
    } else if (first.seq === expected && this.#waiting.length < maxBatch) {
      for (const event of notification.events) this.#keep(event);
    } else if (first.seq >= expected) {
      this.#behind = true;
    }
    this.#rouse();
  }

  /** Of partial outputs only the newest waits for a slow reader; the numbers of the others stay. */
  #keep(event: RunEvent): void {
    const at = event.change.kind === 'partial' ? this.#waiting.findLastIndex(isPartial) : -1;
    const earlier = this.#waiting[at];
    if (earlier !== undefined) this.#waiting[at] = { ...earlier, change: { kind: 'replaced' } };
    this.#waiting.push(event);
  }

  #give(events: readonly RunEvent[]): IteratorYieldResult<readonly RunEvent[]> {
    const last = events.at(-1);
    if (last !== undefined) {
      this.#lastSeq = last.seq;
      this.#ended = isTerminal(last);
    }
    return { done: false, value: events };
  }

  /** Ends the stream of a reader that has every event of a finished or removed run. */
  async #isOver(): Promise<boolean> {
    const run = await this.#store.find(this.#key);
    return run === null || (run.phase === 'done' && run.lastSeq <= this.#lastSeq);
  }

  #giveWaiting(): IteratorYieldResult<readonly RunEvent[]> {
    const events = this.#waiting;
    this.#waiting = [];
    return this.#give(events);
  }

  /** Skips the loop of `#advance` where it can: with a thousand readers each promise turn counts. */
  #rouse(): void {
    const hand = this.#hand;
    if (hand === null) return;
    if (this.#behind || this.#waiting.length === 0) {
      this.#hand = null;
      hand(this.#advance());
      return;
    }
    const batch = this.#giveWaiting();
    const left = this.#take === null ? batch.value : this.#take(batch.value, this.#ended);
    // The last event may have ended the stream, and with it this wait.
    if ((left === null && !this.#ended) || this.#hand === null) return;
    this.#hand = null;
    hand(left === null ? this.#advance() : { done: false, value: left });
  }
}

function isPartial({ change }: RunEvent): boolean {
  return change.kind === 'partial';
}

function isTerminal(event: RunEvent): boolean {
  return event.change.kind === 'result' || event.change.kind === 'error';
}
