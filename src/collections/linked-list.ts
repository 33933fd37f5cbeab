/** A place in a linked list. */
export type ListNode<T> = { readonly item: T; older: ListNode<T> | null; younger: ListNode<T> | null };

/**
 * What comes and goes by the thousand, in the order it came. No Set and no Map: when those make room, the table they
 * leave behind still points to all it held and to the table after it, so that once one such table is old, every young
 * garbage collection keeps, copies and promotes whatever has passed through since.
 */
export class LinkedList<T> {
  #oldest: ListNode<T> | null = null;
  #youngest: ListNode<T> | null = null;

  get oldest(): ListNode<T> | null {
    return this.#oldest;
  }

  add(item: T): ListNode<T> {
    const node: ListNode<T> = { item, older: this.#youngest, younger: null };
    if (this.#youngest === null) this.#oldest = node;
    else this.#youngest.younger = node;
    this.#youngest = node;
    return node;
  }

  /** Those that are there now, the oldest first. */
  items(): readonly T[] {
    const items: T[] = [];
    for (let node = this.#oldest; node !== null; node = node.younger) items.push(node.item);
    return items;
  }

  /** Does nothing when the seat was left before. */
  remove(node: ListNode<T>): void {
    const { older, younger } = node;
    if (older === null && this.#oldest !== node) return;
    if (older === null) this.#oldest = younger;
    else older.younger = younger;
    if (younger === null) this.#youngest = older;
    else younger.older = older;
    // A seat that was left must lead nowhere, for the same reason.
    node.older = null;
    node.younger = null;
  }
}
