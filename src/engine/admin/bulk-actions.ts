import type { BulkCommand } from '../../contract/api/admin.ts';
import type { BulkOutcome } from '../../contract/api/admin-reports.ts';
import type { Runs } from '../../contract/api/runs.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Actor, RunAction } from '../../contract/domain/operator.ts';
import type { Run, RunRequest } from '../../contract/domain/run.ts';
import type { RunFilter, RunListing, RunListWalk } from '../../contract/store/operations-store.ts';
import type { Store } from '../../contract/store/store.ts';
import { agentOf } from '../placement.ts';
import type { RunWriter } from '../state/run-writer.ts';
import { translateStorageFault } from '../storage-errors.ts';
import type { Canceller } from '../worker/canceller.ts';
import type { RunFinder } from './run-finder.ts';

export type BulkActionsDeps = {
  readonly store: Store;
  readonly agents: AgentDirectory;
  readonly runs: Pick<Runs, 'create' | 'resume'>;
  readonly canceller: Canceller;
  readonly writer: RunWriter;
  readonly clock: Clock;
  readonly log: Log;
};

type Done = BulkOutcome['done'][number];
/** Throws `GatewayError` for a run that cannot be acted on. */
type Act = (run: Run) => Promise<Done>;

/** Runs that are looked at for one command. */
const maxExamined = 20_000;
const pageSize = 200;

/** Cancels and replays many runs. Rejects with `GatewayError`. */
export class BulkActions {
  readonly #deps: BulkActionsDeps;
  readonly #finder: RunFinder;

  constructor(deps: BulkActionsDeps, finder: RunFinder) {
    this.#deps = deps;
    this.#finder = finder;
  }

  async cancel(command: BulkCommand, actor: Actor): Promise<BulkOutcome> {
    const { agents, canceller, clock, log } = this.#deps;
    const refusalOf = (run: Run): string | null => (run.phase === 'done' ? 'it has ended already' : null);
    return await this.#carryOut(command, { isLive: true }, refusalOf, async (run) => {
      const action: RunAction = { action: 'cancel', by: actor.name, atMs: clock.nowMs() };
      const ended = await translateStorageFault(canceller.cancel(run, agentOf(agents, run), action));
      if (ended === null) throw new GatewayError('run_not_found');
      log.info({ run_id: run.runId, tenant: run.tenant, by: actor.name }, 'run cancelled by an operator');
      return { runId: run.runId };
    });
  }

  async replay(command: BulkCommand, actor: Actor): Promise<BulkOutcome> {
    const { runs, writer, clock, log } = this.#deps;
    return await this.#carryOut(command, { isLive: false }, refuseReplay, async (run) => {
      const { tenant, runId, agentId } = run;
      const created = await runs.create({ tenant, agent: agentId, request: requestAgain(run) });
      const newRunId = created.run.runId;
      const action: RunAction = { action: 'replay', by: actor.name, atMs: clock.nowMs(), runId: newRunId };
      // The new run is there, whether or not the old one can say so.
      await writer.annotate(run, action).catch((err: unknown) => {
        log.warn({ run_id: runId, err }, 'a replay was not noted with its run');
      });
      log.info({ run_id: runId, tenant, new_run_id: newRunId, by: actor.name }, 'run replayed by an operator');
      return { runId, newRunId };
    });
  }

  async #carryOut(
    command: BulkCommand,
    kind: Pick<RunFilter, 'isLive'>,
    refusalOf: (run: Run) => string | null,
    act: Act,
  ): Promise<BulkOutcome> {
    const { ids, matched, isComplete } = await this.#select(command, kind);
    const done: Done[] = [];
    const refused: { readonly runId: string; readonly reason: string }[] = [];
    let actable = command.selection === null ? 0 : matched;
    for (const runId of ids) {
      const run = await translateStorageFault(this.#deps.store.findOfAnyTenant(runId));
      const refusal = run === null ? 'there is no such run' : refusalOf(run);
      if (run === null || refusal !== null) {
        refused.push({ runId, reason: refusal ?? '' });
        if (command.selection !== null) actable -= 1;
        continue;
      }
      if (command.selection === null) actable += 1;
      if (command.isDryRun) continue;
      try {
        done.push(await act(run));
      } catch (error) {
        if (!(error instanceof GatewayError) || error.http >= 500) {
          // What was done so far must be known, so it is said rather than thrown away.
          if (done.length === 0) throw error;
          refused.push({ runId, reason: error instanceof Error ? error.message : 'it failed' });
          return { isDryRun: false, matched: actable, isComplete: false, done, refused };
        }
        refused.push({ runId, reason: error.message });
      }
    }
    return { isDryRun: command.isDryRun, matched: actable, isComplete, done, refused };
  }

  /** The runs that are meant, at most `max` of them, and how many match. */
  async #select(
    { runIds, selection, max, isDryRun }: BulkCommand,
    kind: Pick<RunFilter, 'isLive'>,
  ): Promise<{ readonly ids: readonly string[]; readonly matched: number; readonly isComplete: boolean }> {
    if (runIds !== null) {
      const distinct = [...new Set(runIds)];
      return { ids: distinct.slice(0, max), matched: distinct.length, isComplete: distinct.length <= max };
    }
    const { vendorId, ...rest } = selection ?? {};
    if (vendorId !== undefined) {
      const { runs } = await this.#finder.find({ ...rest, ...kind, vendorId, limit: pageSize, cursor: null });
      return {
        ids: runs.map(({ runId }) => runId).slice(0, max),
        matched: runs.length,
        isComplete: runs.length <= max,
      };
    }
    if (isDryRun) {
      const totals = await this.#finder.count({ ...rest, ...kind });
      return { ids: [], matched: totals.count, isComplete: totals.isComplete };
    }
    const filter = { ...this.#finder.filterOf(rest), ...kind };
    const ids: string[] = [];
    let before: string | null = null;
    let examined = 0;
    do {
      const limit = Math.min(pageSize, max - ids.length);
      const walk: RunListWalk = { filter, before, maxExamined: maxExamined - examined, limit };
      const page: RunListing = await translateStorageFault(this.#deps.store.operations.walkRuns(walk));
      ids.push(...page.runs.map(({ runId }) => runId));
      before = page.next;
      examined += page.examined;
    } while (before !== null && ids.length < max && examined < maxExamined);
    return { ids, matched: ids.length, isComplete: before === null };
  }
}

function refuseReplay(run: Run): string | null {
  if (run.phase !== 'done') return 'it has not ended';
  return run.threadId === null ? null : 'it belongs to a thread, whose state has gone on since';
}

/** The same request, without a delay, and marked as a repetition. */
function requestAgain({ request, runId }: Run): RunRequest {
  const { afterMs: _, trace: _trace, ...same } = request;
  return { ...same, metadata: { ...request.metadata, replay_of: runId } };
}
