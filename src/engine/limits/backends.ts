import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { QuotaStore } from '../../contract/store/quota-store.ts';
import { Push } from '../pacing/push-channel.ts';
import { type BackendState, CallQueue } from './call-queue.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { QuotaLease } from './quota-lease.ts';

/** What the config says of a backend's budget, and of how it reaches us. Null: no bound, no push. */
export type BackendLimits = {
  readonly name: string;
  readonly requestsPerSecond: number | null;
  /** Null: all of a second's requests may go back to back. */
  readonly burst: number | null;
  readonly maxConcurrentRuns: number | null;
  readonly push: { readonly publicUrl: string } | null;
  readonly secrets: readonly string[];
};

/** What the runs of one backend share. */
export type Backend = {
  readonly name: string;
  readonly callQueue: CallQueue;
  readonly concurrency: ConcurrencyLimit;
  readonly push: Push | null;
};

export type BackendsDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: AgentDirectory;
  readonly replica: string;
  /** Null: no other process has a part of the budgets. */
  readonly quotas: QuotaStore | null;
};

/** The backends of the config; one that it does not name has no bounds. */
export class Backends {
  readonly #deps: BackendsDeps;
  readonly #backends = new Map<string, Backend>();
  readonly #quotaLeases: QuotaLease[] = [];

  constructor(deps: BackendsDeps, options: readonly BackendLimits[]) {
    this.#deps = deps;
    for (const each of options) this.#add(each);
  }

  of(name: string): Backend {
    const unbound = { requestsPerSecond: null, burst: null, maxConcurrentRuns: null, push: null, secrets: [] };
    return this.#backends.get(name) ?? this.#add({ name, ...unbound });
  }

  find(name: string): Backend | null {
    return this.#backends.get(name) ?? null;
  }

  states(): readonly { readonly name: string; readonly state: BackendState }[] {
    return [...this.#backends.values()].map(({ name, callQueue }) => ({ name, state: callQueue.state }));
  }

  /** The replica leaves its shares to the others. Never rejects. */
  async stop(): Promise<void> {
    for (const quotaLease of this.#quotaLeases) quotaLease.stop();
    const { quotas, replica, log } = this.#deps;
    if (this.#quotaLeases.length === 0 || quotas === null) return;
    await quotas.release(replica).catch((error: unknown) => {
      log.warn({ err: error }, 'the store does not answer; the shares of the budgets are free when they expire');
    });
  }

  #add(options: BackendLimits): Backend {
    const { name, requestsPerSecond, maxConcurrentRuns } = options;
    const { clock, quotas } = this.#deps;
    const log = this.#deps.log.child({ backend: name });
    const burst = options.burst ?? Number.POSITIVE_INFINITY;
    const isShared = quotas !== null && (requestsPerSecond !== null || maxConcurrentRuns !== null);
    const backend: Backend = {
      name,
      callQueue: new CallQueue({ clock, log }, requestsPerSecond === null ? null : { requestsPerSecond, burst }),
      concurrency: new ConcurrencyLimit(
        isShared && maxConcurrentRuns !== null
          ? { kind: 'granted' }
          : { kind: 'own', max: maxConcurrentRuns ?? Number.POSITIVE_INFINITY },
      ),
      push: options.push === null ? null : new Push(name, options.push.publicUrl, options.secrets),
    };
    this.#backends.set(name, backend);
    if (isShared) this.#quotaLeases.push(this.#keep(backend, quotas, options));
    return backend;
  }

  #keep(backend: Backend, quotas: QuotaStore, { requestsPerSecond, maxConcurrentRuns }: BackendLimits): QuotaLease {
    const { replica, clock, log, agents } = this.#deps;
    // Nothing is this replica's own before it has asked.
    if (requestsPerSecond !== null) backend.callQueue.allow(0);
    return new QuotaLease(
      { quotas, replica, clock, log },
      {
        ...backend,
        agentIds: agents.all.filter((agent) => agent.backend === backend.name).map((agent) => agent.agentId),
        requests: requestsPerSecond === null ? 0 : Math.max(1, Math.floor(requestsPerSecond)),
        runs: maxConcurrentRuns,
      },
    );
  }
}
