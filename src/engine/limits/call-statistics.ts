import type { Clock } from '../../contract/domain/clock.ts';

/** Upper bounds of the buckets, in milliseconds; the last one has none. */
const boundsMs = [
  ...[5, 10, 20, 35, 50, 75, 100, 150, 200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500],
  ...[10_000, 15_000, 20_000, 30_000, 60_000],
];
const buckets = boundsMs.length + 1;
const slots = 5;
const slotMs = 60_000;

type Slot = { minute: number; calls: number; failed: number; starts: number; readonly counts: Uint32Array };

/** Calls of the last five minutes, added up. */
export type CallTotals = {
  readonly calls: number;
  readonly failed: number;
  readonly starts: number;
  /** By bucket. */
  readonly counts: readonly number[];
};

export const noCalls: CallTotals = { calls: 0, failed: 0, starts: 0, counts: Array<number>(buckets).fill(0) };

/** Counts the calls of one account and how long they took, by the minute, in a fixed room. */
export class CallStatistics {
  readonly #clock: Clock;
  /** Null until the first call. */
  #slots: readonly Slot[] | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  note(tookMs: number, isFailure: boolean): void {
    const slot = this.#current();
    slot.calls += 1;
    if (isFailure) slot.failed += 1;
    const found = boundsMs.findIndex((bound) => tookMs <= bound);
    const at = found < 0 ? buckets - 1 : found;
    slot.counts[at] = (slot.counts[at] ?? 0) + 1;
  }

  /** A run began here. */
  noteStart(): void {
    this.#current().starts += 1;
  }

  get totals(): CallTotals {
    const from = this.#minute() - slots;
    const newest = (this.#slots ?? []).filter(({ minute }) => minute > from);
    return newest.reduce<CallTotals>((sum, slot) => addCalls(sum, { ...slot, counts: [...slot.counts] }), noCalls);
  }

  #minute(): number {
    return Math.floor(this.#clock.monotonicMs() / slotMs);
  }

  #current(): Slot {
    this.#slots ??= Array.from({ length: slots }, () => ({
      ...{ minute: -1, calls: 0, failed: 0, starts: 0, counts: new Uint32Array(buckets) },
    }));
    const minute = this.#minute();
    const slot = this.#slots[minute % slots] as Slot;
    if (slot.minute !== minute) {
      Object.assign(slot, { minute, calls: 0, failed: 0, starts: 0 });
      slot.counts.fill(0);
    }
    return slot;
  }
}

export function addCalls(one: CallTotals, other: CallTotals): CallTotals {
  return {
    calls: one.calls + other.calls,
    failed: one.failed + other.failed,
    starts: one.starts + other.starts,
    counts: one.counts.map((count, at) => count + (other.counts[at] ?? 0)),
  };
}

/** An upper bound of the time within which this share of the calls was answered; null without calls. */
export function quantileMs({ calls, counts }: CallTotals, share: number): number | null {
  if (calls === 0) return null;
  let left = Math.ceil(calls * share);
  for (const [at, count] of counts.entries()) {
    left -= count;
    if (left <= 0) return boundsMs[at] ?? 2 * (boundsMs.at(-1) ?? 0);
  }
  return null;
}

/** Over these minutes. */
export const statisticsMinutes = slots;
