import { LRUCache } from 'lru-cache';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Permit } from '../limits/call-permit.ts';
import { RunPermit } from '../limits/run-permit.ts';
import { placeOf } from '../sessions/sessions.ts';
import { chooseBackend } from './backend-choice.ts';
import { RunLog, type WorkerDeps } from './run-context.ts';
import { beginMemory, type RunMemory } from './run-memory.ts';
import { inputContext } from './start-run.ts';

/**
 * A new run that has nothing to wait for: it holds its slot, its permit and its input before it is written. So it is
 * written as `starting` in the first place, and the vendor is asked in the turn in which that is durable.
 */
export type FastStart = {
  /** As it is to be written. */
  readonly run: Run;
  /** At the backend that was chosen. */
  readonly agent: Agent;
  readonly input: Json;
  readonly runPermit: RunPermit;
  readonly permit: Permit;
  readonly memory: RunMemory;
  readonly log: Log;
};

/** An outage of the database may fail very many writes; of those before these it is not known that nothing was sent. */
const maxUnsent = 10_000;

/** The fast starts of one process, from their preparation until their run is written or abandoned. */
export class FastStarts {
  readonly #deps: WorkerDeps;
  /** Runs whose write failed: on a shared store it may have been carried out all the same, but no start was sent. */
  readonly #unsent = new LRUCache<string, true>({ max: maxUnsent });
  readonly #open = new Set<string>();
  #onNoneOpen: () => void = () => {};
  #closed = false;

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
  }

  /** Null: the run has to wait for something, so it is written as queued. */
  prepare(draft: Run, named: Agent): FastStart | null {
    const { backends, clock, stops } = this.#deps;
    if (this.#closed) return null;
    if (draft.threadId !== null || draft.request.afterMs !== undefined) return null;
    const input = named.mapping.plainInput(inputContext(draft, named, null));
    if (input === undefined) return null;
    const { agent } = chooseBackend(this.#deps, named, { run: draft, memory: null, isPlaced: false });
    if (stops.of({ agent, tenant: draft.tenant }) !== null) return null;
    const log = new RunLog(this.#deps.log, draft, agent);
    const memory = beginMemory(draft, clock, null);
    const account = backends.of(agent.backend, draft.tenant);
    const runPermit = new RunPermit(account, { agent, run: draft, memory, log });
    const permit = runPermit.tryToStart();
    if (permit === null) {
      runPermit.close();
      return null;
    }
    this.#open.add(draft.runId);
    const run: Run = { ...draft, phase: 'starting', startSentAtMs: draft.createdAtMs, ...placeOf(agent) };
    return { run, agent, input, runPermit, permit, memory, log };
  }

  /** The run was not written, or it is not known whether it was. Either way the vendor is not asked. */
  abandon({ run, permit, runPermit }: FastStart): void {
    this.#unsent.set(run.runId, true);
    permit.release();
    runPermit.close();
    this.settle(run.runId);
  }

  /** Whether a run that is found as `starting` is one whose start this process prepared and did not send. Asked once. */
  takeUnsent(runId: string): boolean {
    return this.#unsent.delete(runId);
  }

  /** The run is written, and its loop has begun. */
  settle(runId: string): void {
    this.#open.delete(runId);
    if (this.#open.size === 0) this.#onNoneOpen();
  }

  /** Whether the run is being written: it may be found in the store before its write is answered. */
  isOpen(runId: string): boolean {
    return this.#open.has(runId);
  }

  /** Prepares no more from now on. Resolves when none is open. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#open.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onNoneOpen = resolve;
    await promise;
  }
}
