/** A place in a roster. */
export type Seat<T> = { readonly item: T; older: Seat<T> | null; younger: Seat<T> | null };

/**
 * What comes and goes by the thousand, in the order it came. No Set and no Map: when those make room, the table they
 * leave behind still points to all it held and to the table after it, so that once one such table is old, every young
 * garbage collection keeps, copies and promotes whatever has passed through since.
 */
export class Roster<T> {
  #oldest: Seat<T> | null = null;
  #youngest: Seat<T> | null = null;

  get oldest(): Seat<T> | null {
    return this.#oldest;
  }

  add(item: T): Seat<T> {
    const seat: Seat<T> = { item, older: this.#youngest, younger: null };
    if (this.#youngest === null) this.#oldest = seat;
    else this.#youngest.younger = seat;
    this.#youngest = seat;
    return seat;
  }

  /** Those that are there now, the oldest first. */
  items(): readonly T[] {
    const items: T[] = [];
    for (let seat = this.#oldest; seat !== null; seat = seat.younger) items.push(seat.item);
    return items;
  }

  /** Does nothing when the seat was left before. */
  remove(seat: Seat<T>): void {
    const { older, younger } = seat;
    if (older === null && this.#oldest !== seat) return;
    if (older === null) this.#oldest = younger;
    else older.younger = younger;
    if (younger === null) this.#youngest = older;
    else younger.older = older;
    // A seat that was left must lead nowhere, for the same reason.
    seat.older = null;
    seat.younger = null;
  }
}
