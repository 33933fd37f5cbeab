import { LinkedList, type ListNode } from '../collections/linked-list.ts';
import { outsideCalls } from './outside-calls.ts';

type Deadline = { readonly dueMs: number; readonly onLate: () => void };

/** One timer for all calls with the same time-out: the oldest of them is due first. */
export class Deadlines {
  readonly #timeoutMs: number;
  readonly #list = new LinkedList<Deadline>();
  #timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Calls back once the time is over; the returned function cancels. */
  add(onLate: () => void): () => void {
    const node = this.#list.add({ dueMs: performance.now() + this.#timeoutMs, onLate });
    if (this.#timer === null) this.#arm(this.#timeoutMs);
    return () => this.#list.remove(node);
  }

  /** Calls back for nothing any more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #arm(waitMs: number): void {
    // A call keeps the process alive by its socket; the timer, which outlives calls, must not.
    this.#timer = outsideCalls(() => setTimeout(() => this.#check(), waitMs).unref());
  }

  #check(): void {
    this.#timer = null;
    let next: ListNode<Deadline> | null = this.#list.oldest;
    while (next !== null && next.item.dueMs <= performance.now()) {
      this.#list.remove(next);
      next.item.onLate();
      next = this.#list.oldest;
    }
    if (next !== null && this.#timer === null) this.#arm(Math.ceil(next.item.dueMs - performance.now()));
  }
}
