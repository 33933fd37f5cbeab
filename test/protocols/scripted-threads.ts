import type {
  CreateThread,
  HistoryQuery,
  ThreadFeed,
  ThreadPatch,
  ThreadUseCases,
  ThreadWatch,
} from '../../src/contract/api/thread-use-cases.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { ThreadEvent } from '../../src/contract/domain/event.ts';
import type { RunKey } from '../../src/contract/domain/run.ts';
import type { Checkpoint, Thread, ThreadKey, ThreadQuery } from '../../src/contract/domain/thread.ts';
import { patchState } from '../../src/engine/api/thread-patch.ts';

export const threadId = '0193b3a0-6b7c-7d2e-8f00-7777777777aa';
export const newThreadId = '0193b3a0-6b7c-7d2e-8f00-7777777777bb';
export const checkpointId = '0193b3a0-6b7c-7d2e-8f00-cccccccccccc';

/** Threads over a map, with one of them in it; what was asked is kept. */
export class ScriptedThreads implements ThreadUseCases {
  readonly threads = new Map<string, Thread>();
  readonly checkpoints: Checkpoint[] = [];
  readonly created: CreateThread[] = [];
  readonly searched: ThreadQuery[] = [];
  readonly patched: ThreadPatch[] = [];
  readonly asked: HistoryQuery[] = [];
  readonly watched: ThreadWatch[] = [];
  /** What a reader of a thread is given before its end. */
  events: readonly ThreadEvent[] = [];

  constructor() {
    this.threads.set(threadId, threadOf({}));
  }

  async createThread(command: CreateThread): Promise<Thread> {
    this.created.push(command);
    const { tenant, threadId: id = newThreadId, metadata } = command;
    const existing = this.threads.get(id);
    if (existing !== undefined && command.ifExists === 'raise') throw new GatewayError('thread_exists');
    const thread = existing ?? threadOf({ tenant, threadId: id, metadata, agentId: command.agent ?? null });
    this.threads.set(id, thread);
    return thread;
  }

  async getThread(key: ThreadKey): Promise<Thread> {
    const thread = this.threads.get(key.threadId);
    if (thread === undefined) throw new GatewayError('thread_not_found');
    return thread;
  }

  async searchThreads(query: ThreadQuery): Promise<readonly Thread[]> {
    this.searched.push(query);
    return [...this.threads.values()];
  }

  async patchThread(key: ThreadKey, patch: ThreadPatch): Promise<Thread> {
    const thread = await this.getThread(key);
    this.patched.push(patch);
    const metadata = { ...thread.metadata, ...patch.metadata };
    const changed = { ...thread, ...patchState(thread, patch), metadata };
    this.threads.set(key.threadId, changed);
    return changed;
  }

  async copyThread(key: ThreadKey): Promise<Thread> {
    const copy = { ...(await this.getThread(key)), threadId: newThreadId };
    this.threads.set(newThreadId, copy);
    return copy;
  }

  async deleteThread(key: ThreadKey): Promise<void> {
    const { activeRunId } = await this.getThread(key);
    if (activeRunId !== null) throw new GatewayError('thread_busy');
    this.threads.delete(key.threadId);
  }

  async stateAfterRun({ runId }: RunKey): Promise<Checkpoint | null> {
    return this.checkpoints.find((each) => each.runId === runId) ?? null;
  }

  async findCheckpoint(key: ThreadKey, wanted: string): Promise<Checkpoint | null> {
    await this.getThread(key);
    return this.checkpoints.find((each) => each.checkpointId === wanted) ?? null;
  }

  async watchThread(key: ThreadKey, watch: ThreadWatch): Promise<ThreadFeed> {
    await this.getThread(key);
    this.watched.push(watch);
    const batches: (readonly ThreadEvent[] | null)[] = [this.events, null];
    return { next: async () => batches.shift() ?? null, close: () => {} };
  }

  async threadHistory(key: ThreadKey, query: HistoryQuery): Promise<readonly Checkpoint[]> {
    await this.getThread(key);
    this.asked.push(query);
    return this.checkpoints;
  }
}

export function threadOf(changes: Partial<Thread>): Thread {
  return {
    threadId,
    tenant: 'default',
    agentId: null,
    metadata: {},
    status: 'idle',
    values: null,
    messages: [],
    activeRunId: null,
    session: null,
    version: 1,
    createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    updatedAtMs: Date.UTC(2026, 0, 2, 3, 4, 6),
    ...changes,
  };
}

export function checkpointOf(changes: Partial<Checkpoint>): Checkpoint {
  return {
    checkpointId,
    threadId,
    values: { count: 1 },
    messages: [],
    metadata: {},
    runId: null,
    atMs: Date.UTC(2026, 0, 2, 3, 4, 6),
    ...changes,
  };
}
