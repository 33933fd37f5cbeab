import {
  type Cap,
  type CapLimit,
  type CapReport,
  type CapShare,
  capLimits,
  type ReachedCap,
} from '../../contract/domain/cap.ts';
import type { Clock } from '../../contract/domain/clock.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Log } from '../../contract/domain/log.ts';
import type { CapStore } from '../../contract/store/cap-store.ts';
import { repeat } from '../sleeper.ts';

/** Where runs under way hold the cap, one of them may end soon. */
const heldRetrySeconds = 5;
const readMs = 15_000;

/** The caps that a run of an agent by a tenant is counted with. */
export function capsOf(caps: readonly Cap[], { agent, tenant }: { agent: string; tenant: string }): readonly Cap[] {
  if (caps.length === 0) return caps;
  return caps.filter(
    (cap) => (cap.agent === null || cap.agent === agent) && (cap.tenant === null || cap.tenant === tenant),
  );
}

/** What a run holds of its caps; undefined without caps. */
export function sharesOf(caps: readonly Cap[]): readonly CapShare[] | undefined {
  return caps.length === 0 ? undefined : caps.map(({ name, reserve }) => ({ name, reserve }));
}

const windows = {
  runsPerHour: (max: number) => `${max} runs an hour`,
  runsPerDay: (max: number) => `${max} runs a day`,
  costPerHour: (max: number) => `a cost of ${max} an hour`,
  costPerDay: (max: number) => `a cost of ${max} a day`,
} as const;

export function capReached({ name, limit, max, freesInMs }: ReachedCap): GatewayError {
  const retryAfterSeconds = freesInMs === null ? heldRetrySeconds : Math.ceil(freesInMs / 1000);
  const frees = freesInMs === null ? 'once runs under way have ended' : `in ${retryAfterSeconds} s`;
  const detail = `the cap of ${name} is ${windows[limit](max)}; it leaves room again ${frees}`;
  return new GatewayError('cap_reached', { retryAfterSeconds, detail });
}

/** Each limit of a cap that there is, and what is used of it; costs with what is reserved. */
export function limitsOf({ cap, use }: CapReport) {
  const { hour, day, reserved } = use;
  const used: Readonly<Record<CapLimit, number>> = {
    runsPerHour: hour.runs,
    runsPerDay: day.runs,
    costPerHour: hour.cost + reserved,
    costPerDay: day.cost + reserved,
  };
  return capLimits.flatMap((limit) => {
    const max = cap[limit];
    return max === null ? [] : [{ name: cap.name, limit, used: used[limit], max }];
  });
}

/** What the caps of the config in force have used, as read last; for metrics, which are read at once. */
export class CapReadings {
  readonly #store: CapStore;
  readonly #caps: () => readonly Cap[];
  readonly #log: Log;
  #last: readonly CapReport[] = [];

  constructor(deps: { readonly store: CapStore; readonly caps: () => readonly Cap[]; readonly log: Log }) {
    this.#store = deps.store;
    this.#caps = deps.caps;
    this.#log = deps.log;
  }

  get last(): readonly CapReport[] {
    return this.#last;
  }

  /** Rejects with `StorageFault`. */
  async read(): Promise<readonly CapReport[]> {
    const caps = this.#caps();
    const uses = caps.length === 0 ? [] : await this.#store.uses(caps);
    this.#last = caps.flatMap((cap, at) => {
      const use = uses[at];
      return use === undefined ? [] : [{ cap, use }];
    });
    return this.#last;
  }

  /** Reads again and again. Returns a function that ends that. */
  follow(clock: Clock): () => Promise<void> {
    return repeat(clock, 0, async () => {
      await this.read().catch((err: unknown) => this.#log.debug({ err }, 'store unavailable; caps were not read'));
      return readMs;
    });
  }
}
