import { setTimeout as delay } from 'node:timers/promises';
import { AuthorizedAdmin } from '../../src/access/authorized-admin.ts';
import { anonymous } from '../../src/access/principals.ts';
import type { AgentQuery, Agents } from '../../src/contract/api/agents.ts';
import type { Api } from '../../src/contract/api/api.ts';
import type {
  CancelOptions,
  CreatedRun,
  CreateRun,
  QuestionAnswers,
  ResumedRun,
  Runs,
} from '../../src/contract/api/runs.ts';
import type { VendorAnswer, VendorCall, VendorCalls } from '../../src/contract/api/vendor-calls.ts';
import type { Agent } from '../../src/contract/domain/agent.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';
import type { Change, EventBatches, RunEvent } from '../../src/contract/domain/event.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Run, RunKey, RunSummary } from '../../src/contract/domain/run.ts';
import type { NewRunWebhook, RunWebhook } from '../../src/contract/domain/run-webhook.ts';
import type { Rows } from '../../src/contract/store/rows.ts';
import type { RunConditions, RunQuery } from '../../src/contract/store/store.ts';
import { webhooksOf, withWebhook } from '../../src/engine/webhooks/run-webhooks.ts';
import { rowsOf } from '../store/rows.ts';
import { ScriptedItems } from './scripted-items.ts';
import { ScriptedThreads } from './scripted-threads.ts';

export const agentId = '7f0c2f6e-0d2e-5f43-9f43-0b8f6f1d2a11';
export const runId = '0193b3a0-6b7c-7d2e-8f00-1234567890ab';
export const absentId = '0193b3a0-6b7c-7d2e-8f00-00000000dead';

/** A stream of the events that a test puts in. */
export class ScriptedStream implements EventBatches<RunEvent> {
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

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Null ends the stream, an error breaks it. */
  give(batch: readonly RunEvent[] | null | Error): this {
    this.#batches.push(batch);
    this.#wake?.();
    return this;
  }

  async next(): Promise<IteratorResult<readonly RunEvent[], undefined>> {
    this.pulls++;
    while (this.#batches.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const batch = this.#batches.shift() ?? null;
    if (batch instanceof Error) throw batch;
    return batch === null ? { done: true, value: undefined } : { done: false, value: batch };
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#close.resolve();
    this.give(null);
    return { done: true, value: undefined };
  }
}

type Waiter = { readonly blockMs: number; readonly signal: AbortSignal; resolve(run: Run): void };

/** Agents over a map; queries are recorded. */
export class ScriptedAgents implements Agents {
  readonly byId = new Map<string, Agent>();
  readonly searched: AgentQuery[] = [];

  get(idOrName: string): Agent {
    const agent = this.byId.get(idOrName) ?? [...this.byId.values()].find(({ name }) => name === idOrName);
    if (agent === undefined) throw new GatewayError('agent_not_found');
    return agent;
  }

  onChanged(): () => void {
    return () => {};
  }

  search(query: AgentQuery): readonly Agent[] {
    this.searched.push(query);
    return [...this.byId.values()].filter(({ name }) => query.name === undefined || query.name === name);
  }
}

/** Runs over a map; commands and queries are recorded, and the test sets the answers. */
export class ScriptedRuns implements Runs {
  readonly byId = new Map<string, Run>();
  readonly created: CreateRun[] = [];
  readonly resumed: Json[] = [];
  readonly searched: RunQuery[] = [];
  readonly counted: RunConditions[] = [];
  readonly keys: RunKey[] = [];
  readonly polled: RunKey[] = [];
  readonly streams: ScriptedStream[] = [];
  readonly waiters: Waiter[] = [];
  readonly cancelled: (CancelOptions & RunKey)[] = [];
  /** Fills the stream of a reader that attaches after a sequence number. */
  script: (stream: ScriptedStream) => void = () => {};
  replayed = false;
  /** Thrown by every method instead of an answer. */
  failure: Error | null = null;
  /** What a created run is at once. */
  born: Partial<Run> = {};
  readonly #agents: ScriptedAgents;
  readonly #threads: ScriptedThreads;

  constructor(agents: ScriptedAgents, threads: ScriptedThreads) {
    this.#agents = agents;
    this.#threads = threads;
  }

  async create(command: CreateRun): Promise<CreatedRun> {
    this.#mayFail();
    this.created.push(command);
    const agent = this.#agents.get(command.agent ?? agentId);
    const threadId = await this.#join(command);
    const run = runOf({ agentId: agent.agentId, request: command.request, threadId, ...this.born });
    this.byId.set(run.runId, run);
    return { run, replayed: this.replayed };
  }

  async #join({ thread, tenant }: CreateRun): Promise<string | null> {
    if (thread === undefined) return null;
    const { ifNotExists, whenBusy } = thread;
    const { threadId } = await this.#threads.keyOf(tenant, thread);
    if (ifNotExists === 'create') {
      await this.#threads.create({ tenant, threadId, metadata: {}, ifExists: 'do_nothing' });
    }
    const { activeRunId } = await this.#threads.get({ tenant, threadId });
    if (activeRunId !== null && whenBusy === 'reject') throw new GatewayError('thread_busy');
    return threadId;
  }

  async get(key: RunKey): Promise<Run> {
    this.#mayFail();
    this.keys.push(key);
    const run = this.byId.get(key.runId);
    if (run === undefined) throw new GatewayError('run_not_found');
    return run;
  }

  async poll(key: RunKey): Promise<Run> {
    this.polled.push(key);
    return await this.get(key);
  }

  async wait(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run> {
    const run = await this.get(key);
    if (run.status !== 'pending' || signal.aborted) return run;
    return await new Promise<Run>((resolve) => {
      this.waiters.push({ blockMs, signal, resolve });
      signal.addEventListener('abort', () => resolve(run));
    });
  }

  async watch(key: RunKey, afterSeq: number): Promise<ScriptedStream> {
    await this.get(key);
    const stream = new ScriptedStream(afterSeq);
    this.streams.push(stream);
    this.script(stream);
    return stream;
  }

  async resume(key: RunKey, payload: Json): Promise<ResumedRun> {
    const run = await this.get(key);
    if (run.status !== 'interrupted') throw new GatewayError('run_not_interrupted');
    this.resumed.push(payload);
    return { run: { ...run, status: 'pending', phase: 'resuming' }, afterSeq: run.lastSeq, replayed: false };
  }

  async answer(key: RunKey, { answers }: QuestionAnswers): Promise<Run> {
    return (await this.resume(key, answers)).run;
  }

  async cancel(key: RunKey, options: CancelOptions): Promise<Run> {
    const run = await this.get(key);
    this.cancelled.push({ ...key, ...options });
    if (options.action === 'rollback') this.byId.delete(key.runId);
    return run;
  }

  async delete(key: RunKey): Promise<Run> {
    const run = await this.get(key);
    this.byId.delete(key.runId);
    return run;
  }

  search(query: RunQuery): Rows<RunSummary> {
    this.#mayFail();
    this.searched.push(query);
    return rowsOf([...this.byId.values()]);
  }

  async count(conditions: RunConditions): Promise<number> {
    this.#mayFail();
    this.counted.push(conditions);
    return this.byId.size;
  }

  async webhooks(key: RunKey): Promise<readonly RunWebhook[]> {
    return webhooksOf(await this.get(key));
  }

  async putWebhook(key: RunKey, webhook: NewRunWebhook): Promise<RunWebhook> {
    const webhooks = withWebhook(await this.webhooks(key), webhook);
    this.byId.set(key.runId, { ...(await this.get(key)), webhooks });
    const put = webhooks.find(({ id }) => id === webhook.id) ?? webhooks.at(-1);
    if (put === undefined) throw new Error('nothing was added');
    return put;
  }

  async removeWebhook(key: RunKey, id: string): Promise<boolean> {
    const before = await this.webhooks(key);
    const webhooks = before.filter((webhook) => webhook.id !== id);
    this.byId.set(key.runId, { ...(await this.get(key)), webhooks });
    return webhooks.length < before.length;
  }

  #mayFail(): void {
    if (this.failure !== null) throw this.failure;
  }
}

/** Passed calls are recorded, and the test sets the answer. */
class ScriptedVendors implements VendorCalls {
  readonly passed: VendorCall[] = [];
  /** Null: what the vendor answers when all is well. */
  answer: VendorAnswer | Error | null = null;

  async pass(call: VendorCall): Promise<VendorAnswer> {
    this.passed.push(call);
    if (this.answer instanceof Error) throw this.answer;
    return this.answer ?? successOf(call);
  }
}

function successOf({ method, path }: VendorCall): VendorAnswer {
  if (method === 'DELETE') return { status: 204, body: undefined };
  const isCreation = /\/(?:jobs|create|update|validate\/start)$/.test(`/${path.join('/')}`);
  return { status: method === 'POST' && isCreation ? 201 : 200, body: {} };
}

/** The API that protocols are given, over maps, with one agent, run and thread in it. */
export class ScriptedApi implements Api {
  readonly agents = new ScriptedAgents();
  readonly threads = new ScriptedThreads((idOrName) => this.agents.get(idOrName), {
    get: (key) => this.runs.get(key),
    resume: (...resumption) => this.runs.resume(...resumption),
  });
  readonly runs: ScriptedRuns;
  readonly items = new ScriptedItems();
  /** The admin API has a gateway of its own in its tests. */
  readonly admin = new AuthorizedAdmin(anonymous, null);
  readonly vendors = new ScriptedVendors();

  constructor(Runs: typeof ScriptedRuns = ScriptedRuns) {
    this.runs = new Runs(this.agents, this.threads);
    this.agents.byId.set(agentId, agentOf({}));
    this.runs.byId.set(runId, runOf({}));
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
    unauthorisedAfterMs: 600_000,
    onUnknownStart: 'fail',
    capabilities: { resume: false, cancel: false, push: false, session: false },
    connectionFor: unused,
    mapping: {
      interrupts: false,
      plainInput: unused,
      input: unused,
      describeEnd: unused,
      cost: unused,
      isFinal: unused,
      read: unused,
      resume: unused,
      threadState: unused,
      amend: unused,
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
