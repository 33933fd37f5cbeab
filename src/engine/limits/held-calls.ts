/** A run that holds a call at its vendor, or would. */
export type CallHolder = {
  readonly isWatched: boolean;
  /** Ends the held call, because a watched run takes its place. */
  giveWay(): void;
};

/**
 * The calls that a vendor holds for the runs of one account. Each takes a connection of its own or a stream of one for as long
 * as it is held, so that there is a ceiling; beyond it watched runs take the places of others.
 */
export class HeldCalls {
  readonly #max: number;
  /** In the order in which they took their places. */
  readonly #holders = new Set<CallHolder>();

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#holders.size;
  }

  /** `vendorMax`: what the vendor allows at the moment, which may be less than the ceiling. */
  hasRoomFor(holder: CallHolder, vendorMax = Number.POSITIVE_INFINITY): boolean {
    const max = Math.min(this.#max, vendorMax);
    return this.#holders.size < max || (max > 0 && holder.isWatched && this.#unwatched() !== null);
  }

  /** Takes a place. False: there is none. */
  take(holder: CallHolder, vendorMax = Number.POSITIVE_INFINITY): boolean {
    const max = Math.min(this.#max, vendorMax);
    if (max <= 0) return false;
    if (this.#holders.size >= max) {
      const other = holder.isWatched ? this.#unwatched() : null;
      if (other === null) return false;
      this.#holders.delete(other);
      other.giveWay();
    }
    this.#holders.add(holder);
    return true;
  }

  /** Gives the place back. Does nothing for a run that had to give way. */
  leave(holder: CallHolder): void {
    this.#holders.delete(holder);
  }

  /** The one that has its place for longest; null: all are watched. */
  #unwatched(): CallHolder | null {
    for (const holder of this.#holders) if (!holder.isWatched) return holder;
    return null;
  }
}
