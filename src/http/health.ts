import type { Log } from '../contract/domain/log.ts';

/** One thing that the gateway needs in order to work; `check` rejects while it does not have it. */
export type ReadinessCheck = { readonly name: string; check(): Promise<void> };

/**
 * The state of each backend, the worst of its accounts, since when (wall clock), and how many live runs of this process it
 * affects. Included in the readiness response; a backend that is down does not make the gateway unready. `impaired` has
 * the tenants with credentials of their own whose state is not `ok`.
 */
export type BackendStates = () => readonly {
  readonly name: string;
  readonly state: string;
  readonly sinceMs: number;
  readonly runs: number;
  readonly impaired: readonly { readonly tenants: readonly string[]; readonly state: string }[];
}[];

export type HealthDeps = {
  readonly checks: readonly ReadinessCheck[];
  readonly backends: BackendStates;
  /** Whether the gateway is shutting down: then it takes no work, however healthy it is. */
  readonly isDraining: () => boolean;
  readonly log: Log;
};

export type Readiness = { readonly isReady: boolean; readonly body: object };

/** A probe that hangs is worse than one that fails. */
const maxCheckMs = 2000;
/** Accounts of a backend that are named. */
const maxImpaired = 20;

/** Runs every check. */
export async function readReadiness({ checks, backends, isDraining, log }: HealthDeps): Promise<Readiness> {
  const results = await Promise.all(checks.map((each) => probe(each, log)));
  const draining = isDraining();
  const isReady = !draining && results.every(([, result]) => result === 'ok');
  const states = backends();
  const impaired = states.flatMap(({ name, impaired }) =>
    impaired.slice(0, maxImpaired).map(({ tenants, state }) => ({ backend: name, tenants, state })),
  );
  const body = {
    status: isReady ? 'ok' : 'unavailable',
    draining,
    checks: Object.fromEntries(results),
    backends: Object.fromEntries(states.map(({ name, ...state }) => [name, describeState(state)])),
    ...(impaired.length === 0 ? {} : { accounts: impaired }),
  };
  return { isReady, body };
}

function describeState({ state, sinceMs, runs }: Omit<ReturnType<BackendStates>[number], 'name'>): object {
  return { state, since: new Date(sinceMs).toISOString(), runs };
}

/** The reason of a failure goes to the log alone: the probe asks for no key. */
async function probe({ name, check }: ReadinessCheck, log: Log): Promise<readonly [string, 'ok' | 'failing']> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`no answer within ${maxCheckMs} ms`)), maxCheckMs);
  try {
    await Promise.race([check(), late.promise]);
    return [name, 'ok'];
  } catch (fault) {
    log.warn({ check: name, err: fault }, 'not ready');
    return [name, 'failing'];
  } finally {
    clearTimeout(timer);
  }
}
