import type { ThreadFeed } from '../../contract/api/thread-use-cases.ts';
import type { ThreadEvent } from '../../contract/domain/event.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import type { Store } from '../../contract/store/store.ts';
import { translateStorageFault } from '../api/storage-errors.ts';
import type { EventBus } from './event-bus.ts';

/** The most that is read, and that waits in memory for a slow reader. */
const batch = 100;

/**
 * One reader's view of a thread's events. Every write to the thread wakes it, also one by another replica, and it reads
 * what is new from the store: only that knows the order over several runs. A slow reader costs nothing but its place.
 */
export class ThreadEventStream implements ThreadFeed {
  readonly #store: Store;
  readonly #key: ThreadKey;
  readonly #agentIds: readonly string[] | undefined;
  readonly #unsubscribe: () => void;
  #lastSeq: number;
  /** The store may hold events that were not given. */
  #behind = true;
  #closed = false;
  #wake: (() => void) | null = null;

  constructor(
    store: Store,
    bus: EventBus,
    key: ThreadKey,
    from: { readonly afterSeq: number; readonly agentIds?: readonly string[] | undefined },
  ) {
    this.#store = store;
    this.#key = key;
    this.#lastSeq = from.afterSeq;
    this.#agentIds = from.agentIds;
    this.#unsubscribe = bus.subscribeThread(key.threadId, () => {
      this.#behind = true;
      this.#rouse();
    });
  }

  async next(): Promise<readonly ThreadEvent[] | null> {
    while (!this.#closed) {
      if (this.#behind) {
        // Before the read: what is written during it wakes the reader again.
        this.#behind = false;
        const events = await this.#read();
        const last = events.at(-1);
        if (last !== undefined) {
          this.#lastSeq = last.threadSeq;
          // There may be more; and the thread may have gone with what is given, which nobody tells of twice.
          this.#behind = true;
          return events;
        }
        if (await this.#isGone()) break;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
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

  #read(): Promise<readonly ThreadEvent[]> {
    const { tenant, threadId } = this.#key;
    const from = { afterSeq: this.#lastSeq, agentIds: this.#agentIds };
    return translateStorageFault(this.#store.threads.threadEvents({ tenant, threadId, ...from, limit: batch }));
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
