import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Admission, ThreadEffect } from '../../contract/domain/thread.ts';
import type { RunEncoder } from '../../contract/domain/webhook.ts';
import type { Idempotency, Insertion, Store } from '../../contract/store/store.ts';
import type { EventBus } from '../events/event-bus.ts';
import { outboxEntryOf } from '../webhooks/outbox-entry.ts';
import { failedMapping } from './outcomes.ts';
import { type AppliedTransition, applyTransition, type RunTransition } from './state-machine.ts';
import type { ThreadEffects } from './thread-effects.ts';

/** What became of a step. `lost`: somebody else changed the run first. `refused`: its phase does not allow the step. */
export type WriteResult =
  | { readonly kind: 'written'; readonly run: Run }
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused' };

/** The one place where runs are written: step, conditional write, and only then the news. */
export class RunWriter {
  readonly #agents: AgentDirectory;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #bus: EventBus;
  readonly #threads: ThreadEffects;
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #encodeRun: RunEncoder | null;
  readonly #onOwed: () => void;
  readonly #onDoubt: () => void;

  constructor(deps: {
    readonly agents: AgentDirectory;
    readonly store: Store;
    readonly clock: Clock;
    readonly bus: EventBus;
    readonly threads: ThreadEffects;
    readonly log: Log;
    readonly metrics: Metrics;
    /** Left out, nobody is told by webhook. `onOwed` is called once somebody is owed a delivery. */
    readonly webhooks?: { readonly encodeRun: RunEncoder; readonly onOwed: () => void } | undefined;
    /** Called when nobody can say whether a new run was written. */
    readonly onDoubt: () => void;
  }) {
    this.#agents = deps.agents;
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#bus = deps.bus;
    this.#threads = deps.threads;
    this.#log = deps.log;
    this.#metrics = deps.metrics;
    this.#encodeRun = deps.webhooks?.encodeRun ?? null;
    this.#onOwed = deps.webhooks?.onOwed ?? (() => {});
    this.#onDoubt = deps.onDoubt;
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
      if (run.threadId !== null) this.#bus.notifyThread(run.threadId);
    }
    return insertion;
  }

  /**
   * Takes one step. A driver names itself as `owner`, so that it cannot write to a run that was taken from it.
   * Rejects with `StorageFault`.
   */
  async write(run: Run, transition: RunTransition, owner?: string): Promise<WriteResult> {
    const applied = applyTransition(run, transition, this.#clock.nowMs());
    if (applied === null) return { kind: 'refused' };
    if (run.threadId === null) return await this.#commit(run, transition, applied, owner, undefined);
    let thread: ThreadEffect;
    try {
      thread = await this.#threads.effectOf(applied.run, run.threadId, transition);
    } catch (error) {
      // The vendor's work is done, but the thread cannot be told what came of it: the run ends so.
      const session = transition.kind === 'end' ? { session: transition.session } : {};
      return await this.write(run, { kind: 'end', outcome: failedMapping(error), ...session }, owner);
    }
    const lost = await this.#threads.sessionLostBy(applied.run, thread);
    const written = await this.#commit(run, transition, applied, owner, thread);
    if (written.kind === 'written' && lost !== null) {
      this.#threads
        .endIfLost(applied.run, lost)
        .catch((err: unknown) =>
          this.#log.warn({ err, lost }, "a removed thread's agent may still live at the vendor"),
        );
    }
    return written;
  }

  async #commit(
    run: Run,
    transition: RunTransition,
    applied: AppliedTransition,
    owner: string | undefined,
    thread: ThreadEffect | undefined,
  ): Promise<WriteResult> {
    const delivery = this.#encodeRun === null ? undefined : outboxEntryOf(run, applied.run, this.#encodeRun);
    const held = await this.#store.update({
      run: applied.run,
      expectedVersion: run.version,
      expectedOwner: owner,
      events: applied.events,
      thread,
      delivery,
    });
    if (!held) {
      this.#metrics.count('conditional_writes_lost');
      this.#log.debug({ run_id: run.runId, transition: transition.kind }, 'a write was refused: the run had changed');
      return { kind: 'lost' };
    }
    this.#tell(applied.run, applied.events);
    if (delivery !== undefined) this.#onOwed();
    return { kind: 'written', run: applied.run };
  }

  /** False: the run changed since it was read. */
  async remove(run: Run): Promise<boolean> {
    const key: RunKey = { tenant: run.tenant, runId: run.runId };
    const held = await this.#store.remove(key, run.version);
    if (held) this.#bus.publish({ runId: run.runId, run: null, events: [] });
    return held;
  }

  #tell(run: Run, events: readonly RunEvent[]): void {
    this.#bus.publish({ runId: run.runId, run, events });
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
