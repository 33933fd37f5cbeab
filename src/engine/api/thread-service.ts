import { v7 as uuidV7 } from 'uuid';
import type { ResumedRun } from '../../contract/api/runs.ts';
import type { CreateThread, ResumeThread, ThreadPatch, Threads, WatchThread } from '../../contract/api/threads.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { EventBatches, ThreadEvent } from '../../contract/domain/event.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import type {
  Checkpoint,
  CheckpointCounts,
  HistoryQuery,
  Thread,
  ThreadFilter,
  ThreadKey,
  ThreadQuery,
  ThreadRef,
} from '../../contract/domain/thread.ts';
import type { RowBatch, Rows } from '../../contract/store/rows.ts';
import type { Store } from '../../contract/store/store.ts';
import type { EventBus } from '../events/event-bus.ts';
import { ThreadEventStream } from '../events/thread-event-stream.ts';
import { agentOf } from '../placement.ts';
import type { RunCache } from '../state/run-cache.ts';
import { translateRowFaults, translateStorageFault } from '../storage-errors.ts';
import type { UpstreamStopper } from '../worker/upstream-stopper.ts';
import { agentNotFound } from './agent-service.ts';
import { emptyThread } from './empty-thread.ts';
import type { RunService } from './run-service.ts';
import { checkFilter } from './search-filter.ts';
import type { ThreadNames } from './thread-names.ts';
import { patchState } from './thread-patch.ts';

export type ThreadServiceDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly cache: RunCache;
  readonly stopper: UpstreamStopper;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly names: ThreadNames;
  readonly runs: Pick<RunService, 'answerInterrupt'>;
};

/** The use cases of threads. What a run does to its thread is written with the run: see `ThreadEffect`. */
export class ThreadService implements Threads {
  readonly #deps: ThreadServiceDeps;

  constructor(deps: ThreadServiceDeps) {
    this.#deps = deps;
  }

  async create(command: CreateThread): Promise<Thread> {
    const { tenant, threadId = uuidV7(), metadata } = command;
    const agentId = command.agent === undefined ? null : this.#agentIdOf(command.agent);
    const thread = emptyThread({ tenant, threadId }, this.#deps.clock.nowMs(), { agentId, metadata });
    if (await translateStorageFault(this.#deps.store.threads.insertThread(thread))) return thread;
    if (command.ifExists === 'raise') throw new GatewayError('thread_exists');
    const existing = await translateStorageFault(this.#deps.store.threads.findThread({ tenant, threadId }));
    // The id may be another tenant's: the answer must reveal no more than that it is taken.
    if (existing === null) throw new GatewayError('thread_exists');
    return existing;
  }

  async keyOf(tenant: string, ref: ThreadRef): Promise<ThreadKey> {
    const { threadId } = await this.#deps.names.resolve(tenant, ref);
    return { tenant, threadId };
  }

  async get(key: ThreadKey): Promise<Thread> {
    const thread = await translateStorageFault(this.#deps.store.threads.findThread(key));
    if (thread === null) throw new GatewayError('thread_not_found');
    return thread;
  }

  search(query: ThreadQuery): Rows<Thread> {
    checkFilter('metadata', query.metadata);
    checkFilter('values', query.values);
    return translateRowFaults(this.#deps.store.threads.searchThreads(query));
  }

  async count(filter: ThreadFilter): Promise<number> {
    checkFilter('metadata', filter.metadata);
    checkFilter('values', filter.values);
    return await translateStorageFault(this.#deps.store.threads.countThreads(filter));
  }

  async patch(key: ThreadKey, patch: ThreadPatch): Promise<Thread> {
    for (;;) {
      const thread = await this.get(key);
      const base = await this.#baseOf(thread, patch.checkpointId);
      const nowMs = this.#deps.clock.nowMs();
      const metadata = { ...thread.metadata, ...patch.metadata };
      const changesState =
        patch.values !== undefined || patch.messages !== undefined || patch.checkpointId !== undefined;
      const { values, messages } = patchState(base, patch);
      const next: Thread = { ...thread, metadata, version: thread.version + 1, updatedAtMs: nowMs };
      const checkpoint: Checkpoint | null = changesState
        ? {
            checkpointId: uuidV7(),
            threadId: thread.threadId,
            values,
            messages,
            metadata,
            runId: null,
            atMs: nowMs,
          }
        : null;
      const changed = checkpoint === null ? next : { ...next, values, messages };
      if (!(await translateStorageFault(this.#deps.store.threads.updateThread(changed, thread.version, checkpoint))))
        continue;
      this.#deps.bus.notifyThread(thread.threadId);
      return changed;
    }
  }

  async resume({ key, payload, interrupt, ...options }: ResumeThread): Promise<ResumedRun> {
    const thread = await translateStorageFault(this.#deps.store.threads.findThread(key, { omitState: true }));
    if (thread === null) throw new GatewayError('thread_not_found');
    // Of a thread's live runs only the one that has the thread was started, so no other can be interrupted.
    const runId = interrupt?.runId ?? thread.activeRunId;
    if (runId === null) throw new GatewayError('thread_not_interrupted');
    return await this.#deps.runs.answerInterrupt({ tenant: key.tenant, runId }, payload, {
      ...options,
      threadId: key.threadId,
      questionSeq: interrupt?.seq,
    });
  }

  async copy(key: ThreadKey): Promise<Thread> {
    const copy = { threadId: uuidV7(), nowMs: this.#deps.clock.nowMs() };
    const thread = await translateStorageFault(this.#deps.store.threads.copyThread(key, copy));
    if (thread === null) throw new GatewayError('thread_not_found');
    return thread;
  }

  async delete(key: ThreadKey): Promise<void> {
    const thread = await this.get(key);
    const removal = await translateStorageFault(this.#deps.store.threads.removeThread(key, false));
    if (removal === 'missing') throw new GatewayError('thread_not_found');
    if (removal === 'busy') throw new GatewayError('thread_busy');
    // Its finished runs are removed with it, and this process may have cached some of them.
    this.#deps.cache.deleteThread(key.threadId);
    this.#deps.bus.notifyThread(key.threadId);
    this.#endSessionOf(thread);
  }

  async *history(key: ThreadKey, query: HistoryQuery): AsyncGenerator<RowBatch<Checkpoint>, undefined> {
    const thread = await translateStorageFault(this.#deps.store.threads.findThread(key, { omitState: true }));
    if (thread === null) throw new GatewayError('thread_not_found');
    yield* translateRowFaults(this.#deps.store.threads.checkpoints(key.threadId, query));
  }

  async countCheckpoints(key: ThreadKey, beforeId: string | null): Promise<CheckpointCounts> {
    await this.get(key);
    return await translateStorageFault(this.#deps.store.threads.countCheckpoints(key.threadId, beforeId));
  }

  async findCheckpoint(key: ThreadKey, checkpointId: string): Promise<Checkpoint | null> {
    await this.get(key);
    return await translateStorageFault(this.#deps.store.threads.findCheckpoint(key.threadId, { checkpointId }));
  }

  async watch(key: ThreadKey, { afterSeq, ...options }: WatchThread): Promise<EventBatches<ThreadEvent>> {
    const { store, bus } = this.#deps;
    const { version } = await this.get(key);
    const first = afterSeq === null ? await translateStorageFault(store.threads.firstLiveSeq(key)) : null;
    // An event's number is never above the thread version that wrote it.
    const start = afterSeq ?? (first === null ? version : Math.min(version, first - 1));
    return new ThreadEventStream(store, bus, key, { ...options, afterSeq: start });
  }

  async stateAfterRun(key: RunKey): Promise<Checkpoint | null> {
    const run = await translateStorageFault(this.#deps.store.find(key));
    if (run === null) throw new GatewayError('run_not_found');
    if (run.threadId === null) return null;
    return await translateStorageFault(this.#deps.store.threads.findCheckpoint(run.threadId, { runId: run.runId }));
  }

  /** The thread is gone, so its session at the vendor has no more use. */
  #endSessionOf({ tenant, threadId, session }: Thread): void {
    const agent = session === null ? null : agentOf(this.#deps.agents, session);
    if (session !== null && agent !== null)
      this.#deps.stopper.endSession({ id: threadId, tenant, upstream: session.upstream }, agent);
  }

  #agentIdOf(idOrName: string): string {
    const agent = this.#deps.agents.find(idOrName);
    if (agent === null) throw agentNotFound(idOrName, this.#deps.agents);
    return agent.agentId;
  }

  async #baseOf(thread: Thread, checkpointId: string | undefined): Promise<Pick<Thread, 'values' | 'messages'>> {
    if (checkpointId === undefined) return thread;
    const checkpoint = await translateStorageFault(
      this.#deps.store.threads.findCheckpoint(thread.threadId, { checkpointId }),
    );
    if (checkpoint === null) {
      throw new GatewayError('invalid_request', {
        path: 'checkpoint/checkpoint_id',
        detail: 'names no checkpoint of the thread',
      });
    }
    return checkpoint;
  }
}
