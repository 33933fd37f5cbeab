import type { WatchThread } from '../../contract/api/threads.ts';
import type { EventBatches, ThreadEvent } from '../../contract/domain/event.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import type { Store } from '../../contract/store/store.ts';
import { translateStorageFault } from '../storage-errors.ts';
import type { EventBus } from './event-bus.ts';

/** The most events that one batch holds. */
const maxBatch = 100;

const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * One reader's view of a thread's events. Every write to the thread wakes it, including one by another replica, and it
 * reads what is new from the store: only the store has the order over several runs. A slow reader costs no memory.
 */
export class ThreadEventStream implements EventBatches<ThreadEvent> {
  readonly #store: Store;
  readonly #key: ThreadKey;
  readonly #agentIds: readonly string[] | undefined;
  readonly #hasEmptyBatches: boolean;
  readonly #unsubscribe: () => void;
  #lastSeq: number;
  /** The store may hold events that the reader lacks. */
  #behind = true;
  #left = false;
  #wake: (() => void) | null = null;

  constructor(
    store: Store,
    bus: EventBus,
    key: ThreadKey,
    from: Omit<WatchThread, 'afterSeq'> & { readonly afterSeq: number },
  ) {
    this.#store = store;
    this.#key = key;
    this.#lastSeq = from.afterSeq;
    this.#agentIds = from.agentIds;
    this.#hasEmptyBatches = from.hasEmptyBatches === true;
    this.#unsubscribe = bus.subscribeThread(key.threadId, () => {
      this.#behind = true;
      this.#rouse();
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<readonly ThreadEvent[], undefined>> {
    while (!this.#left) {
      if (this.#behind) {
        // Before the read: a write during it wakes the reader again.
        this.#behind = false;
        const events = await this.#read();
        const last = events.at(-1);
        if (last !== undefined) {
          this.#lastSeq = last.threadSeq;
          // There may be more, or the thread may be gone after this batch, of which no second notification comes.
          this.#behind = true;
          return { done: false, value: events };
        }
        if (await this.#isGone()) break;
        if (this.#hasEmptyBatches) return { done: false, value: [] };
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
    return await this.return();
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    if (!this.#left) {
      this.#left = true;
      this.#unsubscribe();
      this.#rouse();
    }
    return done;
  }

  #read(): Promise<readonly ThreadEvent[]> {
    const { tenant, threadId } = this.#key;
    const from = { afterSeq: this.#lastSeq, agentIds: this.#agentIds };
    return translateStorageFault(this.#store.threads.threadEvents({ tenant, threadId, ...from, limit: maxBatch }));
  }

  async #isGone(): Promise<boolean> {
    return (await translateStorageFault(this.#store.threads.findThread(this.#key))) === null;
  }

  #rouse(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}
