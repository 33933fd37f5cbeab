import type { Child } from './child.ts';
import { median } from './figures.ts';
import type { LoadResult } from './load.ts';
import type { Vendor } from './vendor.ts';

/** The arguments of every measure. */
export type Bench = {
  readonly vendor: Vendor;
  readonly scratch: string;
  /** Rounds in which the contestants take turns. */
  readonly rounds: number;
  /** Of one contestant's turn. */
  readonly seconds: number;
  /** Stopped with the measure, even if it fails. */
  use<T extends { readonly child: Child }>(started: Promise<T>): Promise<T>;
  say(text: string): void;
};

/** Rounds that only warm up: the last of a gateway's code is compiled after some ten thousand requests. */
export const warmUps = 3;

/** Lets contestants take turns, so that other load on the machine affects all of them alike. */
export async function takeTurns<Name extends string>(
  rounds: number,
  contestants: Readonly<Record<Name, (() => Promise<LoadResult>) | null>>,
): Promise<Readonly<Record<Name, readonly LoadResult[]>>> {
  const names = Object.keys(contestants) as Name[];
  const results = Object.fromEntries(names.map((name) => [name, [] as LoadResult[]])) as Record<Name, LoadResult[]>;
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const result = await contestants[name]?.();
      if (result !== undefined) results[name].push(result);
    }
  }
  return results;
}

export function medianOf(results: readonly LoadResult[], key: keyof LoadResult): number {
  return median(results.map((result) => result[key]));
}

/** The median of the ratios of each round, which is steadier than the ratio of the medians. */
export function medianRatio(
  results: readonly LoadResult[],
  others: readonly LoadResult[],
  key: keyof LoadResult,
): number {
  return median(results.map((result, round) => result[key] / (others[round]?.[key] ?? Number.NaN)));
}
