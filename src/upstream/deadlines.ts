import { LinkedList, type ListNode } from '../collections/linked-list.ts';

type Deadline = { readonly dueMs: number; readonly onLate: () => void };

/** One timer for all that have the same patience: the oldest of them is the next to be late. */
export class Deadlines {
  readonly #patienceMs: number;
  readonly #list = new LinkedList<Deadline>();
  #timer: NodeJS.Timeout | null = null;

  constructor(patienceMs: number) {
    this.#patienceMs = patienceMs;
  }

  /** Calls back once the time is over; the returned function takes that back. */
  add(onLate: () => void): () => void {
    const node = this.#list.add({ dueMs: performance.now() + this.#patienceMs, onLate });
    if (this.#timer === null) this.#arm(this.#patienceMs);
    return () => this.#list.remove(node);
  }

  /** Nothing is late any more. */
  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #arm(waitMs: number): void {
    // What is waited for keeps the process alive by its socket; the timer outlives it.
    this.#timer = setTimeout(() => this.#check(), waitMs).unref();
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
