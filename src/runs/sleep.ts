import type { Clock } from '../contract/clock.ts';

/** A wait that can be cut short. One sleeper has one wait at a time. */
export class Sleeper {
  readonly #clock: Clock;
  #wake: (() => void) | null = null;
  /** A wake that came while nobody slept shortens the next sleep: no news is lost between two waits. */
  #woken = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves after `delayMs`, or at once when woken. `Infinity` waits for the wake alone. */
  sleep(delayMs: number): Promise<void> {
    if (this.#woken) {
      this.#woken = false;
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const cancel = Number.isFinite(delayMs) ? this.#clock.schedule(delayMs, () => this.#wake?.()) : () => {};
      this.#wake = () => {
        cancel();
        this.#wake = null;
        resolve();
      };
    });
  }

  wake(): void {
    if (this.#wake === null) this.#woken = true;
    else this.#wake();
  }
}
