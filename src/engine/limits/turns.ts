/** Entries that wait, each under a key such as its tenant: the keys take turns, and each key's entries go in their order. */
export class Turns<Entry> {
  /** In the order in which the keys are served. */
  readonly #queues = new Map<string, Set<Entry>>();
  /** In the order of arrival. */
  readonly #all = new Set<Entry>();

  get size(): number {
    return this.#all.size;
  }

  /** The entry that has waited longest, whoever's turn it is. */
  get oldest(): Entry | undefined {
    const [oldest] = this.#all;
    return oldest;
  }

  add(key: string, entry: Entry): void {
    const queue = this.#queues.get(key) ?? new Set<Entry>();
    this.#queues.set(key, queue.add(entry));
    this.#all.add(entry);
  }

  /** Takes out an entry whose turn it is not. False: it was not waiting. */
  delete(key: string, entry: Entry): boolean {
    const queue = this.#queues.get(key);
    if (queue === undefined || !queue.delete(entry)) return false;
    if (queue.size === 0) this.#queues.delete(key);
    return this.#all.delete(entry);
  }

  /** Takes out the entry whose turn it is. Its key moves to the end of the line, and leaves it with its last entry. */
  take(): Entry | undefined {
    const [turn] = this.#queues;
    if (turn === undefined) return undefined;
    const [key, queue] = turn;
    const [entry] = queue;
    this.#queues.delete(key);
    if (entry === undefined) return undefined;
    queue.delete(entry);
    this.#all.delete(entry);
    if (queue.size > 0) this.#queues.set(key, queue);
    return entry;
  }
}
