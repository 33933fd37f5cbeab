import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Outbox } from '../../contract/domain/webhook.ts';
import { repeat } from '../sleeper.ts';

export type WaitingCountDeps = {
  readonly outbox: Pick<Outbox, 'countWaiting'>;
  readonly clock: Clock;
  readonly log: Log;
};

/** A larger backlog is not counted to its end. */
const maxCounted = 100_000;
const readMs = 15_000;

/** How many deliveries wait, read again and again, for metrics, which are rendered at once. */
export class WaitingCount {
  readonly #stop: () => Promise<void>;
  #last = 0;

  constructor({ outbox, clock, log }: WaitingCountDeps) {
    this.#stop = repeat(clock, 0, async () => {
      try {
        this.#last = await outbox.countWaiting(maxCounted);
      } catch (err) {
        log.debug({ err }, 'store unavailable; waiting webhooks were not counted');
      }
      return readMs;
    });
  }

  get last(): number {
    return this.#last;
  }

  /** Resolves when no read is under way. */
  async stop(): Promise<void> {
    await this.#stop();
  }
}
