/** Signals a change, so that a test waits for the change itself and never for time to pass. */
export class Bell {
  #waiting: (() => void)[] = [];

  ring(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  /** The first truthy value of `look`, which is called again after every ring. */
  async until<T>(look: () => T | undefined | null | false): Promise<T> {
    for (;;) {
      const seen = look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }
}
