import type { ClientApi } from '../contract/api/api.ts';
import type { ResumedRun } from '../contract/api/runs.ts';
import type { CreateThread, ResumeThread, ThreadPatch, Threads, WatchThread } from '../contract/api/threads.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import type { EventBatches, ThreadEvent } from '../contract/domain/event.ts';
import type { RunKey } from '../contract/domain/run.ts';
import type {
  Checkpoint,
  CheckpointCounts,
  HistoryQuery,
  Thread,
  ThreadFilter,
  ThreadKey,
  ThreadQuery,
  ThreadRef,
} from '../contract/domain/thread.ts';
import type { RowBatch, Rows } from '../contract/store/rows.ts';
import { type AgentScope, noRows } from './agent-scope.ts';
import { type AccessBounds, checkMetadata } from './bounds.ts';

/** Threads as one principal may see and make them. Threads of other agents do not exist for it. */
export class AuthorizedThreads implements Threads {
  readonly #api: ClientApi;
  readonly #scope: AgentScope;
  readonly #bounds: AccessBounds;

  constructor(api: ClientApi, scope: AgentScope, bounds: AccessBounds) {
    this.#api = api;
    this.#scope = scope;
    this.#bounds = bounds;
  }

  keyOf(tenant: string, ref: ThreadRef): Promise<ThreadKey> {
    return this.#api.threads.keyOf(tenant, ref);
  }

  async create(command: CreateThread): Promise<Thread> {
    checkMetadata(command.metadata, this.#bounds);
    if (command.agent !== undefined && !this.#mayUse(command.agent)) throw new GatewayError('agent_forbidden');
    const thread = await this.#api.threads.create(command);
    if (!this.#scope.maySee(thread)) throw new GatewayError('thread_exists');
    return thread;
  }

  async get(key: ThreadKey): Promise<Thread> {
    const thread = await this.#api.threads.get(key);
    if (!this.#scope.maySee(thread)) throw new GatewayError('thread_not_found');
    return thread;
  }

  search(query: ThreadQuery): Rows<Thread> {
    const narrowed = this.#scope.narrow(query);
    return narrowed === null ? noRows() : this.#api.threads.search(narrowed);
  }

  async count(filter: ThreadFilter): Promise<number> {
    const narrowed = this.#scope.narrow(filter);
    return narrowed === null ? 0 : await this.#api.threads.count(narrowed);
  }

  async patch(key: ThreadKey, patch: ThreadPatch): Promise<Thread> {
    checkMetadata(patch.metadata, this.#bounds);
    await this.#check(key);
    return await this.#api.threads.patch(key, patch);
  }

  async resume(command: ResumeThread): Promise<ResumedRun> {
    await this.#check(command.key);
    // A visible thread may have runs of agents that are not.
    const visible = this.#scope.visibleIds;
    if (visible === null) return await this.#api.threads.resume(command);
    const agentIds = command.agentIds?.filter((agentId) => visible.includes(agentId)) ?? visible;
    return await this.#api.threads.resume({ ...command, agentIds });
  }

  async copy(key: ThreadKey): Promise<Thread> {
    await this.#check(key);
    return await this.#api.threads.copy(key);
  }

  async delete(key: ThreadKey): Promise<void> {
    await this.#check(key);
    await this.#api.threads.delete(key);
  }

  async *history(key: ThreadKey, query: HistoryQuery): AsyncGenerator<RowBatch<Checkpoint>, undefined> {
    await this.#check(key);
    yield* this.#api.threads.history(key, query);
  }

  async countCheckpoints(key: ThreadKey, beforeId: string | null): Promise<CheckpointCounts> {
    await this.#check(key);
    return await this.#api.threads.countCheckpoints(key, beforeId);
  }

  async findCheckpoint(key: ThreadKey, checkpointId: string): Promise<Checkpoint | null> {
    await this.#check(key);
    return await this.#api.threads.findCheckpoint(key, checkpointId);
  }

  async stateAfterRun(key: RunKey): Promise<Checkpoint | null> {
    if (this.#scope.visibleIds !== null) this.#scope.checkRun(await this.#api.runs.get(key));
    return await this.#api.threads.stateAfterRun(key);
  }

  async watch(key: ThreadKey, options: WatchThread): Promise<EventBatches<ThreadEvent>> {
    await this.#check(key);
    // A visible thread may have runs of agents that are not.
    const agentIds = this.#scope.visibleIds;
    return await this.#api.threads.watch(key, agentIds === null ? options : { ...options, agentIds });
  }

  /** Throws `thread_not_found` for a thread that the principal may not see. */
  async #check(key: ThreadKey): Promise<void> {
    if (this.#scope.visibleIds !== null) await this.get(key);
  }

  /** False for an agent that does not exist too: the answer must not reveal which agents there are. */
  #mayUse(idOrName: string): boolean {
    if (this.#scope.usable === null) return true;
    try {
      return this.#scope.mayUse(this.#api.agents.get(idOrName));
    } catch (error) {
      if (error instanceof GatewayError && error.code === 'agent_not_found') return false;
      throw error;
    }
  }
}
