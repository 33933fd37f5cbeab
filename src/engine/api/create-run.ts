import { v7 as uuidV7 } from 'uuid';
import type { CreateRun } from '../../contract/api/runs.ts';
import type { Agent, Violation } from '../../contract/domain/agent.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import type { Cap } from '../../contract/domain/cap.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run, RunRequest } from '../../contract/domain/run.ts';
import type { RunTrace } from '../../contract/domain/trace.ts';
import type { Insertion } from '../../contract/store/store.ts';
import { capReached, capsOf, sharesOf } from '../limits/caps.ts';
import { agentFor } from '../placement.ts';
import { webhooksOf, withWebhook } from '../webhooks/run-webhooks.ts';
import type { Worker } from '../worker/worker.ts';
import { agentNotFound } from './agent-service.ts';
import { type InsertRunDeps, type JoinedThread, RunInserter } from './insert-run.ts';
import { RunIds } from './run-ids.ts';
import type { ThreadNames } from './thread-names.ts';

export type RunCreatorDeps = InsertRunDeps & {
  readonly replica: string;
  readonly worker: Worker;
  /** Those of the config in force. */
  readonly caps: () => readonly Cap[];
  readonly names: ThreadNames;
  /** The request in whose course a run is created; undefined outside of one. */
  readonly currentTrace: () => RunTrace | undefined;
};

/** A new run, or the id of one that an earlier request with the same idempotency key made. */
export type CreationOutcome =
  | { readonly kind: 'new'; readonly run: Run }
  | { readonly kind: 'replayed'; readonly runId: string };

/** Makes runs: checked, durable, and driven from the turn in which they are. */
export class RunCreator {
  readonly #deps: RunCreatorDeps;
  readonly #ids = new RunIds();
  readonly #inserter: RunInserter;

  constructor(deps: RunCreatorDeps) {
    this.#deps = deps;
    this.#inserter = new RunInserter(deps);
  }

  /** Rejects with `GatewayError`, and with `StorageFault`. */
  async create(command: CreateRun): Promise<CreationOutcome> {
    const named = this.#agentFor(command);
    refuseOpen(named, command.request);
    const agent = agentFor(named, command.request);
    const { input = {}, config = {} } = command.request;
    // Nearly all violations are known at once, and then no promise turn is spent on them.
    const ofInput = agent.checkInput(input);
    const violation = (ofInput instanceof Promise ? await ofInput : ofInput) ?? agent.checkConfig(config);
    refuseViolation(violation instanceof Promise ? await violation : violation);
    const joining = this.#threadFor(command, agent);
    const thread = joining instanceof Promise ? await joining : joining;
    const caps = capsOf(this.#deps.caps(), { agent: agent.name, tenant: command.tenant });
    const shares = sharesOf(caps);
    const draft = this.#draft(command, agent, thread);
    const drafted = shares === undefined ? draft : { ...draft, caps: shares };
    const { worker } = this.#deps;
    const fastStart = worker.prepare(drafted, agent);
    const run = fastStart?.run ?? drafted;
    let insertion: Insertion;
    try {
      insertion = await this.#inserter.insert(run, { command, thread, caps });
    } catch (error) {
      if (fastStart !== null) worker.abandon(fastStart);
      throw error;
    }
    // The worker begins in the very turn in which the run is durable; the client does not wait for it.
    if (insertion.kind === 'inserted') worker.begin(run, agent, fastStart);
    else if (fastStart !== null) worker.abandon(fastStart);
    switch (insertion.kind) {
      case 'inserted':
        return { kind: 'new', run: drafted };
      case 'replayed':
        return insertion;
      case 'mismatch':
        throw new GatewayError('idempotency_mismatch');
      case 'thread-missing':
        throw new GatewayError('thread_not_found');
      case 'thread-busy':
        throw new GatewayError('thread_busy');
      case 'capped':
        throw capReached(insertion.reached);
      default:
        return assertNever(insertion);
    }
  }

  /** A run that names no thread gets one of its own where it keeps its state or needs a session. */
  #threadFor({ tenant, thread, request }: CreateRun, agent: Agent): JoinedThread | Promise<JoinedThread> | undefined {
    if (thread === undefined) {
      const needsOne = request.onCompletion === 'keep' || agent.capabilities.session;
      return needsOne ? { threadId: uuidV7(), name: null, ifNotExists: 'create', whenBusy: 'reject' } : undefined;
    }
    const { ifNotExists, whenBusy, metadata } = thread;
    const terms = { ifNotExists, whenBusy, metadata };
    if (thread.threadId !== undefined) return { threadId: thread.threadId, name: null, ...terms };
    return this.#deps.names.resolve(tenant, thread).then((named) => ({ ...named, ...terms }));
  }

  #agentFor({ agent: idOrName, agents: usable }: CreateRun): Agent {
    const { agents } = this.#deps;
    const agent = idOrName === undefined ? agents.defaultAgent : agents.find(idOrName);
    if (agent === null && idOrName === undefined) throw new GatewayError('agent_required');
    // A key that is limited to some agents must not learn which others exist.
    if (usable !== undefined && (agent === null || !usable.has(agent.name))) throw new GatewayError('agent_forbidden');
    if (agent === null) throw agentNotFound(idOrName ?? '', agents);
    return agent;
  }

  #draft({ tenant, request: asked, thread, webhooks }: CreateRun, agent: Agent, joined: JoinedThread | undefined): Run {
    const nowMs = this.#deps.clock.nowMs();
    const hasOwnThread = joined !== undefined && thread === undefined;
    let request: RunRequest = { ...asked, trace: this.#deps.currentTrace() };
    if (joined !== undefined && joined.name !== null) request = { ...request, threadName: joined.name };
    if (hasOwnThread && asked.onCompletion === undefined) request = { ...request, onCompletion: 'delete' };
    return {
      runId: this.#ids.next(nowMs),
      tenant,
      agentId: agent.agentId,
      agentName: agent.name,
      threadId: joined?.threadId ?? null,
      request,
      phase: 'queued',
      status: 'pending',
      upstream: null,
      outcome: null,
      resumption: null,
      answeredInterrupt: null,
      attempts: 0,
      lastSeq: 1,
      version: 1,
      owner: this.#deps.replica,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      startedAtMs: null,
      deadlineAtMs: nowMs + (request.afterMs ?? 0) + agent.timeoutMs,
      ...(webhooks === undefined ? {} : { webhooks: webhooks.reduce(withWebhook, webhooksOf({ request })) }),
    };
  }
}

/** Throws `invalid_request` where the agent leaves to the request what to run, and the request does not say it. */
function refuseOpen({ native }: Agent, request: RunRequest): void {
  if (native?.isOpen !== true || request.native !== undefined) return;
  const detail = `names an agent that runs what a request of the vendor's own API names; make the run under /${native.vendor}`;
  throw new GatewayError('invalid_request', { path: 'agent_id', detail });
}

/** @throws GatewayError for a violation */
export function refuseViolation(violation: Violation | null): void {
  if (violation !== null) throw new GatewayError('invalid_input', { path: violation.path, detail: violation.message });
}
