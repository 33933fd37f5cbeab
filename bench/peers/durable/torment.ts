import { setTimeout as sleep } from 'node:timers/promises';
import type { Ending, Engine, Handle } from '../engine.ts';
import type { PlannedRun, Schedule } from './schedule.ts';
import type { VendorProxy } from './vendor-proxy.ts';

export type Outcome = {
  readonly key: string;
  /** Whether the engine ever acknowledged it. */
  readonly isTaken: boolean;
  /** Null: the engine had no final answer when the patience was over. */
  readonly ending: Ending | null;
  /** From the client's first call to the final answer. */
  readonly tookMs: number;
};

const retryEveryMs = 100;
const lookEveryMs = 250;
const restarts = 3;

export type Torment = { readonly outcomes: readonly Outcome[]; readonly kills: number };

/** Lets clients use an engine while the schedule's faults happen, and waits for the ends of their runs. */
export async function torment(options: {
  readonly engine: Engine;
  readonly proxy: VendorProxy;
  readonly schedule: Schedule;
  /** After the last run was created. */
  readonly patienceMs: number;
  /** Resolves when the faults are over; the ends are waited for after it. */
  readonly onCalm: () => void;
}): Promise<Torment> {
  const { engine, proxy, schedule, patienceMs, onCalm } = options;
  await engine.start();
  const begunMs = performance.now();
  const until = (atMs: number): Promise<void> => sleep(Math.max(0, begunMs + atMs - performance.now()));
  const lastMs = (schedule.runs.at(-1)?.atMs ?? 0) + patienceMs;
  let restarted: Promise<void> = Promise.resolve();
  let kills = 0;

  async function killAndRestart(): Promise<void> {
    kills += 1;
    await engine.kill();
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await engine.start();
      } catch (error) {
        await engine.kill();
        if (attempt === restarts) throw error;
      }
    }
  }

  async function killAll(): Promise<void> {
    for (const { atMs, moment } of schedule.kills) {
      await until(atMs);
      await restarted;
      const kill = (): void => {
        restarted = killAndRestart();
        // Reported where it is awaited next.
        restarted.catch(() => {});
      };
      if (moment === 'any') kill();
      else proxy.atNextStart(kill);
    }
    await until(schedule.runs.at(-1)?.atMs ?? 0);
    proxy.atNextStart(null);
    await restarted;
    onCalm();
  }

  async function follow(run: PlannedRun): Promise<Outcome> {
    const key = crypto.randomUUID();
    proxy.expect(key, run);
    await until(run.atMs);
    const createdMs = performance.now();
    const isOver = (): boolean => performance.now() > begunMs + lastMs;
    const outcome = (isTaken: boolean, ending: Ending | null): Outcome => {
      return { key, isTaken, ending, tookMs: performance.now() - createdMs };
    };
    let handle: Handle | null = null;
    while (handle === null) {
      handle = await engine.create(key, { key, delayMs: run.lengthMs }).catch(() => null);
      if (handle !== null) break;
      if (isOver()) return outcome(false, null);
      await sleep(retryEveryMs);
    }
    while (!isOver()) {
      const ending = await engine.look(handle).catch(() => null);
      if (ending !== null) return outcome(true, ending);
      await sleep(lookEveryMs);
    }
    return outcome(true, null);
  }

  const [outcomes] = await Promise.all([Promise.all(schedule.runs.map(follow)), killAll()]);
  return { outcomes, kills };
}
