import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Permit } from '../limits/call-queue.ts';
import { RunPermit } from '../limits/run-permit.ts';
import { runLog, type WorkerDeps } from './run-context.ts';
import { inputContext } from './start-run.ts';

/**
 * A new run that has nothing to wait for: it holds its slot, its permit and its input before it is written. So it is
 * written as `starting` in the first place, and the vendor is asked in the turn in which that is durable.
 */
export type FastStart = {
  /** As it is to be written. */
  readonly run: Run;
  readonly input: Json;
  readonly runPermit: RunPermit;
  readonly permit: Permit;
  readonly log: Log;
};

/** The fast starts of one process, from their preparation until their run is written or abandoned. */
export class FastStarts {
  readonly #deps: WorkerDeps;
  #open = 0;
  #onNoneOpen: () => void = () => {};
  #closed = false;

  constructor(deps: WorkerDeps) {
    this.#deps = deps;
  }

  /** Null: the run has to wait for something, so it is written as queued. */
  prepare(draft: Run, agent: Agent): FastStart | null {
    const { store, backends } = this.#deps;
    // On a shared store a failed write may have been carried out all the same, and then another replica could not tell
    // whether the vendor was asked.
    if (this.#closed || store.shared) return null;
    if (draft.threadId !== null || draft.request.afterMs !== undefined) return null;
    const input = agent.mapping.plainInput(inputContext(draft, agent, null));
    if (input === undefined) return null;
    const log = runLog(draft, agent, this.#deps.log);
    const runPermit = new RunPermit(backends.of(agent.backend, draft.tenant), agent, draft, log);
    const permit = runPermit.tryToStart();
    if (permit === null) {
      runPermit.close();
      return null;
    }
    this.#open += 1;
    return { run: { ...draft, phase: 'starting', startSentAtMs: draft.createdAtMs }, input, runPermit, permit, log };
  }

  /** The run was not written. */
  abandon({ permit, runPermit }: FastStart): void {
    permit.release();
    runPermit.close();
    this.settle();
  }

  /** The run is written, and its loop has begun. */
  settle(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#onNoneOpen();
  }

  /** Prepares no more from now on. Resolves when none is open. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#open === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onNoneOpen = resolve;
    await promise;
  }
}
