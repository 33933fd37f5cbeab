import type { Clock } from '../contract/domain/clock.ts';

/** A wait that can be cut short. One sleeper has one wait at a time. */
export class Sleeper {
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;
  #onWake: (() => void) | null = null;
  /** A wake that came while nobody slept shortens the next sleep: no news is lost between two waits. */
  #woken = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls back after `delayMs`, or when woken. `Infinity` waits for the wake alone. False: a wake came before, so there is
   * nothing to wait for and nobody is called.
   */
  doze(delayMs: number, onWake: () => void): boolean {
    if (this.#woken) {
      this.#woken = false;
      return false;
    }
    this.#onWake = onWake;
    if (Number.isFinite(delayMs)) this.#cancel = this.#clock.schedule(delayMs, () => this.wake());
    return true;
  }

  /** The same as a promise. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (!this.doze(delayMs, resolve)) resolve();
    });
  }

  wake(): void {
    const onWake = this.#onWake;
    if (onWake === null) {
      this.#woken = true;
      return;
    }
    this.#cancel?.();
    this.#cancel = null;
    this.#onWake = null;
    onWake();
  }
}
