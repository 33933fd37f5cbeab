import type { ResumedRun } from '../../src/contract/api/runs.ts';
import type { CreateThread, ResumeThread, ThreadPatch, Threads, WatchThread } from '../../src/contract/api/threads.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { EventBatches, ThreadEvent } from '../../src/contract/domain/event.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run, RunKey } from '../../src/contract/domain/run.ts';
import type {
  Checkpoint,
  CheckpointCounts,
  HistoryQuery,
  Thread,
  ThreadFilter,
  ThreadKey,
  ThreadQuery,
  ThreadRef,
} from '../../src/contract/domain/thread.ts';
import type { RowBatch, Rows } from '../../src/contract/store/rows.ts';
import { patchState } from '../../src/engine/api/thread-patch.ts';
import { rowsOf } from '../store/rows.ts';

export const threadId = '0193b3a0-6b7c-7d2e-8f00-7777777777aa';
export const newThreadId = '0193b3a0-6b7c-7d2e-8f00-7777777777bb';
export const checkpointId = '0193b3a0-6b7c-7d2e-8f00-cccccccccccc';

type ScriptedRunCalls = {
  get(key: RunKey): Promise<Run>;
  resume(key: RunKey, payload: Json): Promise<ResumedRun>;
};

/** Threads over a map, with one of them in it; commands and queries are recorded. */
export class ScriptedThreads implements Threads {
  readonly byId = new Map<string, Thread>();
  readonly checkpoints: Checkpoint[] = [];
  readonly created: CreateThread[] = [];
  readonly searched: ThreadQuery[] = [];
  readonly patched: ThreadPatch[] = [];
  readonly asked: HistoryQuery[] = [];
  readonly watched: WatchThread[] = [];
  /** What a reader of a thread is given before its end. */
  events: readonly ThreadEvent[] = [];

  readonly #checkAgent: (idOrName: string) => unknown;
  readonly #runs: ScriptedRunCalls;

  /** All throw for what does not exist. */
  constructor(checkAgent: (idOrName: string) => unknown, runs: ScriptedRunCalls) {
    this.#checkAgent = checkAgent;
    this.#runs = runs;
    this.byId.set(threadId, threadOf({}));
  }

  async create(command: CreateThread): Promise<Thread> {
    if (command.agent !== undefined) this.#checkAgent(command.agent);
    this.created.push(command);
    const { tenant, threadId: id = newThreadId, metadata } = command;
    const existing = this.byId.get(id);
    if (existing !== undefined && command.ifExists === 'raise') throw new GatewayError('thread_exists');
    const thread = existing ?? threadOf({ tenant, threadId: id, metadata, agentId: command.agent ?? null });
    this.byId.set(id, thread);
    return thread;
  }

  async get(key: ThreadKey): Promise<Thread> {
    const thread = this.byId.get(key.threadId);
    if (thread === undefined) throw new GatewayError('thread_not_found');
    return thread;
  }

  search(query: ThreadQuery): Rows<Thread> {
    this.searched.push(query);
    return rowsOf([...this.byId.values()]);
  }

  async count(filter: ThreadFilter): Promise<number> {
    this.searched.push({ ...filter, limit: 0, offset: 0 });
    return this.byId.size;
  }

  async patch(key: ThreadKey, patch: ThreadPatch): Promise<Thread> {
    const thread = await this.get(key);
    this.patched.push(patch);
    const metadata = { ...thread.metadata, ...patch.metadata };
    const changed = { ...thread, ...patchState(thread, patch), metadata };
    this.byId.set(key.threadId, changed);
    return changed;
  }

  /** The id of a named thread is the one that a test has set for the name. */
  readonly ids = new Map<string, string>();

  async keyOf(tenant: string, { threadId: id, name }: ThreadRef): Promise<ThreadKey> {
    if (id !== undefined) return { tenant, threadId: id };
    return { tenant, threadId: this.ids.get(name) ?? (/^[0-9a-f-]{36}$/i.test(name) ? name : newThreadId) };
  }

  async resume({ key, payload, interrupt }: ResumeThread): Promise<ResumedRun> {
    const { activeRunId } = await this.get(key);
    if (activeRunId === null || (interrupt !== undefined && interrupt.runId !== activeRunId))
      throw new GatewayError('thread_not_interrupted');
    const runKey = { tenant: key.tenant, runId: activeRunId };
    const { status, lastSeq } = await this.#runs.get(runKey);
    if (status !== 'interrupted' || (interrupt !== undefined && interrupt.seq !== lastSeq))
      throw new GatewayError('thread_not_interrupted');
    return await this.#runs.resume(runKey, payload);
  }

  async copy(key: ThreadKey): Promise<Thread> {
    const copy = { ...(await this.get(key)), threadId: newThreadId };
    this.byId.set(newThreadId, copy);
    return copy;
  }

  async delete(key: ThreadKey): Promise<void> {
    const { activeRunId } = await this.get(key);
    if (activeRunId !== null) throw new GatewayError('thread_busy');
    this.byId.delete(key.threadId);
  }

  async stateAfterRun(key: RunKey): Promise<Checkpoint | null> {
    await this.#runs.get(key);
    const { runId } = key;
    return this.checkpoints.find((each) => each.runId === runId) ?? null;
  }

  async countCheckpoints(key: ThreadKey, beforeId: string | null): Promise<CheckpointCounts> {
    await this.get(key);
    const at = this.checkpoints.findIndex(({ checkpointId: each }) => each === beforeId);
    const older = beforeId === null ? this.checkpoints : at < 0 ? [] : this.checkpoints.slice(at + 1);
    const runs = older.filter((each) => each.runId !== null).length;
    return { runs, patches: older.length - runs };
  }

  async findCheckpoint(key: ThreadKey, wanted: string): Promise<Checkpoint | null> {
    await this.get(key);
    return this.checkpoints.find((each) => each.checkpointId === wanted) ?? null;
  }

  async watch(key: ThreadKey, options: WatchThread): Promise<EventBatches<ThreadEvent>> {
    await this.get(key);
    this.watched.push(options);
    return onceGiven(this.events);
  }

  async *history(key: ThreadKey, query: HistoryQuery): AsyncGenerator<RowBatch<Checkpoint>, undefined> {
    await this.get(key);
    this.asked.push(query);
    // An id that is not there has none before it.
    const at = this.checkpoints.findIndex(({ checkpointId: each }) => each === query.beforeId);
    yield* rowsOf(query.beforeId === null ? this.checkpoints : at < 0 ? [] : this.checkpoints.slice(at + 1));
  }
}

/** One batch, and the end. */
function onceGiven(events: readonly ThreadEvent[]): EventBatches<ThreadEvent> {
  const batches = [events];
  const done = { done: true, value: undefined } as const;
  return {
    next: async () => {
      const value = batches.shift();
      return value === undefined ? done : { done: false, value };
    },
    return: async () => done,
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

export function threadOf(changes: Partial<Thread>): Thread {
  return {
    threadId,
    tenant: 'default',
    name: null,
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
