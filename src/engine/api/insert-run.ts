import { createHash } from 'node:crypto';
import { fingerprint, hashMark } from '../../compute/fingerprint.ts';
import { parseSliced, stringifySliced } from '../../compute/sliced-json.ts';
import type { CreateRun, JoinThread, ScheduledFire } from '../../contract/api/runs.ts';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Cap } from '../../contract/domain/cap.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Admission } from '../../contract/domain/thread.ts';
import type { Idempotency, Insertion, Store } from '../../contract/store/store.ts';
import type { RunQuota } from '../../contract/store/usage-store.ts';
import { agentOf } from '../placement.ts';
import type { RunWriter } from '../state/run-writer.ts';
import type { Canceller } from '../worker/canceller.ts';
import { emptyThread } from './empty-thread.ts';

export type InsertRunDeps = {
  readonly agents: AgentDirectory;
  readonly store: Store;
  readonly writer: RunWriter;
  readonly canceller: Canceller;
  readonly clock: Clock;
  /** How long an idempotency key is kept. */
  readonly idempotencyMs: number;
};

/** How a run joins a thread, whose id is known. */
export type JoinedThread = Pick<JoinThread, 'ifNotExists' | 'whenBusy' | 'metadata'> & {
  readonly threadId: string;
  readonly name: string | null;
};

/** What decides about a new run. */
export type NewRunTerms = {
  readonly command: CreateRun;
  readonly thread: JoinedThread | undefined;
  readonly caps: readonly Cap[];
};

/** Live runs of one thread that an `interrupt` or a `rollback` cancels at a time. */
const displacedBatch = 100;
/** When a client with too many live runs may try again: one of them may have ended. */
const quotaRetrySeconds = 5;

/** Writes new runs: within the quota of the client's key, once per idempotency key, into the thread that they join. */
export class RunInserter {
  readonly #deps: InsertRunDeps;
  /** Idempotency keys of inserts under way, with their tenant. */
  readonly #keysUnderWay = new Set<string>();

  constructor(deps: InsertRunDeps) {
    this.#deps = deps;
  }

  /** Rejects with `StorageFault`, and with `GatewayError` for what the client can do something about. */
  insert(run: Run, terms: NewRunTerms): Promise<Insertion> {
    const { command, thread, caps } = terms;
    // Most runs have nothing to wait for but their write.
    const isPlain = command.quota === undefined && thread === undefined && !isNamed(command);
    return isPlain ? this.#deps.writer.insert(run, { caps }) : this.#insertGuarded(run, terms);
  }

  async #insertGuarded(run: Run, { command, thread, caps }: NewRunTerms): Promise<Insertion> {
    const { quota } = command;
    const unlock = this.#lockKey(command);
    let insertion: Insertion;
    try {
      if (quota !== undefined) await this.#reserve(quota, run, command);
      insertion = await this.#deps.writer.insert(run, {
        idempotency: isNamed(command) ? await this.#idempotencyOf(run, command) : undefined,
        admission: this.#admissionOf(run, thread),
        caps,
      });
    } finally {
      unlock();
    }
    const isInserted = insertion.kind === 'inserted';
    if (quota !== undefined && !isInserted) await this.#deps.store.usage.releaseRun(run.runId);
    // Once the new run is durable: a refused or repeated request must not have cancelled anything.
    if (isInserted && thread !== undefined) await this.#displaceOthers(run, thread);
    return insertion;
  }

  /** Counts the run before it is written, so that no number of requests at the same time exceeds the quota. */
  async #reserve(quota: RunQuota, run: Run, { tenant, idempotencyKey: key }: CreateRun): Promise<void> {
    const retry = key === undefined ? undefined : { tenant, key };
    if (await this.#deps.store.usage.reserveRun(quota, run.runId, retry)) return;
    throw new GatewayError('too_many_runs', {
      retryAfterSeconds: quotaRetrySeconds,
      quota: { policy: 'live-runs', max: quota.maxLive },
      detail: `at most ${quota.maxLive}`,
    });
  }

  /** Of two requests with one key at the same time, the second is refused and may retry, instead of waiting. */
  #lockKey({ tenant, idempotencyKey }: CreateRun): () => void {
    if (idempotencyKey === undefined) return () => {};
    const key = `${tenant} ${idempotencyKey}`;
    if (this.#keysUnderWay.has(key)) throw new GatewayError('idempotency_in_progress', { retryAfterSeconds: 1 });
    this.#keysUnderWay.add(key);
    return () => this.#keysUnderWay.delete(key);
  }

  async #idempotencyOf(run: Run, command: CreateRun): Promise<Idempotency | undefined> {
    const { tenant, idempotencyKey: key, fire } = command;
    if (fire !== undefined) return idempotencyOfFire(fire);
    if (key === undefined) return undefined;
    const expiresAtMs = run.createdAtMs + this.#deps.idempotencyMs;
    return { tenant, key, fingerprint: await fingerprintOf(command, run.agentId), expiresAtMs };
  }

  #admissionOf({ tenant, agentId }: Run, thread: JoinedThread | undefined): Admission | undefined {
    if (thread === undefined) return undefined;
    const { threadId, name, ifNotExists, whenBusy, metadata } = thread;
    const create =
      ifNotExists === 'create'
        ? emptyThread({ tenant, threadId }, this.#deps.clock.nowMs(), { agentId, name, metadata: metadata ?? {} })
        : undefined;
    return { create, metadata, refuseBusy: whenBusy === 'reject' };
  }

  /** Cancels the other live runs of the thread where the request says so; a rollback removes them too. */
  async #displaceOthers(run: Run, { threadId, whenBusy }: JoinedThread): Promise<void> {
    if (whenBusy !== 'interrupt' && whenBusy !== 'rollback') return;
    const { store, agents, canceller, writer } = this.#deps;
    for (const status of ['pending', 'interrupted'] as const) {
      const query = { tenant: run.tenant, threadId, status, limit: displacedBatch, offset: 0 };
      for await (const { rows } of store.search({ ...query, omitInput: true })) {
        for (const { tenant, runId } of rows) {
          const other = runId === run.runId ? null : await store.find({ tenant, runId });
          if (other === null) continue;
          const ended = await canceller.cancel(other, agentOf(agents, other));
          if (whenBusy === 'rollback' && ended !== null) await writer.remove(ended);
        }
      }
    }
  }
}

/** Whether the creation can be repeated; where it cannot, no promise turn is spent on its name. */
function isNamed({ idempotencyKey, fire }: CreateRun): boolean {
  return idempotencyKey !== undefined || fire !== undefined;
}

/** Whatever the config makes of the schedule at each replica, its time has one run. No client's key has a line feed. */
function idempotencyOfFire({ schedule, atMs, keptUntilMs }: ScheduledFire): Idempotency {
  const key = `schedule\n${schedule}\n${new Date(atMs).toISOString()}`;
  return { tenant: '', key, fingerprint: 'schedule', expiresAtMs: keptUntilMs };
}

/** The same for equal requests, however their JSON was written. A large one is read in slices of the event loop. */
async function fingerprintOf({ request, thread, identity }: CreateRun, agentId: string): Promise<string> {
  const asked: unknown = identity === undefined ? { agentId, request, thread } : { agentId, identity };
  // Through JSON once, so that absent and undefined members are the same.
  const plain = await parseSliced(await stringifySliced(asked as Json));
  const found = await fingerprint(plain);
  return found.startsWith(hashMark) ? found.slice(hashMark.length) : createHash('sha256').update(found).digest('hex');
}
