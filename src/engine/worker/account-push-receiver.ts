import type { PushCall, PushReading } from '../../contract/adapter/push.ts';
import type { Agent, AgentDirectory } from '../../contract/domain/agent.ts';
import type { Store } from '../../contract/store/store.ts';
import type { Backends } from '../limits/backends.ts';
import { agentAt } from '../placement.ts';
import { upstreamKeyOf } from '../state/upstream-key.ts';
import type { LiveRuns } from './live-runs.ts';

export type AccountPushReceiverDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly backends: Backends;
  readonly live: LiveRuns;
};

/** Takes the calls of vendors that call one URL for a whole account. */
export class AccountPushReceiver {
  readonly #deps: AccountPushReceiverDeps;

  constructor(deps: AccountPushReceiverDeps) {
    this.#deps = deps;
  }

  /**
   * Has the run polled that a call names, where the call is known to be the vendor's. False: no account of the backend knows
   * it as its vendor's. Rejects with `StorageFault`.
   */
  async accept(backend: string, call: PushCall): Promise<boolean> {
    const agent = this.#agentAt(backend);
    if (agent === null) return false;
    // All tenants of a backend without own credentials have one account.
    for (const tenant of agent.tenants ?? ['']) {
      const reading = await readFor(agent, tenant, call);
      if (reading.kind === 'refused') continue;
      if (reading.kind === 'named') await this.#take(agent, tenant, reading.runId);
      return true;
    }
    return false;
  }

  /** Any agent at the backend: the vendor's calls are of its account. */
  #agentAt(backend: string): Agent | null {
    for (const agent of this.#deps.agents.all) {
      const there = agentAt(agent, backend);
      if (there !== null) return there;
    }
    return null;
  }

  /** Calls for runs that are not ours say nothing about ours: an account may have other users. */
  async #take(agent: Agent, tenant: string, upstreamRunId: string): Promise<void> {
    const { store, live, backends } = this.#deps;
    const runId = await store.findByUpstream(upstreamKeyOf(agent, tenant, upstreamRunId));
    if (runId === null) return;
    const account = backends.of(agent.backend, tenant);
    // An account that was made for this call is forgotten like any other.
    account.hold();
    account.accountPushes.noteArrival();
    account.release();
    const run = live.get(runId);
    if (run !== undefined) run.pollNow();
    else await store.wakes?.wakeRun(runId);
  }
}

async function readFor(agent: Agent, tenant: string, call: PushCall): Promise<PushReading> {
  return (await agent.connectionFor(tenant).accountPush?.read(call)) ?? { kind: 'refused' };
}
