import type { Clock } from '../contract/domain/clock.ts';

/** A wait that can be cut short. One sleeper has one wait at a time. */
export class Sleeper {
  readonly #clock: Clock;
  #cancel: (() => void) | null = null;
  #onWake: (() => void) | null = null;
  /** A wake between two waits shortens the next one, so that no change is missed. */
  #wokenEarly = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Calls back once, after `delayMs` or when woken; `Infinity` waits for the wake alone. False: a wake came before, so
   * there is nothing to wait for and the callback is dropped.
   */
  wakeAfter(delayMs: number, onWake: () => void): boolean {
    if (this.#wokenEarly) {
      this.#wokenEarly = false;
      return false;
    }
    this.#onWake = onWake;
    if (Number.isFinite(delayMs)) this.#cancel = this.#clock.schedule(delayMs, () => this.wake());
    return true;
  }

  /** The same as a promise. */
  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      if (!this.wakeAfter(delayMs, resolve)) resolve();
    });
  }

  wake(): void {
    const onWake = this.#onWake;
    if (onWake === null) {
      this.#wokenEarly = true;
      return;
    }
    this.#cancel?.();
    this.#cancel = null;
    this.#onWake = null;
    onWake();
  }
}

/**
 * Runs `turn` again and again: first after `firstMs`, then as long after each turn as it resolved with. A turn must not
 * reject. Returns a function that stops it, and resolves when the turn under way has ended.
 */
export function repeat(clock: Clock, firstMs: number, turn: () => Promise<number>): () => Promise<void> {
  let isStopped = false;
  let underWay: Promise<void> = Promise.resolve();
  let cancel = () => {};
  const arm = (delayMs: number): void => {
    cancel = clock.schedule(delayMs, () => {
      underWay = turn().then((nextMs) => {
        if (!isStopped) arm(nextMs);
      });
    });
  };
  arm(firstMs);
  return () => {
    isStopped = true;
    cancel();
    return underWay;
  };
}

/** Resolves after `delayMs`, or as soon as the signal fires. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const onAbort = (): void => {
      cancel();
      resolve();
    };
    const cancel = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
