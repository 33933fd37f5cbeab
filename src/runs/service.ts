import { createHash } from 'node:crypto';
import { v7 as uuidV7 } from 'uuid';
import type { Agent, AgentDirectory } from '../contract/agent.ts';
import type { Clock } from '../contract/clock.ts';
import { GatewayError } from '../contract/errors.ts';
import { assertNever, canonicalJson, type Json } from '../contract/json.ts';
import type { Run, RunKey } from '../contract/run.ts';
import { type Insertion, type RunQuery, StorageFault, type Store } from '../contract/store.ts';
import type { AgentQuery, CreateRun, Creation, RunFeed, UseCases } from '../contract/use-cases.ts';
import type { Archive } from './archive.ts';
import { Feed } from './feed.ts';
import type { Fleet } from './fleet.ts';
import type { Journal } from './journal.ts';
import { bornEvent } from './life.ts';
import type { Terminator } from './terminator.ts';
import type { News, Watch } from './watch.ts';

export type ServiceParts = {
  readonly replica: string;
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly archive: Archive;
  readonly journal: Journal;
  readonly watch: Watch;
  readonly fleet: Fleet;
  readonly terminator: Terminator;
  readonly clock: Clock;
  /** How long an idempotency key is kept. */
  readonly idempotencyMs: number;
};

const storageRetryAfterSeconds = 1;
const drainRetryAfterSeconds = 5;

/** The use cases: what a dialect can ask for. */
export class Service implements UseCases {
  readonly #parts: ServiceParts;
  /** Idempotency keys of creations under way. */
  readonly #creating = new Set<string>();
  /** Ends each wait under way. */
  readonly #waits = new Set<() => void>();
  #draining = false;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** From now on nothing new is accepted, and nobody is kept waiting. */
  drain(): void {
    this.#draining = true;
    for (const endWait of this.#waits) endWait();
  }

  async createRun(command: CreateRun): Promise<Creation> {
    this.#refuseWhenDraining();
    const agent = this.#agentFor(command.agent);
    const violation = agent.checkInput(command.request.input ?? {}) ?? agent.checkConfig(command.request.config ?? {});
    if (violation !== null)
      throw new GatewayError('invalid_input', { path: violation.path, detail: violation.message });
    const run = this.#newRun(command, agent);
    const insertion = await answering(this.#insert(run, command));
    switch (insertion.kind) {
      case 'inserted':
        // Durable now. The driver begins in this very turn; the client does not wait for it.
        this.#parts.fleet.adopt(run, false);
        return { run, replayed: false };
      case 'replayed':
        return { run: await this.getRun({ tenant: run.tenant, runId: insertion.runId }), replayed: true };
      case 'mismatch':
        throw new GatewayError('idempotency_mismatch');
      default:
        return assertNever(insertion);
    }
  }

  /** Of two creations with one key at the same time, the second is told to come back rather than made to wait. */
  async #insert(run: Run, command: CreateRun): Promise<Insertion> {
    const { idempotencyKey: key, tenant } = command;
    if (key === undefined) return await this.#parts.journal.insert(run, bornEvent(run));
    const underWay = `${tenant} ${key}`;
    if (this.#creating.has(underWay)) throw new GatewayError('idempotency_in_progress', { retryAfterSeconds: 1 });
    this.#creating.add(underWay);
    try {
      const fingerprint = fingerprintOf(command, run.agentId);
      const expiresAtMs = run.createdAtMs + this.#parts.idempotencyMs;
      return await this.#parts.journal.insert(run, bornEvent(run), { tenant, key, fingerprint, expiresAtMs });
    } finally {
      this.#creating.delete(underWay);
    }
  }

  async getRun(key: RunKey): Promise<Run> {
    const run = await answering(this.#parts.archive.find(key));
    if (run === null) throw new GatewayError('run_not_found');
    return run;
  }

  async awaitRun(key: RunKey, blockMs: number, signal: AbortSignal): Promise<Run> {
    if (blockMs <= 0 || this.#draining) return await this.getRun(key);
    // Listening starts before the first look, so that no change falls between the two.
    const wait = this.#waitForNews(key, blockMs, signal);
    try {
      const run = await this.getRun(key);
      if (run.status !== 'pending') return run;
      return (await wait.settled) ?? (await this.getRun(key));
    } finally {
      wait.cancel();
    }
  }

  async watchRun(key: RunKey, afterSeq: number): Promise<RunFeed> {
    await this.getRun(key);
    return new Feed(this.#parts.store, this.#parts.watch, key, afterSeq);
  }

  async resumeRun(key: RunKey, payload: Json): Promise<Run> {
    this.#refuseWhenDraining();
    const run = await this.getRun(key);
    if (run.phase !== 'interrupted' || run.outcome?.kind !== 'interrupt') throw new GatewayError('run_not_interrupted');
    const violation = this.#parts.agents.find(run.agentId)?.checkResume(run.outcome.payload, payload) ?? null;
    if (violation !== null)
      throw new GatewayError('invalid_input', { path: violation.path, detail: violation.message });
    const written = await answering(this.#parts.journal.write(run, { kind: 'resume', payload }));
    // Whoever came first has the interrupt; a second answer to it must not reach the vendor.
    if (written.kind !== 'written') throw new GatewayError('run_not_interrupted');
    return written.run;
  }

  async deleteRun(key: RunKey): Promise<Run> {
    for (;;) {
      const run = await this.getRun(key);
      const ended =
        run.phase === 'done' ? run : await answering(this.#parts.terminator.cancel(run, this.#agentOf(run)));
      if (ended === null) throw new GatewayError('run_not_found');
      if (await answering(this.#parts.journal.remove(ended))) return ended;
    }
  }

  searchRuns(query: RunQuery): Promise<readonly Run[]> {
    return answering(this.#parts.store.search(query));
  }

  getAgent(idOrName: string): Agent {
    const agent = this.#parts.agents.find(idOrName);
    if (agent === null) throw new GatewayError('agent_not_found');
    return agent;
  }

  searchAgents(query: AgentQuery): readonly Agent[] {
    return this.#parts.agents.all
      .filter((agent) => query.name === undefined || agent.name === query.name)
      .filter((agent) => query.version === undefined || agent.version === query.version)
      .slice(query.offset, query.offset + query.limit);
  }

  #agentFor(idOrName: string | undefined): Agent {
    if (idOrName !== undefined) return this.getAgent(idOrName);
    const { defaultAgent } = this.#parts.agents;
    if (defaultAgent === null) throw new GatewayError('agent_required');
    return defaultAgent;
  }

  #agentOf(run: Run): Agent | null {
    return this.#parts.agents.find(run.agentId);
  }

  #newRun(command: CreateRun, agent: Agent): Run {
    const nowMs = this.#parts.clock.nowMs();
    return {
      runId: uuidV7(),
      tenant: command.tenant,
      agentId: agent.agentId,
      agentName: agent.name,
      threadId: null,
      request: command.request,
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
      deadlineAtMs: nowMs + agent.timeoutMs,
    };
  }

  /** Settles with the run once it is not pending, or with null when time is over, the client left, or it was removed. */
  #waitForNews(key: RunKey, blockMs: number, signal: AbortSignal) {
    let settle: (run: Run | null) => void = () => {};
    const settled = new Promise<Run | null>((resolve) => {
      settle = resolve;
    });
    const unsubscribe = this.#parts.watch.subscribe(key, (news: News) => {
      if (news.run === null || news.run.status !== 'pending') settle(news.run);
    });
    const cancelTimer = this.#parts.clock.schedule(blockMs, () => settle(null));
    const endWait = () => settle(null);
    this.#waits.add(endWait);
    signal.addEventListener('abort', endWait, { once: true });
    if (signal.aborted) endWait();
    const cancel = () => {
      unsubscribe();
      cancelTimer();
      this.#waits.delete(endWait);
      signal.removeEventListener('abort', endWait);
    };
    return { settled, cancel };
  }

  #refuseWhenDraining(): void {
    if (this.#draining) throw new GatewayError('draining', { retryAfterSeconds: drainRetryAfterSeconds });
  }
}

/** The same for equal requests, however their JSON was written. */
function fingerprintOf(command: CreateRun, agentId: string): string {
  const { input, messages, config, metadata, webhook, streamModes } = command.request;
  const told = { agentId, input, messages, config, metadata, webhook, streamModes };
  // Through JSON once, so that members that are absent and members that are undefined are the same.
  return createHash('sha256')
    .update(canonicalJson(JSON.parse(JSON.stringify(told))))
    .digest('hex');
}

/** Tells a client of a store that does not answer, in the client's terms. */
async function answering<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    throw new GatewayError('storage_unavailable', { retryAfterSeconds: storageRetryAfterSeconds, cause: error });
  }
}
