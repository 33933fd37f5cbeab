import { createHash } from 'node:crypto';
import type { CreateRun, JoinThread } from '../../contract/api/runs.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Admission } from '../../contract/domain/thread.ts';
import type { Idempotency, Insertion, Store } from '../../contract/store/store.ts';
import type { RunQuota } from '../../contract/store/usage-store.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { RunWriter } from '../state/run-writer.ts';
import { createdEvent } from '../state/state-machine.ts';
import type { Canceller } from '../worker/canceller.ts';
import { emptyThread } from './thread-service.ts';

export type InsertRunDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly writer: RunWriter;
  readonly canceller: Canceller;
  readonly clock: Clock;
  /** How long an idempotency key is kept. */
  readonly idempotencyMs: number;
};

/** Live runs of one thread that one `interrupt` or `rollback` looks at, at a time. */
const displacedBatch = 100;
/** Who has too many live runs may come again when one may have ended. */
const quotaRetrySeconds = 5;

/** Writes new runs: within the quota of the client's key, once for an idempotency key, into the thread that they join. */
export class RunInserter {
  readonly #deps: InsertRunDeps;
  /** Idempotency keys of creations under way. */
  readonly #underWay = new Set<string>();

  constructor(deps: InsertRunDeps) {
    this.#deps = deps;
  }

  /**
   * Where the client's key has a limit of live runs, the run is counted first, and no longer if there is none of it. Rejects
   * with `StorageFault`, and with `GatewayError` for what the client can do something about.
   */
  insert(run: Run, command: CreateRun, thread: JoinThread | undefined): Promise<Insertion> {
    const { quota } = command;
    return quota === undefined
      ? this.#insertCounted(run, command, thread)
      : this.#insertWithin(quota, run, command, thread);
  }

  async #insertWithin(
    quota: RunQuota,
    run: Run,
    command: CreateRun,
    thread: JoinThread | undefined,
  ): Promise<Insertion> {
    const { tenant, idempotencyKey: key } = command;
    const { usage } = this.#deps.store;
    const retry = key === undefined ? undefined : { tenant, key };
    if (!(await usage.reserveRun(quota, run.runId, retry))) {
      throw new GatewayError('too_many_runs', {
        retryAfterSeconds: quotaRetrySeconds,
        quota: { policy: 'live-runs', max: quota.maxLive },
        detail: `at most ${quota.maxLive}`,
      });
    }
    const insertion = await this.#insertCounted(run, command, thread);
    if (insertion.kind !== 'inserted') await usage.releaseRun(run.runId);
    return insertion;
  }

  #insertCounted(run: Run, command: CreateRun, thread: JoinThread | undefined): Promise<Insertion> {
    const { idempotencyKey: key } = command;
    return key === undefined ? this.#insertInto(run, thread) : this.#insertOnce(key, run, command, thread);
  }

  /** Of two creations with one key at the same time, the second is told to come back rather than made to wait. */
  async #insertOnce(key: string, run: Run, command: CreateRun, thread: JoinThread | undefined): Promise<Insertion> {
    const { tenant } = command;
    const underWay = `${tenant} ${key}`;
    if (this.#underWay.has(underWay)) throw new GatewayError('idempotency_in_progress', { retryAfterSeconds: 1 });
    this.#underWay.add(underWay);
    try {
      const fingerprint = fingerprintOf(command, run.agentId);
      const expiresAtMs = run.createdAtMs + this.#deps.idempotencyMs;
      return await this.#insertInto(run, thread, { tenant, key, fingerprint, expiresAtMs });
    } finally {
      this.#underWay.delete(underWay);
    }
  }

  #insertInto(run: Run, thread: JoinThread | undefined, idempotency?: Idempotency): Promise<Insertion> {
    return thread === undefined
      ? this.#deps.writer.insert(run, createdEvent(run), idempotency)
      : this.#insertIntoThread(run, thread, idempotency);
  }

  async #insertIntoThread(run: Run, thread: JoinThread, idempotency?: Idempotency): Promise<Insertion> {
    const { writer, clock } = this.#deps;
    const { threadId, ifNotExists, whenBusy } = thread;
    const create = emptyThread({ tenant: run.tenant, threadId }, clock.nowMs(), { agentId: run.agentId });
    const admission: Admission = {
      create: ifNotExists === 'create' ? create : undefined,
      refuseBusy: whenBusy === 'reject',
    };
    const insertion = await writer.insert(run, createdEvent(run), idempotency, admission);
    // After the new run is durable: a refused or repeated request must not have cancelled anything.
    if (insertion.kind === 'inserted' && (whenBusy === 'interrupt' || whenBusy === 'rollback')) {
      await this.#displace(run, threadId, whenBusy === 'rollback');
    }
    return insertion;
  }

  /** Cancels the other live runs of a run's thread; a rollback removes them too. */
  async #displace(run: Run, threadId: string, removes: boolean): Promise<void> {
    const { store, agents, canceller, writer } = this.#deps;
    for (const status of ['pending', 'interrupted'] as const) {
      const query = { tenant: run.tenant, threadId, status, limit: displacedBatch, offset: 0 };
      for (const other of await store.search(query)) {
        if (other.runId === run.runId) continue;
        const ended = await canceller.cancel(other, agents.find(other.agentId));
        if (removes && ended !== null) await writer.remove(ended);
      }
    }
  }
}

/** The same for equal requests, however their JSON was written. */
function fingerprintOf({ request, thread }: CreateRun, agentId: string): string {
  // Through JSON once, so that members that are absent and members that are undefined are the same.
  const told = JSON.parse(JSON.stringify({ agentId, request, thread }));
  return createHash('sha256').update(canonicalJson(told)).digest('hex');
}
