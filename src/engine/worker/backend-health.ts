import { Repeats } from '../../collections/repeats.ts';
import type { UpstreamFault } from '../../contract/adapter/http.ts';
import type { Agent } from '../../contract/domain/agent.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import type { Log } from '../../contract/domain/log.ts';
import { boundText } from '../../json/bound-text.ts';
import type { BackendState, Backends } from '../limits/backends.ts';
import { isRefusal } from '../state/outcomes.ts';

/**
 * How a backend is, from the best to the worst.
 *
 * - `ok`: its calls are answered.
 * - `degraded`: calls fail, such as with 500, or their answers cannot be read.
 * - `unauthorised`: the vendor answers 401 or 403.
 * - `paused`: the vendor asked for a pause by 429 or 503.
 * - `down`: the vendor does not answer, and is probed.
 */
export const backendConditions = ['ok', 'degraded', 'unauthorised', 'paused', 'down'] as const;
export type BackendCondition = (typeof backendConditions)[number];

/** The state of a backend as this process sees it. */
export type BackendStatus = Pick<BackendState, 'name' | 'accounts'> & {
  readonly state: BackendCondition;
  /** The same of tenants with credentials of their own, where that is not `ok`. */
  readonly impaired: readonly { readonly tenants: readonly string[]; readonly state: BackendCondition }[];
  /** Since when, by the wall clock. */
  readonly sinceMs: number;
  /** Live runs of this process whose calls it holds up. */
  readonly runs: number;
};

/** Whom a call is for; `runId` is null where that is no live run. */
type CalledFor = { readonly tenant: string; readonly runId: string | null; readonly operation?: string };

type Trouble = 'degraded' | 'unauthorised';
/** `atMs` by the monotonic clock. */
type NewestTrouble = { readonly trouble: Trouble; readonly atMs: number };

type Record = {
  /** What the newest call showed, by tenant; under the empty name where all tenants share the credentials. */
  readonly newest: Map<string, NewestTrouble>;
  /** Live runs whose newest call failed. */
  readonly troubled: Map<string, Trouble>;
  condition: BackendCondition;
  sinceMs: number;
  sinceMonotonicMs: number;
  /** Whether the log has that it has not been `ok`. */
  isSaid: boolean;
  lastFault: BackendFault | null;
};

/** The newest failed call, in the words of the vendor or of the connection. */
export type BackendFault = {
  readonly atMs: number;
  readonly operation: string;
  readonly httpStatus: number | null;
  readonly fault: string;
  readonly runId: string | null;
};

export type BackendHealthDeps = {
  readonly clock: Clock;
  readonly log: Log;
  /** What the limits know of each backend. */
  readonly limits: Pick<Backends, 'stateOf' | 'states'>;
  /** Live runs of this process at a backend. */
  readonly countLive: (backend: string) => number;
  /** Called when the state of a backend has changed. */
  readonly onState?: (backend: string, state: BackendCondition) => void;
  /** Called each time that a vendor refuses the credentials of a backend. */
  readonly onUnauthorised?: ((backend: string) => void) | undefined;
};

/** Starts avoid a backend that refused its credentials for this long, where their agent has another. */
export const refusingMs = 60_000;

/** Of the words of a fault. */
const maxFaultLength = 500;

const repeatOptions = { repeatMs: 600_000, maxTimes: 5, maxKinds: 1000 };

/** Keeps how each backend is, since when, and how many runs that affects; logs when it changes. */
export class BackendHealth {
  readonly #deps: BackendHealthDeps;
  readonly #records = new Map<string, Record>();
  readonly #repeats = new Repeats(repeatOptions);

  constructor(deps: BackendHealthDeps) {
    this.#deps = deps;
    for (const { name } of deps.limits.states()) this.#recordOf(name);
  }

  /** A call for a run failed. */
  noteFault(agent: Agent, run: CalledFor, fault: UpstreamFault): void {
    if (fault.kind === 'aborted') return;
    const trouble = troubleOf(fault);
    const record = this.#recordOf(agent.backend);
    if (trouble !== null) {
      record.lastFault = {
        ...{ atMs: this.#deps.clock.nowMs(), operation: run.operation ?? 'call', httpStatus: fault.httpStatus },
        ...{ fault: boundText(fault.message, maxFaultLength), runId: run.runId },
      };
    }
    if (trouble === null) {
      record.newest.delete(tenantOf(agent, run));
      if (run.runId !== null) record.troubled.delete(run.runId);
    } else {
      record.newest.set(tenantOf(agent, run), { trouble, atMs: this.#deps.clock.monotonicMs() });
      if (run.runId !== null) record.troubled.set(run.runId, trouble);
    }
    this.#update(agent.backend, record);
    if (trouble === 'unauthorised') this.#deps.onUnauthorised?.(agent.backend);
  }

  /** A call for a run was answered. */
  noteAnswer(agent: Agent, run: CalledFor): void {
    const record = this.#records.get(agent.backend);
    if (record === undefined || record.condition === 'ok') return;
    record.newest.delete(tenantOf(agent, run));
    if (run.runId !== null) record.troubled.delete(run.runId);
    this.#update(agent.backend, record);
  }

  /** Null: none failed yet. */
  lastFaultAt(backend: string): BackendFault | null {
    return this.#records.get(backend)?.lastFault ?? null;
  }

  /** These have other credentials or limits now: what was seen of their calls says nothing of them any more. */
  renew(backends: ReadonlySet<string>): void {
    for (const backend of backends) {
      const record = this.#records.get(backend);
      if (record === undefined) continue;
      record.newest.clear();
      record.troubled.clear();
      this.#update(backend, record);
    }
  }

  /** Whether the vendor refused the tenant's credentials a short while ago, and has not taken them since. */
  isRefusing(agent: Agent, tenant: string): boolean {
    const newest = this.#records.get(agent.backend)?.newest.get(tenantOf(agent, { tenant }));
    return newest?.trouble === 'unauthorised' && this.#deps.clock.monotonicMs() - newest.atMs < refusingMs;
  }

  /** The run is no longer driven here. */
  forget(backend: string, runId: string): void {
    const record = this.#records.get(backend);
    if (record?.troubled.delete(runId) === true) this.#update(backend, record);
  }

  states(): readonly BackendStatus[] {
    return this.#deps.limits.states().map((known) => {
      const record = this.#recordOf(known.name);
      this.#update(known.name, record);
      const { condition: state, sinceMs } = record;
      // A tenant is named once, with the worse of what is known.
      const named = new Set(known.impaired.flatMap(({ tenants }) => tenants ?? []));
      const others = [...record.newest].filter(([tenant]) => !named.has(tenant));
      const impaired = [
        ...known.impaired,
        ...others.map(([tenant, { trouble }]) => ({ tenants: [tenant], state: trouble })),
      ];
      return {
        ...{ name: known.name, accounts: known.accounts, state, sinceMs },
        impaired: impaired.flatMap(({ tenants, state: each }) =>
          tenants === null || tenants.includes('') || each === 'up' ? [] : [{ tenants, state: each }],
        ),
        runs: this.#countAffected(known.name, record),
      };
    });
  }

  #recordOf(backend: string): Record {
    const known = this.#records.get(backend);
    if (known !== undefined) return known;
    const { clock } = this.#deps;
    const since = { sinceMs: clock.nowMs(), sinceMonotonicMs: clock.monotonicMs() };
    const record: Record = {
      newest: new Map(),
      troubled: new Map(),
      condition: 'ok',
      isSaid: false,
      lastFault: null,
      ...since,
    };
    this.#records.set(backend, record);
    return record;
  }

  #update(backend: string, record: Record): void {
    const condition = this.#conditionOf(backend, record);
    if (condition === record.condition) return;
    const { clock, log } = this.#deps;
    const nowMs = clock.monotonicMs();
    const fields = {
      backend,
      state: condition,
      before: record.condition,
      before_ms: Math.round(nowMs - record.sinceMonotonicMs),
      runs: this.#countAffected(backend, { ...record, condition }),
    };
    Object.assign(record, { condition, sinceMs: clock.nowMs(), sinceMonotonicMs: nowMs });
    this.#deps.onState?.(backend, condition);
    if (condition === 'ok') {
      this.#repeats.noteWell(backend);
      if (record.isSaid) log.info(fields, 'backend state changed');
      record.isSaid = false;
      return;
    }
    const suppressed = this.#repeats.admit(`${backend}:${condition}`, backend, nowMs);
    record.isSaid ||= suppressed !== null;
    if (suppressed !== null)
      log.warn({ ...fields, ...(suppressed > 0 ? { suppressed } : {}) }, 'backend state changed');
  }

  #conditionOf(backend: string, { newest, troubled }: Record): BackendCondition {
    const account = this.#deps.limits.stateOf(backend);
    if (account !== 'up') return account;
    const troubles = new Set([...troubled.values(), ...[...newest.values()].map(({ trouble }) => trouble)]);
    return troubles.has('unauthorised') ? 'unauthorised' : troubles.has('degraded') ? 'degraded' : 'ok';
  }

  #countAffected(backend: string, { condition, troubled }: Pick<Record, 'condition' | 'troubled'>): number {
    switch (condition) {
      case 'ok':
        return 0;
      case 'paused':
      case 'down':
        return this.#deps.countLive(backend);
      default:
        return [...troubled.values()].filter((trouble) => trouble === condition).length;
    }
  }
}

/** Tenants with credentials of their own are told apart. */
function tenantOf({ tenants }: Agent, { tenant }: Pick<CalledFor, 'tenant'>): string {
  return tenants === undefined ? '' : tenant;
}

/** What a fault says of the backend. Null: the vendor answered as it should, and said no to this call. */
function troubleOf(fault: UpstreamFault): Trouble | null {
  if (isRefusal(fault)) return 'unauthorised';
  const { httpStatus, consequence } = fault;
  const isRefused = httpStatus !== null && httpStatus < 500 && ![408, 425, 429].includes(httpStatus);
  return (isRefused && fault.kind === 'http-status') || consequence === 'gone' ? null : 'degraded';
}
