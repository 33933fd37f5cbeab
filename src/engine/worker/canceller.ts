import type { Agent } from '../../contract/domain/agent.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { RunAction } from '../../contract/domain/operator.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import { hasScheduledSession } from '../sessions/sessions.ts';
import { withAction } from '../state/run-notes.ts';
import type { RunWriter } from '../state/run-writer.ts';
import type { RunOutcome } from '../state/state-machine.ts';
import type { UpstreamStopper } from './upstream-stopper.ts';

export type CancellerDeps = {
  readonly store: Store;
  readonly writer: RunWriter;
  readonly stopper: UpstreamStopper;
};

/** Ends live runs from our side: by a client's cancellation or by the deadline. Both are final. */
export class Canceller {
  readonly #deps: CancellerDeps;

  constructor(deps: CancellerDeps) {
    this.#deps = deps;
  }

  /**
   * The run at its end, whatever ended it; null: it was removed. `agent` is null where the config no longer has it. `action` is
   * noted with the run where an operator cancels it.
   */
  cancel(run: Run, agent: Agent | null, action?: RunAction): Promise<Run | null> {
    const outcome = { status: 'error', errcode: errcodes.cancelled, description: 'the run was cancelled' } as const;
    return this.#end(run, agent, outcome, action);
  }

  /**
   * The same at the run's deadline. `waited` says what it waited for, null: for its vendor alone; or how it ends where it
   * has more to tell than that.
   */
  expire(run: Run, agent: Agent | null, waited: string | RunOutcome | null): Promise<Run | null> {
    if (typeof waited === 'object' && waited !== null) return this.#end(run, agent, waited);
    const seconds = (run.deadlineAtMs - run.createdAtMs) / 1000;
    const reason = waited === null ? '' : `: ${waited}`;
    return this.#end(run, agent, {
      status: 'timeout',
      errcode: errcodes.deadline,
      description: `the run did not end within its ${seconds} seconds${reason}`,
    });
  }

  async #end(run: Run, agent: Agent | null, outcome: RunOutcome, action?: RunAction): Promise<Run | null> {
    const { writer, store, stopper } = this.#deps;
    let current: Run | null = run;
    while (current !== null && current.phase !== 'done') {
      // A thread keeps a session once that has answered; one that its first run scheduled in vain ends with the run.
      const losesSession = agent !== null && hasScheduledSession(current, agent);
      const transition = { kind: 'end', outcome, ...(losesSession ? { session: null } : {}) } as const;
      const written = await writer.write(action === undefined ? current : withAction(current, action), transition);
      if (written.kind === 'written') {
        const upstream = agent === null ? null : upstreamOf(current, agent);
        if (agent !== null && upstream !== null) stopper.stopRun(current, upstream, agent);
        return written.run;
      }
      current = await store.find({ tenant: run.tenant, runId: run.runId });
    }
    return current;
  }
}

/** Where the vendor's id follows from ours, a start that is under way is stopped as well: its answer may be the end itself. */
function upstreamOf({ phase, upstream, tenant, runId }: Run, agent: Agent): UpstreamRef | null {
  if (upstream !== null || phase !== 'starting') return upstream;
  return agent.connectionFor(tenant).adoption?.refOf?.(agent.target, runId) ?? null;
}
