import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { BudgetShares } from '../../contract/store/pacing-store.ts';
import { Push } from '../pacing/push-channel.ts';
import { type BackendState, Gate } from './call-queue.ts';
import { ShareKeeper } from './quota-lease.ts';
import { Slots } from './concurrency-limit.ts';

/** What the config says of a backend's budget, and of how it reaches us. Null: no bound, no push. */
export type BackendTerms = {
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
  readonly gate: Gate;
  readonly slots: Slots;
  readonly push: Push | null;
};

export type BackendsParts = {
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: AgentDirectory;
  readonly replica: string;
  /** Null: no other process has a part of the budgets. */
  readonly shares: BudgetShares | null;
};

/** The backends of the config; one that it does not name has no bounds. */
export class Backends {
  readonly #parts: BackendsParts;
  readonly #backends = new Map<string, Backend>();
  readonly #keepers: ShareKeeper[] = [];

  constructor(parts: BackendsParts, terms: readonly BackendTerms[]) {
    this.#parts = parts;
    for (const each of terms) this.#add(each);
  }

  of(name: string): Backend {
    const unbound = { requestsPerSecond: null, burst: null, maxConcurrentRuns: null, push: null, secrets: [] };
    return this.#backends.get(name) ?? this.#add({ name, ...unbound });
  }

  find(name: string): Backend | null {
    return this.#backends.get(name) ?? null;
  }

  states(): readonly { readonly name: string; readonly state: BackendState }[] {
    return [...this.#backends.values()].map(({ name, gate }) => ({ name, state: gate.state }));
  }

  /** The replica leaves its shares to the others. Never rejects. */
  async stop(): Promise<void> {
    for (const keeper of this.#keepers) keeper.stop();
    const { shares, replica, log } = this.#parts;
    if (this.#keepers.length === 0 || shares === null) return;
    await shares.release(replica).catch((error: unknown) => {
      log.warn({ err: error }, 'the store does not answer; the shares of the budgets are free when they expire');
    });
  }

  #add(terms: BackendTerms): Backend {
    const { name, requestsPerSecond, maxConcurrentRuns } = terms;
    const { clock, shares } = this.#parts;
    const log = this.#parts.log.child({ backend: name });
    const burst = terms.burst ?? Number.POSITIVE_INFINITY;
    const isShared = shares !== null && (requestsPerSecond !== null || maxConcurrentRuns !== null);
    const backend: Backend = {
      name,
      gate: new Gate({ clock, log }, requestsPerSecond === null ? null : { requestsPerSecond, burst }),
      slots: new Slots(
        isShared && maxConcurrentRuns !== null
          ? { kind: 'granted' }
          : { kind: 'own', most: maxConcurrentRuns ?? Number.POSITIVE_INFINITY },
      ),
      push: terms.push === null ? null : new Push(name, terms.push.publicUrl, terms.secrets),
    };
    this.#backends.set(name, backend);
    if (isShared) this.#keepers.push(this.#keep(backend, shares, terms));
    return backend;
  }

  #keep(backend: Backend, shares: BudgetShares, { requestsPerSecond, maxConcurrentRuns }: BackendTerms): ShareKeeper {
    const { replica, clock, log, agents } = this.#parts;
    // Nothing is this replica's own before it has asked.
    if (requestsPerSecond !== null) backend.gate.allow(0);
    return new ShareKeeper(
      { shares, replica, clock, log },
      {
        ...backend,
        agentIds: agents.all.filter((agent) => agent.backend === backend.name).map((agent) => agent.agentId),
        requests: requestsPerSecond === null ? 0 : Math.max(1, Math.floor(requestsPerSecond)),
        runs: maxConcurrentRuns,
      },
    );
  }
}
