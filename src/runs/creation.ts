import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { Agent, AgentDirectory } from '../contract/agent.ts';
import type { Clock } from '../contract/clock.ts';
import { GatewayError } from '../contract/errors.ts';
import { assertNever, canonicalJson } from '../contract/json.ts';
import type { Run, RunRequest } from '../contract/run.ts';
import type { Idempotency, Insertion, Store } from '../contract/store.ts';
import type { Admission } from '../contract/thread.ts';
import type { CreateRun, JoinThread } from '../contract/use-cases.ts';
import { answering } from './answering.ts';
import type { Fleet } from './fleet.ts';
import type { Journal } from './journal.ts';
import { bornEvent } from './life.ts';
import { RunIds } from './run-ids.ts';
import type { Terminator } from './terminator.ts';
import { emptyThread } from './threads/threads.ts';

export type CreationParts = {
  readonly replica: string;
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly journal: Journal;
  readonly fleet: Fleet;
  readonly terminator: Terminator;
  readonly clock: Clock;
  /** How long an idempotency key is kept. */
  readonly idempotencyMs: number;
};

/** A run that was made, or the id of one that an earlier request with the same key made. */
export type Created =
  | { readonly kind: 'new'; readonly run: Run }
  | { readonly kind: 'replayed'; readonly runId: string };

/** Live runs of one thread that one `interrupt` or `rollback` looks at, at a time. */
const displacedBatch = 100;
/** Who has too many live runs may come again when one may have ended. */
const quotaRetrySeconds = 5;

/** Makes runs: checked, durable, and handed to a driver in the turn in which they are. */
export class Creator {
  readonly #parts: CreationParts;
  readonly #ids = new RunIds();
  /** Idempotency keys of creations under way. */
  readonly #underWay = new Set<string>();

  constructor(parts: CreationParts) {
    this.#parts = parts;
  }

  async create(command: CreateRun): Promise<Created> {
    const agent = this.#agentFor(command);
    const { input = {}, config = {} } = command.request;
    const violation = agent.checkInput(input) ?? agent.checkConfig(config);
    if (violation !== null)
      throw new GatewayError('invalid_input', { path: violation.path, detail: violation.message });
    const thread = this.#threadOf(command, agent);
    const run = this.#newRun(command, agent, thread?.threadId ?? null);
    // The driver begins in the very turn in which the run is durable; the client does not wait for it.
    const insertion = await this.#parts.fleet.take(run, agent, (written) =>
      this.#insertCounted(written, command, thread),
    );
    switch (insertion.kind) {
      case 'inserted':
        return { kind: 'new', run };
      case 'replayed':
        return insertion;
      case 'mismatch':
        throw new GatewayError('idempotency_mismatch');
      case 'thread-missing':
        throw new GatewayError('thread_not_found');
      case 'thread-busy':
        throw new GatewayError('thread_busy');
      default:
        return assertNever(insertion);
    }
  }

  #agentFor({ agent: idOrName, agents: usable }: CreateRun): Agent {
    const { agents } = this.#parts;
    const agent = idOrName === undefined ? agents.defaultAgent : agents.find(idOrName);
    if (agent === null && idOrName === undefined) throw new GatewayError('agent_required');
    // Whoever may use only some agents is not told which others there are.
    if (usable !== undefined && (agent === null || !usable.has(agent.name))) throw new GatewayError('agent_forbidden');
    if (agent === null) throw new GatewayError('agent_not_found');
    return agent;
  }

  /** A run that is to leave its state behind, or that needs a living agent, but names no thread, gets one of its own. */
  #threadOf(command: CreateRun, agent: Agent): JoinThread | undefined {
    const needsOne = command.request.onCompletion === 'keep' || agent.capabilities.living;
    if (command.thread !== undefined || !needsOne) return command.thread;
    return { threadId: uuidV7(), ifNotExists: 'create', whenBusy: 'reject' };
  }

  /** Where the client's key has a limit of live runs, the run is counted first, and no longer if there is none of it. */
  async #insertCounted(run: Run, command: CreateRun, thread: JoinThread | undefined): Promise<Insertion> {
    const { quota, tenant, idempotencyKey: key } = command;
    if (quota === undefined) return await this.#insert(run, command, thread);
    const { usage } = this.#parts.store;
    const retry = key === undefined ? undefined : { tenant, key };
    if (!(await answering(usage.admitRun(quota, run.runId, retry)))) {
      throw new GatewayError('too_many_runs', {
        retryAfterSeconds: quotaRetrySeconds,
        quota: { policy: 'live-runs', most: quota.mostLive },
        detail: `at most ${quota.mostLive}`,
      });
    }
    const insertion = await this.#insert(run, command, thread);
    if (insertion.kind !== 'inserted') await answering(usage.dismissRun(run.runId));
    return insertion;
  }

  /** Of two creations with one key at the same time, the second is told to come back rather than made to wait. */
  async #insert(run: Run, command: CreateRun, thread: JoinThread | undefined): Promise<Insertion> {
    const { idempotencyKey: key, tenant } = command;
    if (key === undefined) return await this.#insertInto(run, thread);
    const underWay = `${tenant} ${key}`;
    if (this.#underWay.has(underWay)) throw new GatewayError('idempotency_in_progress', { retryAfterSeconds: 1 });
    this.#underWay.add(underWay);
    try {
      const fingerprint = fingerprintOf(command, run.agentId);
      const expiresAtMs = run.createdAtMs + this.#parts.idempotencyMs;
      return await this.#insertInto(run, thread, { tenant, key, fingerprint, expiresAtMs });
    } finally {
      this.#underWay.delete(underWay);
    }
  }

  async #insertInto(run: Run, thread: JoinThread | undefined, idempotency?: Idempotency): Promise<Insertion> {
    const { journal, clock } = this.#parts;
    if (thread === undefined) return await answering(journal.insert(run, bornEvent(run), idempotency));
    const { threadId, ifNotExists, whenBusy } = thread;
    const create = emptyThread({ tenant: run.tenant, threadId }, clock.nowMs(), { agentId: run.agentId });
    const admission: Admission = {
      create: ifNotExists === 'create' ? create : undefined,
      refuseBusy: whenBusy === 'reject',
    };
    const insertion = await answering(journal.insert(run, bornEvent(run), idempotency, admission));
    // After the new run is durable: a refused or repeated request must not have cancelled anything.
    if (insertion.kind === 'inserted' && (whenBusy === 'interrupt' || whenBusy === 'rollback')) {
      await this.#displace(run, threadId, whenBusy === 'rollback');
    }
    return insertion;
  }

  /** Cancels the other live runs of a run's thread; a rollback removes them too. */
  async #displace(run: Run, threadId: string, removes: boolean): Promise<void> {
    const { store, agents, terminator, journal } = this.#parts;
    for (const status of ['pending', 'interrupted'] as const) {
      const query = { tenant: run.tenant, threadId, status, limit: displacedBatch, offset: 0 };
      for (const other of await answering(store.search(query))) {
        if (other.runId === run.runId) continue;
        const ended = await answering(terminator.cancel(other, agents.find(other.agentId)));
        if (removes && ended !== null) await answering(journal.remove(ended));
      }
    }
  }

  #newRun({ tenant, request: asked, thread }: CreateRun, agent: Agent, threadId: string | null): Run {
    const nowMs = this.#parts.clock.nowMs();
    const isOwnThread = threadId !== null && thread === undefined;
    const request: RunRequest =
      isOwnThread && asked.onCompletion === undefined ? { ...asked, onCompletion: 'delete' } : asked;
    return {
      runId: this.#ids.next(nowMs),
      tenant,
      agentId: agent.agentId,
      agentName: agent.name,
      threadId,
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
      owner: this.#parts.replica,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
      startedAtMs: null,
      deadlineAtMs: nowMs + (request.afterMs ?? 0) + agent.timeoutMs,
    };
  }
}

/** The same for equal requests, however their JSON was written. */
function fingerprintOf({ request, thread }: CreateRun, agentId: string): string {
  // Through JSON once, so that members that are absent and members that are undefined are the same.
  const told = JSON.parse(JSON.stringify({ agentId, request, thread }));
  return createHash('sha256').update(canonicalJson(told)).digest('hex');
}
