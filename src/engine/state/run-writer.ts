import { Repeats } from '../../collections/repeats.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { EvaluationGuard } from '../../contract/domain/evaluation.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { Log, Metrics } from '../../contract/domain/log.ts';
import type { RunAction } from '../../contract/domain/operator.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { ThreadEffect } from '../../contract/domain/thread.ts';
import type { Tracer } from '../../contract/domain/trace.ts';
import type { NewDelivery } from '../../contract/domain/webhook.ts';
import {
  type EventRewrite,
  type Insertion,
  type InsertTerms,
  type RunUpdate,
  type StorageFault,
  type Store,
  UpstreamTaken,
} from '../../contract/store/store.ts';
import { agentOf } from '../placement.ts';
import { settlementsOf } from './cap-settlements.ts';
import { failedMapping, isOfGateway, needsAttention } from './outcomes.ts';
import { runLogFields } from './run-log-fields.ts';
import { withAction } from './run-notes.ts';
import { type AppliedTransition, applyTransition, createdEvent, type RunTransition } from './state-machine.ts';
import type { ThreadEffects } from './thread-effects.ts';
import { upstreamKeyOf } from './upstream-key.ts';

/**
 * - `lost`: another writer changed the run first.
 * - `refused`: the run's phase does not allow the transition.
 * - `taken`: another run has what the vendor says that it started.
 */
export type WriteResult =
  | { readonly kind: 'written'; readonly run: Run }
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'taken' };

/** A write that is durable. */
export type Commit =
  | { readonly kind: 'created'; readonly run: Run }
  | {
      readonly kind: 'changed';
      readonly run: Run;
      readonly events: readonly RunEvent[];
      /** The write put deliveries into the outbox. */
      readonly owesDelivery: boolean;
    }
  | { readonly kind: 'removed'; readonly runId: string };

export type RunWriterDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly clock: Clock;
  readonly threads: ThreadEffects;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly tracer?: Tracer | undefined;
  /** The deliveries that a change owes the receivers of the run. */
  readonly deliveriesOf: (before: Run, after: Run) => readonly NewDelivery[];
  /** Called in the turn in which a write is known to be durable. Must not throw. */
  readonly onCommitted: (commit: Commit) => void;
  /** Called when the outcome of an insert is unknown. */
  readonly onUnknownInsert: () => void;
};

type Write = {
  readonly before: Run;
  readonly transition: RunTransition;
  readonly applied: AppliedTransition;
  readonly owner: string | undefined;
  readonly thread: ThreadEffect | undefined;
};

const retryOptions = { repeatMs: 60_000, maxTimes: 5, maxKinds: 100 };

/** The only place that writes runs: applies a transition, writes it conditionally, and announces it once it is durable. */
export class RunWriter {
  readonly #deps: RunWriterDeps;
  readonly #retries = new Repeats(retryOptions);

  constructor(deps: RunWriterDeps) {
    this.#deps = deps;
  }

  /** Rejects with `StorageFault`. */
  async insert(run: Run, terms: InsertTerms): Promise<Insertion> {
    const { store, metrics, onCommitted, onUnknownInsert } = this.#deps;
    let insertion: Insertion;
    try {
      insertion = await store.insertWithin(run, [createdEvent(run)], terms);
    } catch (error) {
      onUnknownInsert();
      throw error;
    }
    if (insertion.kind === 'inserted') {
      metrics.count('runs_created');
      onCommitted({ kind: 'created', run });
    }
    if (insertion.kind === 'capped') metrics.count('runs_capped', { cap: insertion.reached.name });
    return insertion;
  }

  /**
   * Writes one transition. A run loop names its replica as `owner`, so that it cannot write to a run that another replica
   * has claimed. `guard` stands around the evaluation of the thread's state. Rejects with `StorageFault`.
   */
  write(run: Run, transition: RunTransition, owner?: string, guard?: EvaluationGuard): Promise<WriteResult> {
    const applied = applyTransition(run, transition, this.#deps.clock.nowMs());
    if (applied === null) return Promise.resolve({ kind: 'refused' });
    const write: Write = { before: run, transition, applied, owner, thread: undefined };
    return run.threadId === null ? this.#commit(write) : this.#commitInThread(write, run.threadId, guard);
  }

  /** Says that a transition waits for the store: not of each, because every live run has one, twice a second. */
  noteRetry(log: Log, { kind }: RunTransition, err: StorageFault): void {
    const heldBack = this.#retries.admit(kind, 'store', this.#deps.clock.monotonicMs());
    const fields = { err, transition: kind, ...(heldBack === null || heldBack === 0 ? {} : { suppressed: heldBack }) };
    log[heldBack === null ? 'debug' : 'warn'](fields, 'store unavailable; the transition is retried');
  }

  async #commitInThread(write: Write, threadId: string, guard: EvaluationGuard | undefined): Promise<WriteResult> {
    const { threads, log } = this.#deps;
    const { before, transition, applied, owner } = write;
    let thread: ThreadEffect;
    try {
      thread = await threads.effectOf(applied.run, threadId, transition, guard);
    } catch (error) {
      // The vendor has done its work, but the thread's state cannot be derived from it: that is how the run ends.
      const session = transition.kind === 'end' ? { session: transition.session } : {};
      return await this.write(before, { kind: 'end', outcome: failedMapping(error), ...session }, owner);
    }
    const lost = await threads.sessionLostBy(applied.run, thread);
    const written = await this.#commit({ ...write, thread });
    if (written.kind === 'written' && lost !== null) {
      threads
        .endIfLost(applied.run, lost)
        .catch((err: unknown) => log.warn({ err, lost }, "a removed thread's session may still be open at the vendor"));
    }
    return written;
  }

  async #commit({ before, transition, applied, owner, thread }: Write): Promise<WriteResult> {
    const { store, metrics, log, deliveriesOf, onCommitted } = this.#deps;
    const { run, events } = applied;
    const deliveries = deliveriesOf(before, run);
    const update: RunUpdate = {
      run,
      expectedVersion: before.version,
      expectedOwner: owner,
      events,
      thread,
      deliveries,
      upstreamKey: this.#upstreamKeyOf(run, transition),
      // In a thread a session of the vendor may have given it one while it was queued.
      isFirstUpstream: before.upstream === null && before.named === undefined && before.threadId === null,
      settlements: settlementsOf(before, run),
      rewrites: rewritesOf(before, transition, run),
    };
    let isWritten: boolean;
    try {
      isWritten = await store.update(update);
      this.#retries.noteWell('store');
    } catch (error) {
      if (error instanceof UpstreamTaken) return { kind: 'taken' };
      throw error;
    }
    if (!isWritten) {
      metrics.count('conditional_writes_lost');
      log.debug({ run_id: run.runId, transition: transition.kind }, 'write refused: the run had changed');
      return { kind: 'lost' };
    }
    onCommitted({ kind: 'changed', run, events, owesDelivery: deliveries.length > 0 });
    if (run.phase === 'done') this.#reportEnd(run);
    return { kind: 'written', run };
  }

  #upstreamKeyOf(run: Run, transition: RunTransition): string | undefined {
    const started = transition.kind === 'scheduled' ? transition.session : transition;
    if (!('upstream' in started) || started.upstream === undefined) return undefined;
    const agent = agentOf(this.#deps.agents, run);
    if (agent === null) return undefined;
    return upstreamKeyOf(agent, run.tenant, started.upstream.runId);
  }

  /** Adds what an operator did to a run that is done. Rejects with `StorageFault`; where the run has changed, nothing is written. */
  async annotate(run: Run, action: RunAction): Promise<void> {
    await this.amend(withAction(run, action));
  }

  /**
   * Writes a change that is no news of the run: no event, and `updatedAtMs` stays. Null: the run has changed since it was read,
   * and nothing was written. Rejects with `StorageFault`.
   */
  async amend(changed: Run): Promise<Run | null> {
    const { store, onCommitted } = this.#deps;
    const run: Run = { ...changed, version: changed.version + 1 };
    if (!(await store.update({ run, expectedVersion: changed.version, events: [] }))) return null;
    onCommitted({ kind: 'changed', run, events: [], owesDelivery: false });
    return run;
  }

  /** False: the run changed since it was read. */
  async remove(run: Run): Promise<boolean> {
    const key: RunKey = { tenant: run.tenant, runId: run.runId };
    const isRemoved = await this.#deps.store.remove(key, run.version);
    if (isRemoved) this.#deps.onCommitted({ kind: 'removed', runId: run.runId });
    return isRemoved;
  }

  #reportEnd(run: Run): void {
    const { metrics, log, agents, tracer } = this.#deps;
    const error = run.outcome?.kind === 'error' ? run.outcome : null;
    const { agentName: agent, status, request } = run;
    // Undefined where the config no longer has the agent.
    const backend = agentOf(agents, run)?.backend;
    const tookMs = run.updatedAtMs - run.createdAtMs;
    const ofRun = { backend: backend ?? '', agent, status };
    metrics.count('runs_ended', { ...ofRun, errcode: error === null ? '' : String(error.errcode) });
    metrics.observe('run_duration_seconds', tookMs / 1000, ofRun, request.trace?.context);
    tracer?.record('run', {
      parent: request.trace?.context,
      startMs: run.createdAtMs,
      endMs: run.updatedAtMs,
      attributes: { ...runLogFields(run), agent, backend, status, errcode: error?.errcode },
      failure: status === 'success' ? undefined : (error?.description ?? status),
    });
    const fields = {
      ...runLogFields(run),
      agent,
      backend,
      vendor_run_id: run.upstream?.runId,
      status,
      errcode: error?.errcode,
      // The words of vendors about their agents are for their clients alone.
      reason: error !== null && isOfGateway(error.errcode) ? error.description : undefined,
      took_ms: tookMs,
    };
    if (error !== null && needsAttention(error.errcode)) log.warn(fields, 'run ended');
    else log.info(fields, 'run ended');
  }
}

/** What a transition makes of the run's earlier events. */
function rewritesOf(before: Run, transition: RunTransition, after: Run): readonly EventRewrite[] | undefined {
  const { partial, outcome, lastSeq } = before;
  // Nothing is recorded between an interrupt and what ends it.
  if (outcome?.kind === 'interrupt' && after.phase !== 'interrupted') return [{ seq: lastSeq, change: outcome }];
  if (partial === undefined) return undefined;
  if (transition.kind === 'partial') return [{ seq: partial.seq, change: 'replaced' }];
  if (transition.kind === 'end' && transition.repeatsPartial) return [{ seq: partial.seq, change: 'same as result' }];
  return undefined;
}
