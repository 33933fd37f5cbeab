import { randomUUID } from 'node:crypto';
import type { CreateRun, JoinThread, UseCases } from '../contract/api/use-cases.ts';
import type { Agent } from '../contract/domain/agent.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import type { Principal } from '../contract/domain/principal.ts';
import type { Run, RunKey } from '../contract/domain/run.ts';
import type { Thread, ThreadKey, ThreadQuery } from '../contract/domain/thread.ts';
import type { RunQuery } from '../contract/store/store.ts';
import type { Exceptions } from '../upstream/ssrf-address.ts';
import { refuseUrl } from '../upstream/ssrf-url.ts';
import { usageKeyOf } from './principals.ts';

/** What every request is held to, whoever makes it. */
export type AccessBounds = {
  /** Every agent of the config. */
  readonly agents: readonly Agent[];
  readonly maxMetadataBytes: number;
  /** Where a client's URL may lead although it is not public. */
  readonly exceptions: Exceptions;
};

/**
 * The use cases as one principal has them. A key that is for some agents sees those agents and their runs and threads;
 * the others are not there for it, and to use one is refused whether it exists or not.
 */
export class AccessPolicy implements UseCases {
  readonly #use: UseCases;
  readonly #bounds: AccessBounds;
  readonly #principal: Principal;
  /** Names of the agents that it may use; null: all. */
  readonly #usable: ReadonlySet<string> | null;
  /** Ids of those that it may see the runs of; null: all. */
  readonly #seenIds: readonly string[] | null;

  constructor(use: UseCases, bounds: AccessBounds, principal: Principal) {
    this.#use = use;
    this.#bounds = bounds;
    this.#principal = principal;
    const { agents } = principal;
    const usable = bounds.agents.filter((agent) => mayUse(principal, agent));
    const isLimited = agents !== null || usable.length < bounds.agents.length;
    this.#usable = isLimited ? new Set(usable.map(({ name }) => name)) : null;
    const seen = bounds.agents.filter(({ name }) => agents?.has(name));
    this.#seenIds = agents === null ? null : seen.map(({ agentId }) => agentId);
  }

  readonly createRun: UseCases['createRun'] = async (command) => {
    const { metadata, webhook } = command.request;
    this.#checkMetadata(metadata);
    const refusal = webhook === undefined ? null : refuseUrl(webhook, this.#bounds.exceptions);
    if (refusal !== null) throw new GatewayError('invalid_request', { path: 'webhook', detail: refusal });
    const { liveRuns } = this.#principal.limits;
    if (this.#usable === null && liveRuns === null) return await this.#use.createRun(command);
    return await this.#use.createRun({
      ...command,
      thread: await this.#threadSeen(command),
      agents: this.#usable ?? undefined,
      quota: liveRuns === null ? undefined : { name: usageKeyOf(this.#principal), maxLive: liveRuns },
    });
  };

  readonly getRun: UseCases['getRun'] = async (key) => this.#shown(await this.#use.getRun(key));

  readonly awaitRun: UseCases['awaitRun'] = async (key, blockMs, signal) => {
    await this.#look(key);
    return await this.#use.awaitRun(key, blockMs, signal);
  };

  readonly watchRun: UseCases['watchRun'] = async (key, afterSeq) => {
    await this.#look(key);
    return await this.#use.watchRun(key, afterSeq);
  };

  readonly resumeRun: UseCases['resumeRun'] = async (key, payload) => {
    await this.#look(key);
    return await this.#use.resumeRun(key, payload);
  };

  readonly cancelRun: UseCases['cancelRun'] = async (key, options) => {
    await this.#look(key);
    return await this.#use.cancelRun(key, options);
  };

  readonly deleteRun: UseCases['deleteRun'] = async (key) => {
    await this.#look(key);
    return await this.#use.deleteRun(key);
  };

  readonly stateAfterRun: UseCases['stateAfterRun'] = async (key) => {
    await this.#look(key);
    return await this.#use.stateAfterRun(key);
  };

  readonly searchRuns: UseCases['searchRuns'] = async (query) => {
    const narrowed = this.#narrow(query);
    return narrowed === null ? [] : await this.#use.searchRuns(narrowed);
  };

  readonly createThread: UseCases['createThread'] = async (command) => {
    this.#checkMetadata(command.metadata);
    if (command.agent !== undefined && this.#usable !== null && !this.#usable.has(this.#nameOfAgent(command.agent))) {
      throw new GatewayError('agent_forbidden');
    }
    const thread = await this.#use.createThread(command);
    if (!this.#maySeeThread(thread)) throw new GatewayError('thread_exists');
    return thread;
  };

  readonly getThread: UseCases['getThread'] = async (key) => {
    const thread = await this.#use.getThread(key);
    if (!this.#maySeeThread(thread)) throw new GatewayError('thread_not_found');
    return thread;
  };

  readonly searchThreads: UseCases['searchThreads'] = async (query) => {
    const narrowed = this.#narrow(query);
    return narrowed === null ? [] : await this.#use.searchThreads(narrowed);
  };

  readonly patchThread: UseCases['patchThread'] = async (key, patch) => {
    this.#checkMetadata(patch.metadata);
    await this.#lookAtThread(key);
    return await this.#use.patchThread(key, patch);
  };

  readonly copyThread: UseCases['copyThread'] = async (key) => {
    await this.#lookAtThread(key);
    return await this.#use.copyThread(key);
  };

  readonly deleteThread: UseCases['deleteThread'] = async (key) => {
    await this.#lookAtThread(key);
    return await this.#use.deleteThread(key);
  };

  readonly threadHistory: UseCases['threadHistory'] = async (key, query) => {
    await this.#lookAtThread(key);
    return await this.#use.threadHistory(key, query);
  };

  readonly findCheckpoint: UseCases['findCheckpoint'] = async (key, checkpointId) => {
    await this.#lookAtThread(key);
    return await this.#use.findCheckpoint(key, checkpointId);
  };

  readonly watchThread: UseCases['watchThread'] = async (key, watch) => {
    await this.#lookAtThread(key);
    // A thread that it sees may have runs of agents that it does not.
    return await this.#use.watchThread(key, this.#seenIds === null ? watch : { ...watch, agentIds: this.#seenIds });
  };

  // Items belong to the tenant, and to no agent.
  readonly putItem: UseCases['putItem'] = (command) => this.#use.putItem(command);
  readonly getItem: UseCases['getItem'] = (key) => this.#use.getItem(key);
  readonly deleteItem: UseCases['deleteItem'] = (key) => this.#use.deleteItem(key);
  readonly searchItems: UseCases['searchItems'] = (query) => this.#use.searchItems(query);
  readonly listNamespaces: UseCases['listNamespaces'] = (query) => this.#use.listNamespaces(query);

  readonly getAgent: UseCases['getAgent'] = (idOrName) => {
    const agent = this.#use.getAgent(idOrName);
    if (this.#usable !== null && !this.#usable.has(agent.name)) throw new GatewayError('agent_not_found');
    return agent;
  };

  readonly searchAgents: UseCases['searchAgents'] = (query) => {
    const usable = this.#usable;
    if (usable === null) return this.#use.searchAgents(query);
    const { offset, limit } = query;
    const found = this.#use.searchAgents({ ...query, offset: 0, limit: Number.MAX_SAFE_INTEGER });
    return found.filter(({ name }) => usable.has(name)).slice(offset, offset + limit);
  };

  /** A key that is for some agents is told the same of one that it may not use and of one that does not exist. */
  #nameOfAgent(idOrName: string): string {
    try {
      return this.#use.getAgent(idOrName).name;
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'agent_not_found') return '';
      throw error;
    }
  }

  #shown(run: Run): Run {
    if (this.#seenIds !== null && !this.#seenIds.includes(run.agentId)) throw new GatewayError('run_not_found');
    return run;
  }

  /** Throws `run_not_found` for a run that the principal may not see; what is not there at all is found out later. */
  async #look(key: RunKey): Promise<void> {
    if (this.#seenIds !== null) this.#shown(await this.#use.getRun(key));
  }

  #maySeeThread({ agentId }: Thread): boolean {
    return this.#seenIds === null || agentId === null || this.#seenIds.includes(agentId);
  }

  async #lookAtThread(key: ThreadKey): Promise<void> {
    if (this.#seenIds !== null) await this.getThread(key);
  }

  /**
   * A run that is to join a thread which the principal does not see joins one that does not exist: so it is refused for
   * the same reasons, in the same order.
   */
  async #threadSeen({ tenant, thread }: CreateRun): Promise<JoinThread | undefined> {
    if (this.#seenIds === null || thread === undefined) return thread;
    const found = await this.#use.getThread({ tenant, threadId: thread.threadId }).catch((error: unknown) => {
      if (error instanceof GatewayError && error.code === 'thread_not_found') return null;
      throw error;
    });
    if (found === null || this.#maySeeThread(found)) return thread;
    return { ...thread, threadId: randomUUID(), ifNotExists: 'reject' };
  }

  /** Null: the query can find nothing that the principal may see. */
  #narrow<Query extends RunQuery | ThreadQuery>(query: Query): Query | null {
    if (this.#seenIds === null) return query;
    const { agentId } = query;
    if (agentId === undefined) return this.#seenIds.length === 0 ? null : { ...query, agentIds: this.#seenIds };
    return this.#seenIds.includes(agentId) ? query : null;
  }

  #checkMetadata(metadata: JsonObject | undefined): void {
    const max = this.#bounds.maxMetadataBytes;
    if (metadata === undefined || Buffer.byteLength(JSON.stringify(metadata)) <= max) return;
    throw new GatewayError('invalid_request', { path: 'metadata', detail: `must be at most ${max} bytes as JSON` });
  }
}

function mayUse({ tenant, agents }: Principal, { name, tenants }: Agent): boolean {
  return (agents === null || agents.has(name)) && (tenants === undefined || tenants.includes(tenant));
}
