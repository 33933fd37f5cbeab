import { setTimeout as sleep } from 'node:timers/promises';
import { errcodes } from '../../src/contract/domain/errcodes.ts';
import type { Book, KnownRun } from './book.ts';
import type { Chance } from './chance.ts';
import type { Customers } from './customers.ts';
import type { Disturbances } from './disturbances.ts';
import { askOnce, streamRun } from './followers.ts';
import { isFinal, readOutput } from './output.ts';
import { makeSleepingPlan } from './plan.ts';
import type { ReplicaSet } from './replica-set.ts';
import type { SandboxProcess } from './sandbox-process.ts';

/** What wakes a parked run. */
export type Waking = 'push' | 'watcher' | 'cancel' | 'deadline' | 'poll';

export type Sleeper = {
  readonly agent: string;
  readonly waking: Waking;
  /** How the gateway ends it; null: the vendor does. */
  readonly end: { readonly status: 'error' | 'timeout'; readonly errcode: number } | null;
  /** Until the vendor, the client or the deadline ends it. */
  readonly ms: readonly [min: number, max: number];
};

/** Of the agent whose runs are ended by it. Late enough for their sleep to be many seconds by then. */
export const deadlineSeconds = 90;
/** Whose runs are all cancelled, so that those which it still has are those which are not yet. */
export const cancelledBackend = 'cancelled';

// An unwatched run is polled after a fifth of its age, so that these sleep for seconds.
export const sleepers: readonly Sleeper[] = [
  { agent: 'asleep-pushed', waking: 'push', end: null, ms: [30_000, 60_000] },
  { agent: 'asleep-watched', waking: 'watcher', end: null, ms: [60_000, 90_000] },
  {
    ...{ agent: 'asleep-cancelled', waking: 'cancel', ms: [30_000, 60_000] },
    end: { status: 'error', errcode: errcodes.cancelled },
  },
  {
    ...{ agent: 'asleep-expiring', waking: 'deadline', ms: [deadlineSeconds * 1000, deadlineSeconds * 1000] },
    end: { status: 'timeout', errcode: errcodes.deadline },
  },
  { agent: 'asleep-polled', waking: 'poll', end: null, ms: [20_000, 60_000] },
];

export type SleepersDeps = {
  readonly customers: Pick<Customers, 'create'>;
  readonly replicaSet: ReplicaSet;
  readonly book: Book;
  readonly sandbox: Pick<SandboxProcess, 'notes'>;
  readonly disturbances: Disturbances;
  /** A waking that takes longer is late. */
  readonly maxWakeMs: number;
  readonly chanceOf: (name: string) => Chance;
  /** Fires when nothing is to be waited for any more. */
  readonly signal: AbortSignal;
};

/** From what wakes a run to its end as a client reads it, on a machine with other work. */
export const maxWakeMs = 5000;
/** A gateway finds after that time at the latest what another one has announced in vain. */
export const sweepMs = 5000;
/** A watcher comes this long before its run ends. */
const watcherMs = 2500;
const lookEveryMs = 250;
const maxDetails = 20;

/** Keeps runs asleep, each alone in its slot until something wakes it, and says which were woken too late. */
export class Sleepers {
  readonly #deps: SleepersDeps;
  readonly #busy = new Set<Promise<void>>();
  #open = true;
  /** Of the agent whose runs are cancelled: those that are not yet. */
  #uncancelled = 0;
  /** Wakings that no blow disturbed, and that were in time. */
  readonly inTime: Record<Waking, number> = { push: 0, watcher: 0, cancel: 0, deadline: 0, poll: 0 };
  readonly late: string[] = [];

  constructor(deps: SleepersDeps) {
    this.#deps = deps;
  }

  start(count: number): void {
    for (let at = 0; at < count; at += 1) {
      const sleeper = sleepers[at % sleepers.length];
      if (sleeper === undefined) throw new RangeError('there are no kinds of sleepers');
      const task = this.#keepAsleep(sleeper, `sleeper ${at + 1}`)
        .catch((error: unknown) => {
          if (!this.#deps.signal.aborted) this.#deps.book.noteUnexpected(`a sleeper failed: ${String(error)}`);
        })
        .finally(() => this.#busy.delete(task));
      this.#busy.add(task);
    }
  }

  /** Creates nothing more; resolves when all have ended. */
  async close(): Promise<void> {
    this.#open = false;
    await Promise.all(this.#busy);
  }

  async #keepAsleep(sleeper: Sleeper, name: string): Promise<void> {
    const chance = this.#deps.chanceOf(name);
    // So that they do not all sleep in the same pace.
    await this.#pause(chance.between(0, 20_000));
    for (let at = 1; this.#open; at += 1) {
      const [minMs, maxMs] = sleeper.ms;
      const plan = makeSleepingPlan(sleeper, `${name.replace(' ', '-')}-${at}`, chance.between(minMs, maxMs));
      if (sleeper.waking === 'cancel') this.#uncancelled += 1;
      const run = await this.#deps.customers.create(plan, chance, true);
      if (run !== null) await this.#await(run, sleeper, chance);
    }
  }

  async #await(run: KnownRun, sleeper: Sleeper, chance: Chance): Promise<void> {
    const { plan } = run;
    const begunMs = Date.now();
    switch (sleeper.waking) {
      case 'push':
        await this.#pause(plan.lengthMs);
        await this.#readEnd(run, chance);
        return await this.#judge(run, sleeper, await this.#vendorEndMs(run));
      case 'watcher':
        await this.#pause(Math.max(0, plan.lengthMs - watcherMs));
        await streamRun(run, false, { ...this.#deps, chance });
        return await this.#judge(run, sleeper, await this.#vendorEndMs(run));
      case 'cancel': {
        await this.#pause(plan.lengthMs);
        const cancelledAtMs = await this.#cancel(run, chance);
        this.#uncancelled -= 1;
        await this.#readEnd(run, chance);
        await this.#awaitGone(cancelledAtMs);
        return await this.#judge(run, sleeper, cancelledAtMs);
      }
      case 'deadline':
        await this.#pause(plan.lengthMs);
        await this.#readEnd(run, chance);
        return await this.#judge(run, sleeper, begunMs + plan.lengthMs);
      case 'poll':
        await this.#pause(plan.lengthMs);
        await this.#readEnd(run, chance);
        // Late by a share of its age, and by no fixed time: what is not polled at all is stuck.
        this.inTime.poll += 1;
    }
  }

  /** Counts a waking from what caused it to now, when its effect has been seen. */
  async #judge({ runId, plan, judgement }: KnownRun, { waking }: Sleeper, causedAtMs: number | null): Promise<void> {
    const seenAtMs = Date.now();
    if (causedAtMs === null || judgement === 'unknown start') return;
    const { disturbances, maxWakeMs } = this.#deps;
    if (!disturbances.isQuiet(causedAtMs - sweepMs, Math.min(seenAtMs, causedAtMs + maxWakeMs))) return;
    const tookMs = seenAtMs - causedAtMs;
    if (tookMs <= maxWakeMs) this.inTime[waking] += 1;
    else if (this.late.length < maxDetails)
      this.late.push(`${runId} ${plan.key}: woken by ${waking} after ${tookMs} ms`);
  }

  /** Looks that no gateway takes for a client's interest. */
  async #readEnd(run: KnownRun, chance: Chance): Promise<void> {
    for (;;) {
      const answer = await askOnce(run, '/output', { ...this.#deps, chance });
      if (answer?.status === 200) {
        const output = readOutput(answer.body);
        if (isFinal(output)) return this.#deps.book.seeEnd(run.runId, output);
      }
      if (answer?.status === 404) return;
      await this.#pause(lookEveryMs);
    }
  }

  /** When a gateway said that it is cancelled, by the wall clock. */
  async #cancel({ runId }: KnownRun, chance: Chance): Promise<number> {
    const { replicaSet, signal, book } = this.#deps;
    for (;;) {
      try {
        const client = await replicaSet.client(chance, signal);
        const { status } = await client.call('POST', `/agent-protocol/runs/${runId}/cancel`);
        if (status < 300) return Date.now();
        if (status !== 503) {
          book.noteUnexpected(`the cancellation of ${runId} was answered with ${status}`);
          return Date.now();
        }
      } catch {
        // That gateway is gone.
      }
      await this.#pause(lookEveryMs);
    }
  }

  /** Waits until the gateways have no more of the cancelled runs than are not cancelled yet, as long as it may take. */
  async #awaitGone(cancelledAtMs: number): Promise<void> {
    while (Date.now() < cancelledAtMs + 2 * this.#deps.maxWakeMs) {
      if ((await this.#deps.replicaSet.sumOf('runs_live', `backend="${cancelledBackend}"`)) <= this.#uncancelled)
        return;
      await this.#pause(lookEveryMs);
    }
  }

  async #vendorEndMs({ plan }: KnownRun): Promise<number | null> {
    const [note] = await this.#deps.sandbox.notes(plan.key);
    return note?.endedAtMs ?? null;
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#deps.signal });
  }
}
