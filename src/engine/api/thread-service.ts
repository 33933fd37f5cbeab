import { v7 as uuidV7 } from 'uuid';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { RunKey } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import type { Checkpoint, Thread, ThreadKey, ThreadQuery } from '../../contract/domain/thread.ts';
import type {
  CreateThread,
  HistoryQuery,
  ThreadFeed,
  ThreadPatch,
  ThreadUseCases,
  ThreadWatch,
} from '../../contract/api/thread-use-cases.ts';
import { answering } from './storage-errors.ts';
import type { Archive } from '../state/run-cache.ts';
import type { Terminator } from '../worker/canceller.ts';
import type { Watch } from '../events/event-bus.ts';
import { StoredThreadFeed } from '../events/thread-event-stream.ts';
import { patchState } from './thread-patch.ts';

export type ThreadsParts = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly archive: Archive;
  readonly terminator: Terminator;
  readonly watch: Watch;
  readonly clock: Clock;
};

/** A thread without history. */
export function emptyThread(
  key: ThreadKey,
  nowMs: number,
  more: Partial<Pick<Thread, 'agentId' | 'metadata'>> = {},
): Thread {
  return {
    ...key,
    agentId: null,
    metadata: {},
    status: 'idle',
    values: null,
    messages: [],
    activeRunId: null,
    living: null,
    version: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
    ...more,
  };
}

/** The use cases of threads. What a run does to its thread is written with the run: see `ThreadEffect`. */
export class Threads implements ThreadUseCases {
  readonly #parts: ThreadsParts;

  constructor(parts: ThreadsParts) {
    this.#parts = parts;
  }

  async createThread(command: CreateThread): Promise<Thread> {
    const { tenant, threadId = uuidV7(), metadata } = command;
    const agentId = command.agent === undefined ? null : this.#agentIdOf(command.agent);
    const thread = emptyThread({ tenant, threadId }, this.#parts.clock.nowMs(), { agentId, metadata });
    if (await answering(this.#parts.store.threads.insertThread(thread))) return thread;
    if (command.ifExists === 'raise') throw new GatewayError('thread_exists');
    const existing = await answering(this.#parts.store.threads.findThread({ tenant, threadId }));
    // The id may be another tenant's: the answer must not say more than that it is taken.
    if (existing === null) throw new GatewayError('thread_exists');
    return existing;
  }

  async getThread(key: ThreadKey): Promise<Thread> {
    const thread = await answering(this.#parts.store.threads.findThread(key));
    if (thread === null) throw new GatewayError('thread_not_found');
    return thread;
  }

  searchThreads(query: ThreadQuery): Promise<readonly Thread[]> {
    return answering(this.#parts.store.threads.searchThreads(query));
  }

  async patchThread(key: ThreadKey, patch: ThreadPatch): Promise<Thread> {
    for (;;) {
      const thread = await this.getThread(key);
      const base = await this.#baseOf(thread, patch.checkpointId);
      const nowMs = this.#parts.clock.nowMs();
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
      if (await answering(this.#parts.store.threads.updateThread(changed, thread.version, checkpoint))) return changed;
    }
  }

  async copyThread(key: ThreadKey): Promise<Thread> {
    const copy = { threadId: uuidV7(), nowMs: this.#parts.clock.nowMs() };
    const thread = await answering(this.#parts.store.threads.copyThread(key, copy));
    if (thread === null) throw new GatewayError('thread_not_found');
    return thread;
  }

  async deleteThread(key: ThreadKey): Promise<void> {
    const thread = await this.getThread(key);
    const removal = await answering(this.#parts.store.threads.removeThread(key, false));
    if (removal === 'missing') throw new GatewayError('thread_not_found');
    if (removal === 'busy') throw new GatewayError('thread_busy');
    // Its finished runs went with it, and this process may have kept some of them.
    this.#parts.archive.forgetAll();
    this.#endLivingAgent(thread);
  }

  async threadHistory(key: ThreadKey, { limit, beforeId }: HistoryQuery): Promise<readonly Checkpoint[]> {
    await this.getThread(key);
    return await answering(this.#parts.store.threads.checkpoints(key.threadId, limit, beforeId));
  }

  async findCheckpoint(key: ThreadKey, checkpointId: string): Promise<Checkpoint | null> {
    await this.getThread(key);
    return await answering(this.#parts.store.threads.findCheckpoint(key.threadId, { checkpointId }));
  }

  async watchThread(key: ThreadKey, { afterSeq, agentIds }: ThreadWatch): Promise<ThreadFeed> {
    const { store, watch } = this.#parts;
    const { version } = await this.getThread(key);
    const first = afterSeq === null ? await answering(store.threads.firstLiveSeq(key)) : null;
    // No number of an event is above the version that wrote it.
    const start = afterSeq ?? (first === null ? version : Math.min(version, first - 1));
    return new StoredThreadFeed(store, watch, key, { afterSeq: start, agentIds });
  }

  async stateAfterRun(key: RunKey): Promise<Checkpoint | null> {
    const run = await answering(this.#parts.store.find(key));
    if (run === null) throw new GatewayError('run_not_found');
    if (run.threadId === null) return null;
    return await answering(this.#parts.store.threads.findCheckpoint(run.threadId, { runId: run.runId }));
  }

  /** The thread is gone, so its agent at the vendor has nobody left to talk to. */
  #endLivingAgent({ threadId, living }: Thread): void {
    const agent = living === null ? null : this.#parts.agents.find(living.agentId);
    if (living !== null && agent !== null) this.#parts.terminator.endLiving(threadId, living.upstream, agent);
  }

  #agentIdOf(idOrName: string): string {
    const agent = this.#parts.agents.find(idOrName);
    if (agent === null) throw new GatewayError('agent_not_found');
    return agent.agentId;
  }

  async #baseOf(thread: Thread, checkpointId: string | undefined): Promise<Pick<Thread, 'values' | 'messages'>> {
    if (checkpointId === undefined) return thread;
    const checkpoint = await answering(this.#parts.store.threads.findCheckpoint(thread.threadId, { checkpointId }));
    if (checkpoint === null) {
      throw new GatewayError('invalid_request', {
        path: 'checkpoint/checkpoint_id',
        detail: 'names no checkpoint of the thread',
      });
    }
    return checkpoint;
  }
}
