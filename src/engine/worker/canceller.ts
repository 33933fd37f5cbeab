import { ReleasingMap } from '../../collections/releasing-map.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { Backends } from '../limits/backends.ts';
import { nextRetryMs } from '../pacing/pacing.ts';
import { type FaultRecorder, faultOf } from '../state/outcomes.ts';
import type { RunWriter } from '../state/run-writer.ts';
import type { RunOutcome } from '../state/state-machine.ts';
import { hasScheduledSession } from './thread-turn.ts';

const maxCancelTries = 5;
/** Nobody waits for the end of a thread's agent, so a vendor that is away is asked for some five minutes. */
const maxEndTries = 20;

/** Something that a vendor is told, and that is done when it was told once. */
type VendorTask = {
  readonly call: (signal: AbortSignal) => Promise<void> | undefined;
  readonly maxTries: number;
  readonly told: string;
  readonly untold: string;
};

/** Ends live runs from our side: cancellation and deadline are one use case, and both are final. */
export class Canceller {
  readonly #store: Store;
  readonly #writer: RunWriter;
  readonly #clock: Clock;
  readonly #faults: FaultRecorder;
  readonly #backends: Backends;
  readonly #log: Log;
  readonly #abort = new AbortController();
  /** What vendors are being told, by run or by thread. */
  readonly #underWay = new ReleasingMap<string, Promise<void>>();

  constructor(deps: {
    readonly store: Store;
    readonly writer: RunWriter;
    readonly clock: Clock;
    readonly faults: FaultRecorder;
    readonly backends: Backends;
    readonly log: Log;
  }) {
    this.#store = deps.store;
    this.#writer = deps.writer;
    this.#clock = deps.clock;
    this.#faults = deps.faults;
    this.#backends = deps.backends;
    this.#log = deps.log;
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
  async #end(run: Run, agent: Agent | null, outcome: RunOutcome): Promise<Run | null> {
    let current: Run | null = run;
    while (current !== null && current.phase !== 'done') {
      // A thread has an agent once that has answered: what its first run scheduled in vain goes with the run.
      const hasSession = agent !== null && hasScheduledSession(current, agent);
      const transition = { kind: 'end', outcome, ...(hasSession ? { session: null } : {}) } as const;
      const written = await this.#writer.write(current, transition);
      if (written.kind === 'written') {
        if (agent !== null && current.upstream !== null) this.stopUpstream(current, current.upstream, agent);
        return written.run;
      }
      current = await this.#store.find({ tenant: run.tenant, runId: run.runId });
    }
    return current;
  }

  /** Stops what a run started that is over here: the living agent of a thread is ended, any other run cancelled. */
  stopUpstream(run: Run, upstream: UpstreamRef, agent: Agent): void {
    if (agent.capabilities.session && run.threadId !== null) this.endSession(run.runId, upstream, agent);
    else this.#cancelUpstream(run, upstream, agent);
  }

  /** Tells a thread's agent at the vendor to end, beside everything else; `id` is of the thread or run that had it. */
  endSession(id: string, upstream: UpstreamRef, agent: Agent): void {
    const log = this.#log.child({ agent: agent.name, backend: agent.backend, upstream });
    const vendorTask: VendorTask = {
      call: (signal) => agent.connection.endSession?.(agent.target, upstream, signal),
      maxTries: maxEndTries,
      told: "the thread's agent at the vendor was told to end",
      untold: "the thread's agent could not be told to end; it may still live at the vendor",
    };
    this.#send(id, vendorTask, agent, log);
  }

  /** Asks the vendor to stop a run, a few times. Where the vendor cannot, does nothing. */
  #cancelUpstream(run: Run, upstream: UpstreamRef, agent: Agent): void {
    if (!agent.capabilities.cancel || agent.connection.cancel === undefined) return;
    const log = this.#log.child({ run_id: run.runId, agent: agent.name, backend: agent.backend, upstream });
    const vendorTask: VendorTask = {
      call: (signal) => agent.connection.cancel?.(agent.target, upstream, signal),
      maxTries: maxCancelTries,
      told: 'the upstream run was cancelled',
      untold: 'the upstream run could not be cancelled; it may still be running at the vendor',
    };
    this.#send(run.runId, vendorTask, agent, log);
  }

  #send(id: string, vendorTask: VendorTask, agent: Agent, log: Log): void {
    const task = this.#tell(vendorTask, agent, log).finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, task);
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

  async #tell({ call, maxTries, told, untold }: VendorTask, agent: Agent, log: Log): Promise<void> {
    const { callQueue } = this.#backends.of(agent.backend);
    for (let tries = 0; tries < maxTries && !this.#abort.signal.aborted; tries += 1) {
      // A client may wait for this: a backend that does not answer is not waited for beyond the tries.
      const permit = callQueue.state === 'down' ? null : await callQueue.enter('start', this.#abort.signal).passed;
      if (permit === null) {
        await this.#pause(nextRetryMs(tries, null, this.#clock.random()));
        continue;
      }
      try {
        await permit.send(async () => call(new AbortController().signal));
        log.info({}, told);
        return;
      } catch (error) {
        const fault = faultOf(error);
        this.#faults.note(log, agent, 'cancel', fault);
        if (fault.consequence === 'gone' || fault.consequence === 'rejected') return;
        await this.#pause(nextRetryMs(tries, fault.retryAfterMs, this.#clock.random()));
      }
    }
    log.warn({}, untold);
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
