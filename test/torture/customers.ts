import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Book, KnownRun } from './book.ts';
import type { Chance } from './chance.ts';
import { type FollowerDeps, pollRun, streamRun } from './followers.ts';
import { drawLongPlan, drawPlan, type Plan, type PlanRules } from './plan.ts';
import type { ReplicaSet } from './replica-set.ts';

export type CustomerDeps = {
  readonly replicaSet: ReplicaSet;
  readonly book: Book;
  readonly chanceOf: (name: string) => Chance;
  readonly rules: PlanRules;
  /** Fires when nothing is to be waited for any more. */
  readonly signal: AbortSignal;
};

const created = z.looseObject({ run_id: z.string() });
const keyedShare = 0.6;
const repeatedShare = 0.1;
/** Long runs are created by this many clients at once. */
const stockers = 8;
const maxStay = { minMs: 20_000, maxMs: 60_000 };

/** A bounded number of clients that create runs all the time, each following what it made in one way or another. */
export class Customers {
  readonly #deps: CustomerDeps;
  readonly #busy = new Set<Promise<void>>();
  /** Which long runs are in flight, by the time at which they end. */
  #stock: number[] = [];
  #keys = 0;
  #open = true;

  constructor(deps: CustomerDeps) {
    this.#deps = deps;
  }

  start(count: number): void {
    for (let at = 1; at <= count; at += 1) this.#track(this.#shop(this.#deps.chanceOf(`client ${at}`)));
  }

  /** Keeps this many long runs in flight without followers. Resolves when there are as many for the first time. */
  async keepLive(count: number): Promise<void> {
    if (count === 0) return;
    for (let at = 1; at <= stockers; at += 1) {
      this.#track(this.#restock(count, this.#deps.chanceOf(`stocker ${at}`)));
    }
    while (this.#stock.length < count) {
      this.#deps.signal.throwIfAborted();
      await sleep(50);
    }
  }

  /** Some creates at once, so that a kill finds runs in the middle of everything. They have no followers. */
  burst(count: number, chance: Chance): void {
    for (let at = 0; at < count; at += 1) {
      const plan = this.#draw(chance);
      if (plan.answer === null) this.#track(this.create(plan, chance).then(() => {}));
    }
  }

  /** Creates nothing more; resolves when what was followed has ended. */
  async close(): Promise<void> {
    this.#open = false;
    while (this.#busy.size > 0) await Promise.all(this.#busy);
  }

  async #shop(chance: Chance): Promise<void> {
    await sleep(chance.between(0, 300));
    while (this.#open) {
      const run = await this.create(this.#draw(chance), chance);
      if (run !== null) await this.#follow(run, chance);
      await sleep(chance.between(0, 50));
    }
  }

  async #follow(run: KnownRun, chance: Chance): Promise<void> {
    const { replicaSet, book, signal } = this.#deps;
    const deps: FollowerDeps = { replicaSet, book, chance, signal };
    await chance.weighed<() => Promise<void>>([
      [50, () => streamRun(run, true, deps)],
      [25, () => pollRun(run, true, deps)],
      [20, () => pollRun(run, false, deps)],
      [5, () => Promise.all([streamRun(run, true, deps), streamRun(run, false, deps)]).then(() => {})],
    ])();
  }

  async #restock(count: number, chance: Chance): Promise<void> {
    while (this.#open) {
      const nowMs = performance.now();
      this.#stock = this.#stock.filter((endsAtMs) => endsAtMs > nowMs);
      if (this.#stock.length >= count) {
        await sleep(50);
        continue;
      }
      const lengthMs = chance.between(maxStay.minMs, maxStay.maxMs);
      const run = await this.create(drawLongPlan(chance, this.#nextKey(), lengthMs), chance);
      if (run !== null) this.#stock.push(performance.now() + lengthMs);
    }
  }

  /** The run as it was acknowledged; null when the create died and could not be repeated. */
  async create(plan: Plan, chance: Chance, isKeyed = chance.happens(keyedShare)): Promise<KnownRun | null> {
    const { book } = this.#deps;
    const idempotencyKey = isKeyed ? `"${plan.key}"` : undefined;
    for (;;) {
      const runId = await this.#post(plan, idempotencyKey, chance);
      if (runId !== null) {
        const run = book.acknowledge(runId, plan);
        if (idempotencyKey !== undefined && chance.happens(repeatedShare)) {
          await this.#repeat(run, idempotencyKey, chance);
        }
        return run;
      }
      if (idempotencyKey === undefined) return null;
      await sleep(chance.between(20, 200));
    }
  }

  /** The run's id; null when no answer came. A gateway that refuses has taken nothing, and is asked again. */
  async #post(plan: Plan, idempotencyKey: string | undefined, chance: Chance): Promise<string | null> {
    const { replicaSet, book, signal } = this.#deps;
    for (;;) {
      const client = await replicaSet.client(chance, signal);
      let answer: Awaited<ReturnType<typeof client.call>>;
      try {
        const body = { agent_id: plan.agent, input: plan.input };
        answer = await client.call('POST', '/runs', { body, idempotencyKey });
      } catch {
        if (idempotencyKey === undefined) book.unanswered += 1;
        return null;
      }
      if (answer.replayed) book.replays += 1;
      if (answer.status === 200) return created.parse(answer.body).run_id;
      if (answer.status !== 503 && answer.status !== 409) {
        throw new Error(`POST /runs: ${answer.status} ${JSON.stringify(answer.body)}`);
      }
      await sleep(chance.between(50, 300));
    }
  }

  /** A client that is unsure sends the same request again, to any gateway, and must get the same run. */
  async #repeat(run: KnownRun, idempotencyKey: string, chance: Chance): Promise<void> {
    const runId = await this.#post(run.plan, idempotencyKey, chance);
    if (runId !== null && runId !== run.runId) {
      this.#deps.book.noteUnexpected(`the key of ${run.runId} was answered with ${runId}`);
    }
  }

  #draw(chance: Chance): Plan {
    return drawPlan(chance, this.#nextKey(), this.#deps.rules);
  }

  #nextKey(): string {
    this.#keys += 1;
    return `run-${this.#keys}`;
  }

  #track(work: Promise<void>): void {
    const task = work
      .catch((error: unknown) => {
        // The time-out arrives as an abort too.
        if (!this.#deps.signal.aborted) this.#deps.book.noteUnexpected(`a client failed: ${String(error)}`);
      })
      .finally(() => this.#busy.delete(task));
    this.#busy.add(task);
  }
}
