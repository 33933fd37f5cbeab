import { setTimeout as delay } from 'node:timers/promises';
import type { CreateThread } from '../../src/contract/api/thread-use-cases.ts';
import type { AgentQuery, CreateRun, Creation, RunFeed, UseCases } from '../../src/contract/api/use-cases.ts';
import type { Agent } from '../../src/contract/domain/agent.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Change, RunEvent } from '../../src/contract/domain/event.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run, RunKey } from '../../src/contract/domain/run.ts';
import type { Checkpoint, Thread } from '../../src/contract/domain/thread.ts';
import type { RunQuery } from '../../src/contract/store/store.ts';
import { ScriptedItems } from './scripted-items.ts';
import { ScriptedThreads } from './scripted-threads.ts';

export const agentId = '7f0c2f6e-0d2e-5f43-9f43-0b8f6f1d2a11';
export const runId = '0193b3a0-6b7c-7d2e-8f00-1234567890ab';
export const absentId = '0193b3a0-6b7c-7d2e-8f00-00000000dead';

/** A feed that gives what a test puts in. */
export class ScriptedFeed implements RunFeed {
  readonly afterSeq: number;
  readonly closed: Promise<void>;
  /** How often a reader asked for more. */
  pulls = 0;
  readonly #close = Promise.withResolvers<void>();
  readonly #batches: (readonly RunEvent[] | null | Error)[] = [];
  #wake: (() => void) | null = null;

  constructor(afterSeq: number) {
    this.afterSeq = afterSeq;
    this.closed = this.#close.promise;
  }

  /** Null ends the feed, an error breaks it. */
  give(batch: readonly RunEvent[] | null | Error): this {
    this.#batches.push(batch);
    this.#wake?.();
    return this;
  }

  async next(): Promise<readonly RunEvent[] | null> {
    this.pulls++;
    while (this.#batches.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const batch = this.#batches.shift() ?? null;
    if (batch instanceof Error) throw batch;
    return batch;
  }

  close(): void {
    this.#close.resolve();
    this.give(null);
  }
}

type CancelOptions = Parameters<UseCases['cancelRun']>[1];
type Waiter = { readonly blockMs: number; readonly signal: AbortSignal; resolve(run: Run): void };

/** The port that protocols talk to, over a map; what it was asked is kept, what it answers is set by the test. */
export class ScriptedUseCases implements UseCases {
  readonly runs = new Map<string, Run>();
  readonly agents = new Map<string, Agent>();
  readonly created: CreateRun[] = [];
  readonly resumed: Json[] = [];
  readonly searched: RunQuery[] = [];
  readonly agentSearched: AgentQuery[] = [];
  readonly keys: RunKey[] = [];
  readonly feeds: ScriptedFeed[] = [];
  readonly waiters: Waiter[] = [];
  /** Makes the feed of a reader that attaches after a sequence number. */
  script: (feed: ScriptedFeed) => void = () => {};
  replayed = false;
  /** What every method throws instead. */
  failure: Error | null = null;
  readonly threads = new ScriptedThreads();
  readonly items = new ScriptedItems();
  readonly cancelled: (CancelOptions & RunKey)[] = [];
  /** What a created run is at once. */
  born: Partial<Run> = {};
  readonly getThread: UseCases['getThread'] = (key) => this.threads.getThread(key);
  readonly searchThreads: UseCases['searchThreads'] = (query) => this.threads.searchThreads(query);
  readonly patchThread: UseCases['patchThread'] = (key, patch) => this.threads.patchThread(key, patch);
  readonly copyThread: UseCases['copyThread'] = (key) => this.threads.copyThread(key);
  readonly deleteThread: UseCases['deleteThread'] = (key) => this.threads.deleteThread(key);
  readonly findCheckpoint: UseCases['findCheckpoint'] = (key, id) => this.threads.findCheckpoint(key, id);
  readonly watchThread: UseCases['watchThread'] = (key, watch) => this.threads.watchThread(key, watch);
  readonly threadHistory: UseCases['threadHistory'] = (key, query) => this.threads.threadHistory(key, query);

  readonly putItem: UseCases['putItem'] = (command) => this.items.putItem(command);
  readonly getItem: UseCases['getItem'] = (key) => this.items.getItem(key);
  readonly deleteItem: UseCases['deleteItem'] = (key) => this.items.deleteItem(key);
  readonly searchItems: UseCases['searchItems'] = (query) => this.items.searchItems(query);
  readonly listNamespaces: UseCases['listNamespaces'] = (query) => this.items.listNamespaces(query);

  constructor() {
    this.agents.set(agentId, agentOf({}));
    this.runs.set(runId, runOf({}));
  }

  async createRun(command: CreateRun): Promise<Creation> {
    this.#mayFail();
    this.created.push(command);
    const agent = this.getAgent(command.agent ?? agentId);
    const threadId = await this.#join(command);
    const run = runOf({ agentId: agent.agentId, request: command.request, threadId, ...this.born });
    this.runs.set(run.runId, run);
    return { run, replayed: this.replayed };
  }

  async #join({ thread, tenant }: CreateRun): Promise<string | null> {
    if (thread === undefined) return null;
    const { threadId, ifNotExists, whenBusy } = thread;
    if (ifNotExists === 'create') await this.createThread({ tenant, threadId, metadata: {}, ifExists: 'do_nothing' });
    const { activeRunId } = await this.getThread({ tenant, threadId });
    if (activeRunId !== null && whenBusy === 'reject') throw new GatewayError('thread_busy');
    return threadId;
  }

  async getRun(key: RunKey): Promise<Run> {
    this.#mayFail();
    this.keys.push(key);
    const run = this.runs.get(key.runId);
    if (run === undefined) throw new GatewayError('run_not_found');
    return run;
  }

  async awaitRun(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run> {
    const run = await this.getRun(key);
    if (run.status !== 'pending' || signal.aborted) return run;
    return await new Promise<Run>((resolve) => {
      this.waiters.push({ blockMs, signal, resolve });
      signal.addEventListener('abort', () => resolve(run));
    });
  }

  async watchRun(key: RunKey, afterSeq: number): Promise<RunFeed> {
    await this.getRun(key);
    const feed = new ScriptedFeed(afterSeq);
    this.feeds.push(feed);
    this.script(feed);
    return feed;
  }

  async resumeRun(key: RunKey, payload: Json): Promise<Run> {
    const run = await this.getRun(key);
    if (run.status !== 'interrupted') throw new GatewayError('run_not_interrupted');
    this.resumed.push(payload);
    return { ...run, status: 'pending', phase: 'resuming' };
  }

  async createThread(command: CreateThread): Promise<Thread> {
    if (command.agent !== undefined) this.getAgent(command.agent);
    return await this.threads.createThread(command);
  }

  async cancelRun(key: RunKey, options: CancelOptions): Promise<Run> {
    const run = await this.getRun(key);
    this.cancelled.push({ ...key, ...options });
    if (options.action === 'rollback') this.runs.delete(key.runId);
    return run;
  }

  async stateAfterRun(key: RunKey): Promise<Checkpoint | null> {
    await this.getRun(key);
    return await this.threads.stateAfterRun(key);
  }

  async deleteRun(key: RunKey): Promise<Run> {
    const run = await this.getRun(key);
    this.runs.delete(key.runId);
    return run;
  }

  async searchRuns(query: RunQuery): Promise<readonly Run[]> {
    this.#mayFail();
    this.searched.push(query);
    return [...this.runs.values()];
  }

  getAgent(idOrName: string): Agent {
    const agent = this.agents.get(idOrName) ?? [...this.agents.values()].find(({ name }) => name === idOrName);
    if (agent === undefined) throw new GatewayError('agent_not_found');
    return agent;
  }

  searchAgents(query: AgentQuery): readonly Agent[] {
    this.agentSearched.push(query);
    return [...this.agents.values()].filter(({ name }) => query.name === undefined || query.name === name);
  }

  #mayFail(): void {
    if (this.failure !== null) throw this.failure;
  }
}

export function runOf(changes: Partial<Run>): Run {
  return {
    runId,
    tenant: 'default',
    agentId,
    agentName: 'price-scraper',
    threadId: null,
    request: {},
    phase: 'running',
    status: 'pending',
    upstream: null,
    outcome: null,
    resumption: null,
    answeredInterrupt: null,
    attempts: 0,
    lastSeq: 1,
    version: 1,
    owner: null,
    createdAtMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
    updatedAtMs: Date.UTC(2026, 0, 2, 3, 4, 6),
    startedAtMs: null,
    deadlineAtMs: Date.UTC(2026, 0, 2, 4),
    ...changes,
  };
}

export function agentOf(changes: Partial<Agent>): Agent {
  const unused = (): never => {
    throw new Error('HTTP has no business with it');
  };
  return {
    agentId,
    name: 'price-scraper',
    version: '1.2.3',
    description: 'Reads the prices of one shop page.',
    backend: 'intuned-main',
    metadata: {},
    target: {},
    schemas: {
      input: { type: 'object', required: ['url'] },
      output: { type: 'array' },
      config: {},
      interrupts: [],
    },
    checkInput: unused,
    checkConfig: unused,
    checkResume: unused,
    timeoutMs: 1000,
    lostAfterMs: 1000,
    onUnknownStart: 'fail',
    capabilities: { resume: false, cancel: false, push: false, session: false },
    connection: { start: unused, observe: unused },
    mapping: {
      interrupts: false,
      plainInput: unused,
      input: unused,
      read: unused,
      resume: unused,
      threadState: unused,
    },
    ...changes,
  };
}

export function eventOf(seq: number, change: Change, status: RunEvent['status'] = 'pending'): RunEvent {
  return { runId, seq, atMs: 0, status, change };
}

/** Resolves once `holds`; the test's own time limit is what gives up. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await delay(1);
}
