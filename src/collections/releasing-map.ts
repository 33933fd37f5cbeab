type Cell<V> = { value: V | undefined };

/**
 * A map of what comes and goes by the thousand. Its values stand in cells that are emptied when they go: the tables that a
 * Map has outgrown would keep them, for the reason that `LinkedList` gives.
 */
export class ReleasingMap<K, V extends object> {
  readonly #cells = new Map<K, Cell<V>>();

  get size(): number {
    return this.#cells.size;
  }

  get(key: K): V | undefined {
    return this.#cells.get(key)?.value;
  }

  has(key: K): boolean {
    return this.#cells.has(key);
  }

  set(key: K, value: V): void {
    const cell = this.#cells.get(key);
    if (cell === undefined) this.#cells.set(key, { value });
    else cell.value = value;
  }

  delete(key: K): void {
    const cell = this.#cells.get(key);
    if (cell === undefined) return;
    cell.value = undefined;
    this.#cells.delete(key);
  }

  /** In the order in which the keys came. */
  *entries(): Generator<[K, V]> {
    for (const [key, { value }] of this.#cells) if (value !== undefined) yield [key, value];
  }

  /** In the order in which the keys came. */
  *values(): Generator<V> {
    for (const { value } of this.#cells.values()) if (value !== undefined) yield value;
  }
}
