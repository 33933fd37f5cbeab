import { z } from 'zod';
import {
  type Cap,
  type CapLimit,
  type CapUse,
  capLimits,
  type ReachedCap,
  type WindowUse,
} from '../contract/domain/cap.ts';

/** Costs are stored in whole millionths, so that what is added is taken away again without a rest. */
const costScale = 1_000_000;

export function toStoredCost(cost: number): number {
  return Math.round(cost * costScale);
}

/**
 * Windows that end now. What is counted stands in buckets by the store's clock, and a bucket counts until the last instant in
 * it is outside the window. So a cap holds in every hour and every day, wherever they begin.
 */
export const capWindows = {
  hour: { lengthMs: 3_600_000, bucketMs: 60_000 },
  day: { lengthMs: 86_400_000, bucketMs: 900_000 },
} as const;
export type CapWindow = keyof typeof capWindows;

/** Not a window: what runs under way count as. */
export const openBucket = { span: 'open', bucketMs: 0 } as const;

export function bucketOf(window: CapWindow, nowMs: number): number {
  const { bucketMs } = capWindows[window];
  return Math.floor(nowMs / bucketMs) * bucketMs;
}

/** Buckets from the first of these instants to the last count. One in the future is of a clock that was wrong. */
export function bucketsIn(window: CapWindow, nowMs: number): { readonly afterMs: number; readonly untilMs: number } {
  const { lengthMs, bucketMs } = capWindows[window];
  return { afterMs: nowMs - lengthMs - bucketMs, untilMs: nowMs };
}

const capRow = z.object({
  name: z.string(),
  span: z.enum(['hour', 'day', 'open']),
  bucket_ms: z.number(),
  runs: z.number(),
  cost: z.number(),
});
export type CapRow = z.infer<typeof capRow>;
/** Throws where a row is not one. */
export function readCapRows(rows: readonly unknown[]): readonly CapRow[] {
  return rows.map((row) => capRow.parse(row));
}

const windowOf: Readonly<Record<CapLimit, CapWindow>> = {
  runsPerHour: 'hour',
  runsPerDay: 'day',
  costPerHour: 'hour',
  costPerDay: 'day',
};

/** The first cap that leaves no room for one more run; null: all do. */
export function findReached(caps: readonly Cap[], rows: readonly CapRow[], nowMs: number): ReachedCap | null {
  for (const cap of caps) {
    const reached = capLimits.map((limit) => judge(cap, limit, { rows, nowMs })).filter((each) => each !== null);
    // The one that frees last is the one that the client has to wait for.
    const [last] = reached.toSorted((a, b) => (b.freesInMs ?? Infinity) - (a.freesInMs ?? Infinity));
    if (last !== undefined) return last;
  }
  return null;
}

export function useOf(cap: Cap, rows: readonly CapRow[], nowMs: number): CapUse {
  const { name } = cap;
  const sum = (window: CapWindow): WindowUse => {
    const counted = bucketsOf(name, window, { rows, nowMs });
    return {
      runs: counted.reduce((total, { runs }) => total + runs, 0),
      cost: counted.reduce((total, { cost }) => total + cost, 0) / costScale,
    };
  };
  const reserved = reservedOf(name, rows) / costScale;
  return { name, hour: sum('hour'), day: sum('day'), reserved, reached: findReached([cap], rows, nowMs) };
}

type Counted = { readonly rows: readonly CapRow[]; readonly nowMs: number };

/** Oldest first. */
function bucketsOf(name: string, window: CapWindow, { rows, nowMs }: Counted): readonly CapRow[] {
  const { afterMs, untilMs } = bucketsIn(window, nowMs);
  return rows
    .filter((row) => row.name === name && row.span === window && row.bucket_ms > afterMs && row.bucket_ms <= untilMs)
    .toSorted((a, b) => a.bucket_ms - b.bucket_ms);
}

function reservedOf(name: string, rows: readonly CapRow[]): number {
  return Math.max(0, rows.find((row) => row.name === name && row.span === 'open')?.cost ?? 0);
}

function judge(cap: Cap, limit: CapLimit, counted: Counted): ReachedCap | null {
  const max = cap[limit];
  if (max === null) return null;
  const { name } = cap;
  const window = windowOf[limit];
  const buckets = bucketsOf(name, window, counted);
  const isOfRuns = limit === 'runsPerHour' || limit === 'runsPerDay';
  const amountOf = (row: CapRow): number => (isOfRuns ? row.runs : row.cost);
  const used = buckets.reduce((sum, row) => sum + amountOf(row), isOfRuns ? 0 : reservedOf(name, counted.rows));
  const room = isOfRuns ? max - 1 : toStoredCost(max) - toStoredCost(cap.reserve);
  // Without a reserve a run is taken until the sum has reached the cap.
  const isFull = (sum: number): boolean => sum > room || (!isOfRuns && sum >= toStoredCost(max));
  if (!isFull(used)) return null;
  let left = used;
  for (const row of buckets) {
    left -= amountOf(row);
    if (isFull(left)) continue;
    const { lengthMs, bucketMs } = capWindows[window];
    return { name, limit, max, freesInMs: Math.max(1, row.bucket_ms + bucketMs + lengthMs - counted.nowMs) };
  }
  return { name, limit, max, freesInMs: null };
}
