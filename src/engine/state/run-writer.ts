import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Idempotency, Insertion, Store } from '../../contract/store/store.ts';
import type { Admission, ThreadEffect } from '../../contract/domain/thread.ts';
import type { RunEncoder } from '../../contract/domain/webhook.ts';
import { advance, type Step, type Transition } from './state-machine.ts';
import type { ThreadKeeper } from './thread-effects.ts';
import { failedMapping } from './outcomes.ts';
import type { Watch } from '../events/event-bus.ts';
import { deliveryOf } from '../webhooks/outbox-entry.ts';

/** What became of a step. `lost`: somebody else changed the run first. `refused`: its phase does not allow the step. */
export type Written =
  | { readonly kind: 'written'; readonly run: Run }
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused' };

/** The one place where runs are written: step, conditional write, and only then the news. */
export class Journal {
  readonly #agents: AgentDirectory;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #watch: Watch;
  readonly #threads: ThreadKeeper;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #encodeRun: RunEncoder | null;
  readonly #onOwed: () => void;
  readonly #onDoubt: () => void;

  constructor(parts: {
    readonly agents: AgentDirectory;
    readonly store: Store;
    readonly clock: Clock;
    readonly watch: Watch;
    readonly threads: ThreadKeeper;
    readonly log: Log;
    readonly metrics: Metrics;
    /** Left out, nobody is told by webhook. `onOwed` is called once somebody is owed a delivery. */
    readonly webhooks?: { readonly encodeRun: RunEncoder; readonly onOwed: () => void } | undefined;
    /** Called when nobody can say whether a new run was written. */
    readonly onDoubt: () => void;
  }) {
    this.#agents = parts.agents;
    this.#store = parts.store;
    this.#clock = parts.clock;
    this.#watch = parts.watch;
    this.#threads = parts.threads;
    this.#log = parts.log;
    this.#metrics = parts.metrics;
    this.#encodeRun = parts.webhooks?.encodeRun ?? null;
    this.#onOwed = parts.webhooks?.onOwed ?? (() => {});
    this.#onDoubt = parts.onDoubt;
  }

  async insert(run: Run, born: RunEvent, idempotency?: Idempotency, admission?: Admission): Promise<Insertion> {
    let insertion: Insertion;
    try {
      insertion = await this.#store.insert(run, [born], idempotency, admission);
    } catch (error) {
      this.#onDoubt();
      throw error;
    }
    if (insertion.kind === 'inserted') {
      this.#metrics.count('runs_created');
      if (run.threadId !== null) this.#watch.tellThread(run.threadId);
    }
    return insertion;
  }

  /**
   * Takes one step. A driver names itself as `owner`, so that it cannot write to a run that was taken from it.
   * Rejects with `StorageFault`.
   */
  async write(run: Run, step: Step, owner?: string): Promise<Written> {
    const transition = advance(run, step, this.#clock.nowMs());
    if (transition === null) return { kind: 'refused' };
    if (run.threadId === null) return await this.#commit(run, step, transition, owner, undefined);
    let thread: ThreadEffect;
    try {
      thread = await this.#threads.effectOf(transition.run, run.threadId, step);
    } catch (error) {
      // The vendor's work is done, but the thread cannot be told what came of it: the run ends so.
      const living = step.kind === 'end' ? { living: step.living } : {};
      return await this.write(run, { kind: 'end', ending: failedMapping(error), ...living }, owner);
    }
    const lost = await this.#threads.livingLostBy(transition.run, thread);
    const written = await this.#commit(run, step, transition, owner, thread);
    if (written.kind === 'written' && lost !== null) {
      this.#threads
        .endIfLost(transition.run, lost)
        .catch((err: unknown) =>
          this.#log.warn({ err, lost }, "a removed thread's agent may still live at the vendor"),
        );
    }
    return written;
  }

  async #commit(
    run: Run,
    step: Step,
    transition: Transition,
    owner: string | undefined,
    thread: ThreadEffect | undefined,
  ): Promise<Written> {
    const delivery = this.#encodeRun === null ? undefined : deliveryOf(run, transition.run, this.#encodeRun);
    const held = await this.#store.update({
      run: transition.run,
      expectedVersion: run.version,
      expectedOwner: owner,
      events: transition.events,
      thread,
      delivery,
    });
    if (!held) {
      this.#metrics.count('conditional_writes_lost');
      this.#log.debug({ run_id: run.runId, step: step.kind }, 'a write was refused: the run had changed');
      return { kind: 'lost' };
    }
    this.#tell(transition.run, transition.events);
    if (delivery !== undefined) this.#onOwed();
    return { kind: 'written', run: transition.run };
  }

  /** False: the run changed since it was read. */
  async remove(run: Run): Promise<boolean> {
    const key: RunKey = { tenant: run.tenant, runId: run.runId };
    const held = await this.#store.remove(key, run.version);
    if (held) this.#watch.publish({ runId: run.runId, run: null, events: [] });
    return held;
  }

  #tell(run: Run, events: readonly RunEvent[]): void {
    this.#watch.publish({ runId: run.runId, run, events });
    if (run.phase !== 'done') return;
    this.#metrics.count('runs_ended', { status: run.status });
    const errcode = run.outcome?.kind === 'error' ? run.outcome.errcode : undefined;
    this.#log.info(
      {
        run_id: run.runId,
        agent: run.agentName,
        // Absent where the agent is in the config no longer.
        backend: this.#agents.find(run.agentId)?.backend,
        status: run.status,
        errcode,
        tookMs: run.updatedAtMs - run.createdAtMs,
      },
      'run ended',
    );
  }
}
