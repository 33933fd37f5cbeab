import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { QuotaStore } from '../../contract/store/quota-store.ts';
import { PushChannel } from '../pacing/push-channel.ts';
import { type BackendState, CallQueue } from './call-queue.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { QuotaLease } from './quota-lease.ts';
import type { Rate } from './rate-limit.ts';

/** A backend's budget and its pushes, from the config. Null: no bound, no push. */
export type BackendOptions = {
  readonly name: string;
  readonly requestsPerSecond: number | null;
  /** Null: all requests of a second may go back to back. */
  readonly burst: number | null;
  readonly maxConcurrentRuns: number | null;
  /** The longest pause before a probe, however long a 429 or 503 asks for. */
  readonly maxPauseMs: number;
  readonly push: { readonly publicUrl: string } | null;
  readonly secrets: readonly string[];
};

/** The limits and the push channel that the runs of one backend share. */
export type Backend = {
  readonly name: string;
  readonly callQueue: CallQueue;
  readonly concurrency: ConcurrencyLimit;
  readonly push: PushChannel | null;
};

type Limits = Pick<Backend, 'callQueue' | 'concurrency'>;

export type BackendsDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: AgentDirectory;
  readonly replica: string;
  /** Null: no other process shares the budgets. */
  readonly quotas: QuotaStore | null;
};

/** The backends of the config. */
export class Backends {
  readonly #deps: BackendsDeps;
  readonly #backends: ReadonlyMap<string, Backend>;
  readonly #quotaLeases: QuotaLease[] = [];

  constructor(deps: BackendsDeps, options: readonly BackendOptions[]) {
    this.#deps = deps;
    this.#backends = new Map(options.map((each) => [each.name, this.#create(each)]));
  }

  /** Throws `TypeError` for a name that is not in the config. */
  of(name: string): Backend {
    const backend = this.#backends.get(name);
    if (backend === undefined) throw new TypeError(`there is no backend ${name}`);
    return backend;
  }

  find(name: string): Backend | null {
    return this.#backends.get(name) ?? null;
  }

  states(): readonly { readonly name: string; readonly state: BackendState }[] {
    return [...this.#backends.values()].map(({ name, callQueue }) => ({ name, state: callQueue.state }));
  }

  /** Returns this replica's shares of the budgets. Never rejects. */
  async stop(): Promise<void> {
    for (const quotaLease of this.#quotaLeases) quotaLease.stop();
    const { quotas, replica, log } = this.#deps;
    if (this.#quotaLeases.length === 0 || quotas === null) return;
    await quotas.release(replica).catch((error: unknown) => {
      log.warn({ err: error }, 'store unavailable; budget shares not released, they expire on their own');
    });
  }

  #create(options: BackendOptions): Backend {
    const { name, requestsPerSecond, maxConcurrentRuns } = options;
    const { quotas } = this.#deps;
    const isBounded = requestsPerSecond !== null || maxConcurrentRuns !== null;
    const limits = quotas !== null && isBounded ? this.#sharedLimits(options, quotas) : this.#ownLimits(options);
    const push = options.push === null ? null : new PushChannel(name, options.push.publicUrl, options.secrets);
    return { name, ...limits, push };
  }

  #ownLimits(options: BackendOptions): Limits {
    const { clock, log } = this.#deps;
    return {
      callQueue: new CallQueue(
        { clock, log: log.child({ backend: options.name }), maxPauseMs: options.maxPauseMs },
        rateOf(options),
      ),
      concurrency: new ConcurrencyLimit({ kind: 'own', max: options.maxConcurrentRuns ?? Number.POSITIVE_INFINITY }),
    };
  }

  #sharedLimits(options: BackendOptions, quotas: QuotaStore): Limits {
    const { replica, clock, log, agents } = this.#deps;
    const { name, maxConcurrentRuns } = options;
    const quotaLease = new QuotaLease(
      { quotas, replica, clock, log: log.child({ backend: name }) },
      {
        backend: name,
        agentIds: agents.all.filter((agent) => agent.backend === name).map((agent) => agent.agentId),
        rate: rateOf(options),
        maxConcurrentRuns,
        maxPauseMs: options.maxPauseMs,
      },
    );
    this.#quotaLeases.push(quotaLease);
    const { callQueue, concurrency } = quotaLease;
    return { callQueue, concurrency };
  }
}

function rateOf({ requestsPerSecond, burst }: BackendOptions): Rate | null {
  return requestsPerSecond === null ? null : { requestsPerSecond, burst: burst ?? Number.POSITIVE_INFINITY };
}
