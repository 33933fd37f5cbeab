import type { Tenant } from './config.ts';
import type { Asked, AskOptions, Front } from './front.ts';

/** What an attack is told. Plain data: it crosses a process border. */
export type AttackOptions = {
  readonly name: string;
  readonly url: string;
  readonly openUrl: string;
  readonly vendorUrl: string;
  readonly storeUrl: string;
  readonly gateway: { readonly pid: number; readonly clockFile: string; readonly logFile: string };
  readonly seconds: number;
  /** Each thing is done once, and less of it. */
  readonly isShort: boolean;
};

export type AttackReport = {
  /** Requests, connections or steps of the clock. */
  readonly sent: number;
  /** What was not answered as it should have been. */
  readonly faults: readonly string[];
};

/** What an attack works with. */
export type Site = AttackOptions & {
  readonly front: Front;
  readonly untilMs: number;
  key(tenant: Tenant): string;
  /** Counts one blow. */
  count(): void;
  /** Notes what was answered otherwise than it should have been. */
  fault(words: string): void;
  /** A call of the attacker, unless it says whose. A call that fails is a fault, and null. */
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, options?: AskOptions): Promise<Asked | null>;
  /** The id of a new run, or null, which is a fault. */
  create(agent: string, input: unknown, tenant?: Tenant): Promise<string | null>;
  /** What became of a run, as text; null where it did not end in time, which is a fault. */
  outcome(id: string, options?: { tenant?: Tenant; withinMs?: number }): Promise<string | null>;
};

export type Attack = (site: Site) => Promise<void>;

/** Carries out a round at least once, and again until the time is over. */
export async function repeat(site: Site, round: (at: number) => Promise<void>): Promise<void> {
  let at = 0;
  do {
    await round(at);
    at += 1;
  } while (!site.isShort && performance.now() < site.untilMs);
}

/** Carries out all of them, a few at a time. */
export async function inLanes<T>(lanes: number, items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  const lane = async (): Promise<void> => {
    for (const item of left) await each(item);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
}
