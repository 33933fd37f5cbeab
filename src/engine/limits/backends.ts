import { isDeepStrictEqual } from 'node:util';
import type { AgentDirectory } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { QuotaStore } from '../../contract/store/quota-store.ts';
import { PushChannel } from '../pacing/push-channel.ts';
import { agentAt } from '../placement.ts';
import { Account, type AccountName } from './account.ts';
import { AccountHealth, type AccountState } from './account-health.ts';
import { CallQueue } from './call-queue.ts';
import { addCalls, type CallTotals, noCalls } from './call-statistics.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { HeldCalls } from './held-calls.ts';
import { QuotaLease } from './quota-lease.ts';
import type { Rate } from './rate-limit.ts';

/** A backend's budget and its pushes, from the config. Null: no bound, no push. */
export type BackendOptions = {
  readonly name: string;
  /** What each account of the backend may send. */
  readonly requestsPerSecond: number | null;
  /** Null: all requests of a second may go back to back. */
  readonly burst: number | null;
  /** Of each account. */
  readonly maxConcurrentRuns: number | null;
  /** Connections to the vendor; left out, the usual pool. */
  readonly maxConnections?: number | undefined;
  /** Calls that the vendor may hold at a time, for each account; left out, half the usual pool. */
  readonly maxHeldCalls?: number | undefined;
  /** The longest pause before a probe, however long a 429 or 503 asks for. */
  readonly maxPauseMs: number;
  readonly push: { readonly publicUrl: string } | null;
  readonly secrets: readonly string[];
  /** The account at the vendor that all tenants share. Left out: one that no other backend has. */
  readonly account?: string | undefined;
  /** The account of each tenant that has credentials of its own; null or left out: all share one. */
  readonly accountsByTenant?: Readonly<Record<string, string>> | null | undefined;
};

/** The state of a backend: the worst of its accounts. */
export type BackendState = {
  readonly name: string;
  readonly state: AccountState;
  /** The accounts that are not up; `tenants` is null where all share one. */
  readonly impaired: readonly { readonly tenants: readonly string[] | null; readonly state: AccountState }[];
  /** How many accounts are in use, or are not up. */
  readonly accounts: Readonly<Record<AccountState, number>>;
};

/** Of all accounts of a backend, as this process uses them. */
export type BackendUsage = {
  readonly options: BackendOptions;
  readonly calls: CallTotals;
  readonly requestsInUse: number;
  readonly runsHeld: number;
  readonly waitingCalls: number;
  readonly waitingStarts: number;
  /** Until the first probe; null: none is awaited. */
  readonly probeInMs: number | null;
};

export type BackendsDeps = {
  readonly clock: Clock;
  readonly log: Log;
  readonly agents: AgentDirectory;
  readonly replica: string;
  /** Null: no other process shares the budgets. */
  readonly quotas: QuotaStore | null;
  /** Called whenever a run has to wait. */
  readonly onWait: () => void;
};

type Backend = {
  readonly options: BackendOptions;
  /** The agents that count against its limits. */
  readonly agentIds: readonly string[];
  readonly push: PushChannel | null;
  /** The names of the accounts, by tenant; null: all tenants share one. */
  readonly namesByTenant: ReadonlyMap<string, AccountName> | null;
  /** The accounts in use, by id. */
  readonly accounts: Map<string, Account>;
  /** The one that all tenants share, which is kept. */
  readonly shared: Account | null;
};

/** What a backend has by default. */
const usualConnections = 128;
const usualHeldCalls = 64;
/** After the last account went out of use, the unused ones are looked through. */
const sweepMs = 60_000;
/** Live runs leave a retired account within their next turn; after this it is closed once no call uses it. */
const retireMs = 5000;

/** The backends of the config, and their accounts at the vendors: made when they are used, and forgotten when they are not. */
export class Backends {
  readonly #deps: BackendsDeps;
  readonly #backends: Map<string, Backend>;
  /** What is known of the vendors' accounts, by id. */
  readonly #healths = new Map<string, AccountHealth>();
  /** Accounts in whose place others are, until no call waits there. */
  readonly #retired = new Set<Account>();
  #cancelSweep: (() => void) | null = null;
  #cancelRetirement: (() => void) | null = null;
  #hasLeased = false;

  constructor(deps: BackendsDeps, options: readonly BackendOptions[]) {
    this.#deps = deps;
    this.#backends = new Map(options.map((each) => [each.name, this.#create(each)]));
  }

  /** The account that a tenant's calls use. Throws `TypeError` for a backend that is not in the config. */
  of(name: string, tenant: string): Account {
    const backend = this.#backends.get(name);
    if (backend === undefined) throw new TypeError(`there is no backend ${name}`);
    if (backend.shared !== null) return backend.shared;
    // A tenant whose credentials have left the config has no account: its calls are refused before they are sent.
    const accountName = backend.namesByTenant?.get(tenant) ?? { backend: name, id: `none of ${name}`, tenants: [] };
    const known = backend.accounts.get(accountName.id);
    if (known !== undefined) return known;
    const account = this.#open(backend.options, accountName, backend.push);
    backend.accounts.set(accountName.id, account);
    return account;
  }

  /**
   * Puts the backends of another config into force. Those whose credentials and limits are the same keep their accounts, and
   * those that the config has no more are kept for their runs. Gives the names of the others: what is held there counts no more.
   */
  reconfigure(options: readonly BackendOptions[]): ReadonlySet<string> {
    const changed = new Set<string>();
    for (const each of options) {
      const known = this.#backends.get(each.name);
      if (known !== undefined && this.#isSame(known, each)) continue;
      // Its share of a budget is given back before another account asks for one.
      for (const account of known?.accounts.values() ?? []) {
        account.retire();
        // Enough for the calls that wait there, without a share of what replicas divide.
        if (this.#deps.quotas !== null) account.callQueue.allow(1);
        this.#retired.add(account);
        this.#closeRetiredLater();
      }
      this.#backends.set(each.name, this.#create(each, known?.push));
      if (known !== undefined) changed.add(each.name);
    }
    return changed;
  }

  #isSame({ options, agentIds }: Backend, next: BackendOptions): boolean {
    return (
      isDeepStrictEqual(limitsOf(options), limitsOf(next)) &&
      (this.#deps.quotas === null || isDeepStrictEqual(agentIds, this.#agentIdsAt(next.name)))
    );
  }

  #agentIdsAt(backend: string): readonly string[] {
    return this.#deps.agents.all.filter((agent) => agentAt(agent, backend) !== null).map(({ agentId }) => agentId);
  }

  push(name: string): PushChannel | null {
    return this.#backends.get(name)?.push ?? null;
  }

  /** The worst state of a backend's accounts. */
  stateOf(name: string): AccountState {
    const backend = this.#backends.get(name);
    return backend === undefined ? 'up' : stateOf(backend).state;
  }

  states(): readonly BackendState[] {
    return [...this.#backends.values()].map(stateOf);
  }

  /** Requests that this process may still send to each backend with a budget within its window. */
  budgetsLeft(): ReadonlyMap<string, number> {
    const left = new Map<string, number>();
    for (const [name, { accounts }] of this.#backends) {
      const budgets = [...accounts.values()].flatMap(({ callQueue }) => callQueue.budgetLeft ?? []);
      if (budgets.length > 0) left.set(name, sum(budgets));
    }
    return left;
  }

  /** What is used of a backend's budget by this process; null: there is no such backend. */
  usageOf(name: string): BackendUsage | null {
    const backend = this.#backends.get(name);
    if (backend === undefined) return null;
    const { options, accounts } = backend;
    const queues = [...accounts.values()].map(({ callQueue }) => callQueue);
    const limits = [...accounts.values()].map(({ concurrency }) => concurrency);
    const probes = queues.flatMap(({ probeInMs }) => (probeInMs === null ? [] : [probeInMs]));
    return {
      options,
      calls: queues.reduce((totals, { statistics }) => addCalls(totals, statistics.totals), noCalls),
      requestsInUse: sum(queues.map(({ inUse }) => inUse)),
      runsHeld: sum(limits.map(({ held }) => held)),
      waitingCalls: sum(queues.map(({ waiting }) => waiting)),
      waitingStarts: sum(queues.map(({ waitingStarts }) => waitingStarts)) + sum(limits.map(({ waiting }) => waiting)),
      probeInMs: probes.length === 0 ? null : Math.min(...probes),
    };
  }

  /** The next call of each account goes at once, as a probe. */
  hasten(name: string): void {
    for (const { callQueue } of this.#backends.get(name)?.accounts.values() ?? []) callQueue.hasten();
  }

  /** Returns this replica's shares of the budgets. Never rejects. */
  async stop(): Promise<void> {
    this.#cancelSweep?.();
    this.#cancelRetirement?.();
    for (const { accounts } of this.#backends.values()) for (const account of accounts.values()) account.close();
    const { quotas, replica, log } = this.#deps;
    if (!this.#hasLeased || quotas === null) return;
    await quotas.release(replica).catch((error: unknown) => {
      log.warn({ err: error }, 'store unavailable; budget shares not released, they expire on their own');
    });
  }

  #create(options: BackendOptions, before?: PushChannel | null): Backend {
    const { name } = options;
    const push =
      options.push === null ? null : new PushChannel(name, { ...options.push, secrets: options.secrets, before });
    const agentIds = this.#agentIdsAt(name);
    const byTenant = options.accountsByTenant ?? null;
    if (byTenant === null) {
      const id = options.account ?? `of ${name}`;
      const shared = this.#open(options, { backend: name, id, tenants: null }, push);
      return { options, agentIds, push, namesByTenant: null, accounts: new Map([[id, shared]]), shared };
    }
    return { options, agentIds, push, namesByTenant: accountNames(name, byTenant), accounts: new Map(), shared: null };
  }

  #open(options: BackendOptions, name: AccountName, push: PushChannel | null): Account {
    const { clock } = this.#deps;
    const log = this.#logOf(name);
    const health = this.#healthOf(name, log);
    const onUnused = (): void => this.#sweepLater();
    const { quotas, replica, agents, onWait } = this.#deps;
    const { maxPauseMs, maxConnections = usualConnections } = options;
    const rate = rateOf(options);
    const heldCalls = new HeldCalls(options.maxHeldCalls ?? usualHeldCalls);
    const max = options.maxConcurrentRuns;
    if (quotas === null || (rate === null && max === null)) {
      return new Account(name, {
        ...{ clock, health, heldCalls, push, onWait, onUnused, stopLease: () => {} },
        callQueue: new CallQueue({ clock, health, maxPauseMs, maxConnections }, rate),
        concurrency: new ConcurrencyLimit({ kind: 'own', max: max ?? Number.POSITIVE_INFINITY }),
      });
    }
    this.#hasLeased = true;
    const here = agents.all.filter((agent) => agentAt(agent, name.backend) !== null);
    const lease = new QuotaLease(
      { quotas, replica, clock, log, health },
      {
        backend: name.backend,
        account: name.tenants === null ? null : name.id,
        tenants: name.tenants,
        agentIds: here.filter(({ places }) => places === undefined).map(({ agentId }) => agentId),
        spreadAgentIds: here.filter(({ places }) => places !== undefined).map(({ agentId }) => agentId),
        rate,
        maxConcurrentRuns: max,
        maxPauseMs,
        maxConnections,
      },
    );
    const { callQueue, concurrency } = lease;
    return new Account(name, {
      clock,
      health,
      heldCalls,
      push,
      onWait,
      onUnused,
      callQueue,
      concurrency,
      stopLease: () => lease.stop(),
    });
  }

  #healthOf({ id }: AccountName, log: Log): AccountHealth {
    const known = this.#healths.get(id);
    if (known !== undefined) return known;
    const health = new AccountHealth({ clock: this.#deps.clock, log });
    this.#healths.set(id, health);
    return health;
  }

  /** Names the tenants of an account, and no credentials. */
  #logOf({ backend, tenants }: AccountName): Log {
    return this.#deps.log.child(tenants === null ? { backend } : { backend, tenants: tenants.slice(0, maxNamed) });
  }

  #sweepLater(): void {
    this.#cancelSweep ??= this.#deps.clock.schedule(sweepMs, () => this.#sweep());
  }

  #closeRetiredLater(): void {
    this.#cancelRetirement ??= this.#deps.clock.schedule(retireMs, () => this.#closeRetired());
  }

  #closeRetired(): void {
    this.#cancelRetirement = null;
    for (const account of this.#retired) {
      if (!account.callQueue.isIdle) continue;
      account.close();
      this.#retired.delete(account);
    }
    if (this.#retired.size > 0) this.#closeRetiredLater();
    // The vendor's account may be in no backend any more.
    else this.#sweepLater();
  }

  /** A pause and an open circuit outlive the last run, so an account that has one is looked at again. */
  #sweep(): void {
    this.#cancelSweep = null;
    let isLeft = false;
    for (const { accounts, shared } of this.#backends.values()) {
      if (shared !== null) continue;
      for (const [id, account] of accounts) {
        if (account.isForgettable) {
          account.close();
          accounts.delete(id);
        } else isLeft = true;
      }
    }
    const used = new Set([...this.#backends.values()].flatMap(({ accounts }) => [...accounts.keys()]));
    for (const id of this.#healths.keys()) if (!used.has(id)) this.#healths.delete(id);
    if (isLeft) this.#sweepLater();
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((one, other) => one + other, 0);
}

/** Tenants that a log line or a state names. */
const maxNamed = 20;

function accountNames(backend: string, byTenant: Readonly<Record<string, string>>): ReadonlyMap<string, AccountName> {
  const tenantsOf = Map.groupBy(Object.entries(byTenant), ([, id]) => id);
  const names = new Map<string, AccountName>();
  for (const [id, entries] of tenantsOf) {
    const tenants = entries.map(([tenant]) => tenant);
    for (const tenant of tenants) names.set(tenant, { backend, id, tenants });
  }
  return names;
}

const worstFirst: readonly AccountState[] = ['down', 'paused', 'up'];

function stateOf({ options, accounts }: Backend): BackendState {
  const states = [...accounts.values()].map(({ name, state }) => ({ tenants: name.tenants, state }));
  const count = (state: AccountState): number => states.filter((each) => each.state === state).length;
  return {
    name: options.name,
    state: worstFirst.find((state) => count(state) > 0) ?? 'up',
    impaired: states
      .filter(({ state }) => state !== 'up')
      .map(({ tenants, state }) => ({ tenants: tenants?.slice(0, maxNamed) ?? null, state })),
    accounts: { up: count('up'), paused: count('paused'), down: count('down') },
  };
}

/** What an account is made of: a backend that differs in nothing else keeps its accounts. */
function limitsOf(options: BackendOptions): BackendOptions {
  const { name, requestsPerSecond, burst, maxConcurrentRuns, maxConnections, maxHeldCalls, maxPauseMs } = options;
  const { push, secrets, account, accountsByTenant } = options;
  return {
    ...{ name, requestsPerSecond, burst, maxConcurrentRuns, maxConnections, maxHeldCalls, maxPauseMs },
    ...{ push, secrets, account, accountsByTenant },
  };
}

function rateOf({ requestsPerSecond, burst }: BackendOptions): Rate | null {
  return requestsPerSecond === null ? null : { requestsPerSecond, burst: burst ?? Number.POSITIVE_INFINITY };
}
