/** How many large values are on their way from vendors into the store at a time, in the process. */
const maxOnTheirWay = 2;
/** One is let in this often in any case, because what is on its way may be stuck and calls have deadlines. */
const patienceMs = 1000;

/** A large answer while it arrives and is read. */
export type Arrival = {
  /** It must not go on before its turn. */
  readonly isWaiting: boolean;
  /** It was read, or has failed. */
  leave(): void;
};

/** Large values on their way: answers that arrive or are being read, and writes to the store. */
export class Arrivals {
  #onTheirWay = 0;
  readonly #waiting = new Set<() => void>();
  #timer: NodeJS.Timeout | null = null;

  /** Enters with a large answer. Where it has to wait, `goOn` is called when its turn comes. */
  enter(goOn: () => void): Arrival {
    let hasEntered = this.#onTheirWay < maxOnTheirWay && this.#waiting.size === 0;
    let isOver = false;
    const admit = (): void => {
      hasEntered = true;
      this.#onTheirWay += 1;
      goOn();
    };
    const isWaiting = !hasEntered;
    if (hasEntered) this.#onTheirWay += 1;
    else this.#wait(admit);
    return {
      isWaiting,
      leave: () => {
        if (isOver) return;
        isOver = true;
        if (hasEntered) this.#leave();
        else this.#waiting.delete(admit);
      },
    };
  }

  /** Counts work on a large value, which itself waits for nothing. */
  async follow<T>(work: Promise<T>): Promise<T> {
    this.#onTheirWay += 1;
    try {
      return await work;
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    this.#onTheirWay -= 1;
    if (this.#onTheirWay < maxOnTheirWay) this.#admitNext();
  }

  #wait(admit: () => void): void {
    this.#waiting.add(admit);
    this.#timer ??= setInterval(() => this.#admitNext(), patienceMs).unref();
  }

  #admitNext(): void {
    const [next] = this.#waiting;
    if (next !== undefined) {
      this.#waiting.delete(next);
      next();
    }
    if (this.#waiting.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
  }
}

/** One for the process, like the memory that it guards. */
export const arrivals = new Arrivals();
