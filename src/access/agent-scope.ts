import type { Agent } from '../contract/domain/agent.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { Principal } from '../contract/domain/principal.ts';
import type { Run } from '../contract/domain/run.ts';
import type { Thread, ThreadFilter } from '../contract/domain/thread.ts';
import type { RunConditions } from '../contract/store/store.ts';

/**
 * Which agents a principal may use, and the runs and threads of which it may see. The two differ where an agent has no
 * credentials for the principal's tenant: it cannot be used, but its earlier runs are still the tenant's.
 */
export class AgentScope {
  /** Names of the agents that the principal may use; null: all. */
  readonly usable: ReadonlySet<string> | null;
  /** Ids of the agents whose runs and threads it may see; null: all. */
  readonly visibleIds: readonly string[] | null;

  constructor(all: readonly Agent[], { tenant, agents }: Principal) {
    const usable = all.filter(
      ({ name, tenants }) =>
        (agents === null || agents.has(name)) && (tenants === undefined || tenants.includes(tenant)),
    );
    const isLimited = agents !== null || usable.length < all.length;
    this.usable = isLimited ? new Set(usable.map(({ name }) => name)) : null;
    const visible = all.filter(({ name }) => agents?.has(name));
    this.visibleIds = agents === null ? null : visible.map(({ agentId }) => agentId);
  }

  mayUse(agent: Agent): boolean {
    return this.usable === null || this.usable.has(agent.name);
  }

  /** A thread that no agent has taken yet is visible. */
  maySee({ agentId }: Pick<Thread, 'agentId'>): boolean {
    return this.visibleIds === null || agentId === null || this.visibleIds.includes(agentId);
  }

  /** Throws `run_not_found` for a run that the principal may not see. */
  checkRun(run: Run): Run {
    if (!this.maySee(run)) throw new GatewayError('run_not_found');
    return run;
  }

  /** The query restricted to visible agents; null: it can find nothing. */
  narrow<Query extends RunConditions | ThreadFilter>(query: Query): Query | null {
    if (this.visibleIds === null) return query;
    const { agentId } = query;
    if (agentId === undefined) return this.visibleIds.length === 0 ? null : { ...query, agentIds: this.visibleIds };
    return this.visibleIds.includes(agentId) ? query : null;
  }
}

/** What a query finds that can find nothing. */
export async function* noRows(): AsyncGenerator<never, undefined> {}
