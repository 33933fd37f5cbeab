import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Book, KnownRun } from './book.ts';
import type { Chance } from './chance.ts';
import { askedAgents } from './config.ts';
import { isFinal, readOutput } from './output.ts';
import { inBatches } from './parallel.ts';
import type { ReplicaSet } from './replica-set.ts';
import type { SandboxProcess } from './sandbox-process.ts';

/** A run without a living owner. */
type Unattended = {
  readonly run: KnownRun;
  readonly vendorRunIds: readonly string[];
  /** It was in the middle of its course: only a look at it shows that it goes on. */
  readonly needsLook: boolean;
};

const waiting = z.object({ cause: z.string() }).nullable();
const runReport = z.looseObject({ phase: z.string(), owner: z.string().nullable(), waiting });
const replicaList = z.looseObject({ replicas: z.array(z.looseObject({ replica: z.string(), alive: z.boolean() })) });
const lookEveryMs = 60;
const parallel = 16;
const patienceWithLooksMs = 10_000;

export type MeterDeps = {
  readonly sandbox: SandboxProcess;
  readonly replicaSet: ReplicaSet;
  readonly book: Book;
  readonly chance: Chance;
  readonly signal: AbortSignal;
};

/** Measures how long runs go unattended after a kill. */
export class RecoveryMeter {
  readonly samplesMs: number[] = [];
  /** Runs that no gateway had polled when the wait ended; each counts as one sample of that length. */
  readonly neglected: string[] = [];
  /** Runs that a gateway has taken over and may not poll; they are no samples. */
  leftToCalls = 0;
  readonly #deps: MeterDeps;

  constructor(deps: MeterDeps) {
    this.#deps = deps;
  }

  /** Taken while the runs have no living owner: from now on a look at one of them is the first one. */
  async list(runs: readonly KnownRun[]): Promise<readonly Unattended[]> {
    const { sandbox } = this.#deps;
    await sandbox.mark();
    const unattended: Unattended[] = [];
    await inBatches(runs, parallel, async (run) => {
      const notes = await sandbox.notes(run.plan.key);
      const needsLook = notes.some(({ observes, endedAtMs }) => observes > 0 && endedAtMs === null);
      unattended.push({ run, vendorRunIds: notes.map(({ runId }) => runId), needsLook });
    });
    return unattended;
  }

  /** Waits until every run was looked at, was started or has an end that can be read; samples count from `sinceMs`. */
  async measure(unattended: readonly Unattended[], sinceMs: number, patienceMs: number): Promise<void> {
    const waiting = new Set(unattended);
    for (;;) {
      const looks = await this.#deps.sandbox.firstLooks();
      await inBatches([...waiting], parallel, async (each) => {
        const lookedAtMs = each.vendorRunIds.map((id) => looks.get(id)).find((atMs) => atMs !== undefined);
        const attendedAtMs = lookedAtMs ?? (await this.#findOtherSign(each, sinceMs));
        if (attendedAtMs === null) return;
        waiting.delete(each);
        this.samplesMs.push(attendedAtMs - sinceMs);
      });
      if (waiting.size === 0) return;
      if (Date.now() - sinceMs > patienceMs) break;
      await sleep(lookEveryMs);
    }
    for (const each of waiting) {
      if (await this.#isLeftToCall(each)) {
        this.leftToCalls += 1;
        continue;
      }
      this.samplesMs.push(Date.now() - sinceMs);
      this.neglected.push(await this.#describe(each));
    }
  }

  /** When a run that need not be looked at was started, or was seen to have ended; null: it has no such sign yet. */
  async #findOtherSign({ run, vendorRunIds, needsLook }: Unattended, sinceMs: number): Promise<number | null> {
    if (run.judgement !== null) return Date.now();
    // Asking for each of many runs costs the machine more than looking at them does: most need no other sign.
    if (needsLook && Date.now() - sinceMs < patienceWithLooksMs) return null;
    const notes = await this.#deps.sandbox.notes(run.plan.key);
    const started = notes.find(({ runId }) => !vendorRunIds.includes(runId));
    if (started !== undefined) return started.startedAtMs;
    return (await this.#hasReadableEnd(run)) ? Date.now() : null;
  }

  /**
   * Whether a living gateway has the run and waits for its vendor's call: of a start that was cut off nothing else tells what
   * became of it, and there is no call where it never arrived.
   */
  async #isLeftToCall({ run: { runId, plan }, needsLook }: Unattended): Promise<boolean> {
    if (needsLook || askedAgents.includes(plan.agent)) return false;
    const { owner, phase, waiting } = runReport.parse(await this.#ask(`/admin/v1/runs/${runId}`));
    const { replicas } = replicaList.parse(await this.#ask('/admin/v1/replicas'));
    const isOwned = replicas.some(({ replica, alive }) => alive && replica === owner);
    return isOwned && phase === 'starting' && waiting?.cause === 'start-unsettled';
  }

  /** What any gateway says of a run and its vendor, in words. */
  async #describe({ run: { runId, plan }, needsLook }: Unattended): Promise<string> {
    const [notes, report] = await Promise.all([
      this.#deps.sandbox.notes(plan.key),
      this.#ask(`/admin/v1/runs/${runId}`),
    ]);
    const { phase, owner, waiting } = runReport.parse(report);
    const here = `${phase}, owner ${owner}, waits for ${waiting?.cause ?? 'nothing'}`;
    const there = notes.map(({ status, observes }) => `${status} after ${observes} looks`).join(', ') || 'no start';
    return `${runId} ${plan.agent} ${plan.key}: ${here}; its vendor: ${there}${needsLook ? '' : '; no look is owed'}`;
  }

  async #ask(path: string): Promise<Json> {
    const { replicaSet, chance, signal } = this.#deps;
    const client = await replicaSet.responsiveClient(chance, signal);
    return (await client.call('GET', path)).body;
  }

  async #hasReadableEnd({ runId }: KnownRun): Promise<boolean> {
    const { replicaSet, book, chance, signal } = this.#deps;
    try {
      const client = await replicaSet.responsiveClient(chance, signal);
      const { status, body } = await client.call('GET', `/runs/${runId}/output`);
      if (status !== 200) return false;
      const output = readOutput(body);
      if (!isFinal(output)) return false;
      book.seeEnd(runId, output);
      return true;
    } catch {
      return false;
    }
  }
}

/** Median and 99th percentile by nearest rank, in whole milliseconds; null without samples. */
export function percentiles(samplesMs: readonly number[]): readonly [p50: number | null, p99: number | null] {
  const sorted = samplesMs.toSorted((a, b) => a - b);
  const rank = (share: number): number | null => {
    const sample = sorted[Math.ceil(share * sorted.length) - 1];
    return sample === undefined ? null : Math.round(sample);
  };
  return [rank(0.5), rank(0.99)];
}
