import type { Agent } from '../contract/agent.ts';
import type { Clock } from '../contract/clock.ts';
import { errcodes } from '../contract/errcodes.ts';
import type { Log } from '../contract/log.ts';
import type { Run, UpstreamRef } from '../contract/run.ts';
import type { Store } from '../contract/store.ts';
import type { Backends } from './backends.ts';
import type { Journal } from './journal.ts';
import type { Ending } from './life.ts';
import { nextRetryMs } from './pacing.ts';
import { type FaultLedger, faultOf } from './vendor-faults.ts';

const mostCancelTries = 5;

/** Ends live runs from our side: cancellation and deadline are one use case, and both are final. */
export class Terminator {
  readonly #store: Store;
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #ledger: FaultLedger;
  readonly #backends: Backends;
  readonly #log: Log;
  readonly #abort = new AbortController();
  /** Cancellations that vendors are being asked for, by run. */
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(parts: {
    readonly store: Store;
    readonly journal: Journal;
    readonly clock: Clock;
    readonly ledger: FaultLedger;
    readonly backends: Backends;
    readonly log: Log;
  }) {
    this.#store = parts.store;
    this.#journal = parts.journal;
    this.#clock = parts.clock;
    this.#ledger = parts.ledger;
    this.#backends = parts.backends;
    this.#log = parts.log;
  }

  cancel(run: Run, agent: Agent | null): Promise<Run | null> {
    return this.#end(run, agent, {
      status: 'error',
      errcode: errcodes.cancelled,
      description: 'the run was cancelled',
    });
  }

  expire(run: Run, agent: Agent | null): Promise<Run | null> {
    const seconds = (run.deadlineAtMs - run.createdAtMs) / 1000;
    return this.#end(run, agent, {
      status: 'timeout',
      errcode: errcodes.deadline,
      description: `the run did not end within its ${seconds} seconds`,
    });
  }

  /** The run at its end, however it came to it; null: it was removed. */
  async #end(run: Run, agent: Agent | null, ending: Ending): Promise<Run | null> {
    let current: Run | null = run;
    while (current !== null && current.phase !== 'done') {
      const written = await this.#journal.write(current, { kind: 'end', ending });
      if (written.kind === 'written') {
        if (agent !== null && current.upstream !== null) this.cancelUpstream(current, current.upstream, agent);
        return written.run;
      }
      current = await this.#store.find({ tenant: run.tenant, runId: run.runId });
    }
    return current;
  }

  /** Asks the vendor to stop a run, a few times, beside everything else. Where the vendor cannot, does nothing. */
  cancelUpstream(run: Run, upstream: UpstreamRef, agent: Agent): void {
    if (!agent.capabilities.cancel || agent.connection.cancel === undefined) return;
    const task = this.#askToCancel(run, upstream, agent).finally(() => this.#underWay.delete(run.runId));
    this.#underWay.set(run.runId, task);
  }

  /** Resolves when no cancellation is under way. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.#underWay.values());
  }

  /** Resolves when the vendor was told of this run's end, or could not be. */
  async settleRun(runId: string): Promise<void> {
    await this.#underWay.get(runId);
  }

  /** Gives up the waits between tries; a call that was sent is left to its end. */
  stop(): void {
    this.#abort.abort();
  }

  async #askToCancel(run: Run, upstream: UpstreamRef, agent: Agent): Promise<void> {
    const log = this.#log.child({ run_id: run.runId, agent: agent.name, backend: agent.backend });
    const { gate } = this.#backends.of(agent.backend);
    for (let tries = 0; tries < mostCancelTries && !this.#abort.signal.aborted; tries += 1) {
      // A client may wait for this: a backend that does not answer is not waited for beyond the tries.
      const pass = gate.state === 'down' ? null : await gate.enter('start', this.#abort.signal).passed;
      if (pass === null) {
        await this.#pause(nextRetryMs(tries, null, this.#clock.random()));
        continue;
      }
      try {
        await pass.send(async () => agent.connection.cancel?.(agent.target, upstream, new AbortController().signal));
        log.info({ upstream }, 'the upstream run was cancelled');
        return;
      } catch (error) {
        const fault = faultOf(error);
        this.#ledger.note(log, agent, 'cancel', fault);
        if (fault.consequence === 'gone' || fault.consequence === 'rejected') return;
        await this.#pause(nextRetryMs(tries, fault.retryAfterMs, this.#clock.random()));
      }
    }
    log.warn({ upstream }, 'the upstream run could not be cancelled; it may still be running at the vendor');
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#abort.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.schedule(delayMs, () => {
        this.#abort.signal.removeEventListener('abort', onAbort);
        resolve();
      });
      const onAbort = () => {
        cancel();
        resolve();
      };
      this.#abort.signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}
