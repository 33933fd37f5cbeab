import type { Agent } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { Backends } from '../limits/backends.ts';
import type { Permit } from '../limits/call-queue.ts';
import { RunPermit } from '../limits/run-permit.ts';
import { inputContext } from './start-run.ts';

export type FastStartDeps = { readonly store: Store; readonly backends: Backends; readonly log: Log };

/**
 * A new run that has to wait for nothing: it has its slot, its pass and its input before it is written. So it is written
 * as `starting` in the first place, and the vendor is asked in the turn in which that is durable.
 */
export type FastStart = {
  /** As it is to be written. */
  readonly run: Run;
  readonly input: Json;
  readonly runPermit: RunPermit;
  readonly permit: Permit;
  /** The run's own. */
  readonly log: Log;
};

/** The launches of one process, from their preparation until the run is written or is not. */
export class FastStarts {
  readonly #deps: FastStartDeps;
  #open = 0;
  #onNone: () => void = () => {};
  #closed = false;

  constructor(deps: FastStartDeps) {
    this.#deps = deps;
  }

  /** Null: the run has to wait for something, so it is written as queued. */
  prepare(draft: Run, agent: Agent): FastStart | null {
    const { store, backends } = this.#deps;
    // Where a failed write may have been carried out all the same, nobody could tell whether the vendor was asked.
    if (this.#closed || store.shared) return null;
    if (draft.threadId !== null || draft.request.afterMs !== undefined) return null;
    const input = agent.mapping.plainInput(inputContext(draft, agent, null));
    if (input === undefined) return null;
    const log = logOf(draft, agent, this.#deps.log);
    const runPermit = new RunPermit(backends.of(agent.backend), agent, draft, log);
    const permit = runPermit.tryEnterToStart();
    if (permit === null) return null;
    this.#open += 1;
    return { run: { ...draft, phase: 'starting' }, input, runPermit, permit, log };
  }

  /** The run was not written. */
  drop({ permit, runPermit }: FastStart): void {
    permit.drop();
    runPermit.leave();
    this.settle();
  }

  /** The run is written, and somebody drives it. */
  settle(): void {
    this.#open -= 1;
    if (this.#open === 0) this.#onNone();
  }

  /** There are no more from now on. Resolves when none is open. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#open === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onNone = resolve;
    await promise;
  }
}

/** Names the run in every line. */
export function logOf(run: Run, agent: Agent, log: Log): Log {
  return log.child({ run_id: run.runId, agent: agent.name, backend: agent.backend });
}
