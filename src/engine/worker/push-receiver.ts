import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { Run, UpstreamRef } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { Backends } from '../limits/backends.ts';
import { agentOf } from '../placement.ts';
import type { RunWriter } from '../state/run-writer.ts';
import type { LiveRuns } from './live-runs.ts';
import type { UpstreamStopper } from './upstream-stopper.ts';

/** Conditional writes of one push: more only fail while others write the run over and over. */
const maxWrites = 5;

/** What a vendor called with; undefined for what is not JSON. */
export type ParseBody = () => Json | undefined | Promise<Json | undefined>;

export type PushReceiverDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly backends: Backends;
  readonly live: LiveRuns;
  readonly writer: RunWriter;
  readonly stopper: UpstreamStopper;
  readonly log: Log;
};

/** Takes the calls of vendors that report a change of a run. */
export class PushReceiver {
  readonly #deps: PushReceiverDeps;

  constructor(deps: PushReceiverDeps) {
    this.#deps = deps;
  }

  /**
   * Has the run polled that the token is of. Where its start has no answer, what the call names is kept first, durably,
   * so that any replica may ask for it. False: no start carried the token. Rejects with `StorageFault`.
   */
  async accept(backend: string, token: string, parseBody: ParseBody): Promise<boolean> {
    const { backends, live, store } = this.#deps;
    const runId = backends.push(backend)?.read(token) ?? null;
    if (runId === null) return false;
    if (live.get(runId)?.isStarted !== true) await this.#keepName(runId, backend, parseBody);
    const run = live.get(runId);
    if (run !== undefined) run.pollNow();
    else await store.wakes?.wakeRun(runId);
    return true;
  }

  async #keepName(runId: string, backend: string, parseBody: ParseBody): Promise<void> {
    const { agents, store, writer } = this.#deps;
    for (let writes = 0; writes < maxWrites; writes += 1) {
      const run = await store.findOfAnyTenant(runId);
      if (run === null || run.upstream !== null) return;
      const agent = agentOf(agents, run);
      // What another backend names is not the run: nothing was started there, or it would be the run's.
      if (agent?.backend !== backend) return;
      const named = readName(run, agent, await parseBody());
      if (named === null) return;
      if (run.phase === 'done') return this.#stop(run, named, agent);
      if (run.phase !== 'starting' || run.named?.runId === named.runId) return;
      if ((await writer.write(run, { kind: 'named', upstream: named })).kind === 'written') return;
    }
  }

  /** The run was ended here before it was known what the vendor had started for it. */
  #stop(run: Run, named: UpstreamRef, agent: Agent): void {
    const { stopper, log } = this.#deps;
    log.info({ run_id: run.runId, upstream: named }, 'vendor names the run of a start that had no answer');
    stopper.stopRun(run, named, agent);
  }
}

function readName(run: Run, agent: Agent, body: Json | undefined): UpstreamRef | null {
  if (body === undefined) return null;
  return agent.connectionFor(run.tenant).adoption?.refOfPush?.(agent.target, body) ?? null;
}
