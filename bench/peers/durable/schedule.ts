import { Chance } from '../../../test/torture/chance.ts';

/** What happens to the answer to the first start of a run that the vendor has taken. */
type StartFault = 'none' | 'cut' | 'proxy-503';

export type PlannedRun = {
  /** When the client creates it, from the beginning. */
  readonly atMs: number;
  /** How long it takes at the vendor. */
  readonly lengthMs: number;
  /** How long the vendor takes to answer its start. */
  readonly answerMs: number;
  readonly fault: StartFault;
};

/** `start`: during the next start call after its time, which the vendor has taken; `any`: at its time. */
export type PlannedKill = { readonly atMs: number; readonly moment: 'any' | 'start' };

export type Schedule = { readonly runs: readonly PlannedRun[]; readonly kills: readonly PlannedKill[] };

const everyMs = 400;
const killEveryMs = 12_000;
/** At least: all engines are up again by then, also on a busy machine, and the clients that had to wait are served. */
const killRestMs = 8000;

/** The same for each engine: what the clients do, what becomes of the vendor's answers, and when the engine is killed. */
export function planFaults(seed: number, count: number): Schedule {
  const chance = new Chance(seed, 'durable');
  const runs = Array.from({ length: count }, (_, index): PlannedRun => {
    const lengthMs = chance.between(200, 2500);
    const answerMs = chance.between(10, 80);
    const fault = chance.weighed<StartFault>([
      [90, 'none'],
      [5, 'cut'],
      [5, 'proxy-503'],
    ]);
    return { atMs: index * everyMs, lengthMs, answerMs, fault };
  });
  const kills = Array.from(
    { length: Math.floor((count * everyMs) / killEveryMs) },
    (_, index): PlannedKill => ({
      atMs: index * killEveryMs + chance.between(500, killEveryMs - killRestMs),
      moment: index % 2 === 0 ? 'start' : 'any',
    }),
  );
  return { runs, kills };
}
