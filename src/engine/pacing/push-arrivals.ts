/** After this many ends in a row without a push, polling takes over again. */
const maxUnpushedEnds = 3;

/** Whether a vendor's pushes have arrived lately, judged by the newest ends of runs that it should have pushed. */
export class PushArrivals {
  /** Pushes are not expected before the first one has arrived. */
  #unpushedEnds = maxUnpushedEnds;

  get isAlive(): boolean {
    return this.#unpushedEnds < maxUnpushedEnds;
  }

  noteArrival(): void {
    this.#unpushedEnds = 0;
  }

  /** Notes that a run that the vendor should have pushed ended without a push. */
  noteUnpushedEnd(): void {
    this.#unpushedEnds += 1;
  }
}
