import { setTimeout as sleep } from 'node:timers/promises';
import type { Book, KnownRun } from './book.ts';
import type { Chance } from './chance.ts';
import { askedAgents, overdueSeconds, unsettledSeconds } from './config.ts';
import type { Answer } from './front.ts';
import { isFinal, readOutput } from './output.ts';
import { inBatches } from './parallel.ts';
import type { ReplicaSet } from './replica-set.ts';
import type { SandboxProcess } from './sandbox-process.ts';

export type AuditDeps = {
  readonly replicaSet: ReplicaSet;
  readonly book: Book;
  readonly sandbox: SandboxProcess;
  readonly chance: Chance;
  /** The vendors call the gateways. */
  readonly pushes: boolean;
  /** Streams that are read again from their beginning and from their middle. */
  readonly maxReplays: number;
};

export type Findings = {
  readonly acknowledged: number;
  readonly lost: readonly string[];
  readonly startedTwice: readonly string[];
  readonly stuck: readonly string[];
  readonly unknownStarts: number;
  /** The vendor ended the run and could be asked for it, and the client got no result. */
  readonly resultsLost: readonly string[];
};

const parallel = 12;
/** After the vendor has ended a run and every gateway is up again: pacing's ceiling is 1.5 s. */
const graceMs = 30_000;
const lookEveryMs = 500;
const tries = 5;

/** Waits until every acknowledged run has ended, as long as it is reasonable. */
export async function settle(deps: AuditDeps, signal: AbortSignal): Promise<void> {
  const { book, pushes } = deps;
  const ends = book.live.map(({ acknowledgedAtMs, plan }) => acknowledgedAtMs + plan.lengthMs);
  const latestMs = Math.max(performance.now(), ...ends) + graceMs;
  // What never arrived at a vendor that only calls is settled when its time is over; later where no gateway was up then.
  const untilMs = pushes ? latestMs + (unsettledSeconds + overdueSeconds) * 1000 : latestMs;
  while (book.live.length > 0 && performance.now() < untilMs && !signal.aborted) {
    await inBatches(book.live, parallel, (run) => readEnd(run, deps).then(() => {}));
    if (book.live.length > 0) await sleep(lookEveryMs);
  }
}

/** Reads every acknowledged run once more, and asks the vendors what they counted. */
export async function audit(deps: AuditDeps): Promise<Findings> {
  const { book, sandbox } = deps;
  const lost: string[] = [];
  const stuck: string[] = [];
  const { all } = book;
  await inBatches(all, parallel, async (run) => {
    const end = await readEnd(run, deps);
    if (end === 'ended') return;
    const notes = await sandbox.notes(run.plan.key);
    const line = `${run.runId} ${run.plan.agent} ${run.plan.key}: ${end}, ${JSON.stringify(notes)}`;
    if (end === 'missing' || notes.length === 0) lost.push(line);
    else stuck.push(line);
  });
  await replaySome(deps);
  const keysDropped = await sandbox.keysDropped();
  if (keysDropped > 0) throw new Error(`the sandbox forgot ${keysDropped} keys: its counts are of no use`);
  const startedTwice = [...(await sandbox.keysStarted(2))].map(([key, count]) => `${key}: ${count} times`);
  const unknown = book.all.filter(({ judgement }) => judgement === 'unknown start');
  const resultsLost: string[] = [];
  for (const { runId, plan } of unknown) {
    if (!deps.pushes && !askedAgents.includes(plan.agent)) continue;
    const notes = await sandbox.notes(plan.key);
    if (notes.length > 0) resultsLost.push(`${runId} ${plan.agent} ${plan.key}: ${JSON.stringify(notes)}`);
  }
  return { acknowledged: all.length, lost, startedTwice, stuck, unknownStarts: unknown.length, resultsLost };
}

async function readEnd(
  run: KnownRun,
  { replicaSet, book, chance }: AuditDeps,
): Promise<'ended' | 'missing' | 'pending'> {
  for (let attempt = 1; ; attempt += 1) {
    const client = await replicaSet.client(chance, AbortSignal.timeout(graceMs));
    let answer: Answer;
    try {
      answer = await client.call('GET', `/runs/${run.runId}/output`);
    } catch (error) {
      if (attempt < tries) continue;
      throw error;
    }
    if (answer.status === 404) return 'missing';
    if (answer.status !== 200) return 'pending';
    const output = readOutput(answer.body);
    if (!isFinal(output)) return 'pending';
    book.seeEnd(run.runId, output);
    return 'ended';
  }
}

/** A late watcher gets the whole history, and from any place in it on what follows. */
async function replaySome({ replicaSet, book, chance, maxReplays }: AuditDeps): Promise<void> {
  const ended = book.all.filter(({ judgement }) => judgement !== null);
  const share = maxReplays / Math.max(ended.length, 1);
  const chosen = ended.filter(() => chance.happens(share));
  await inBatches(chosen, parallel, async ({ runId }) => {
    const ids = await readIds(runId, 0);
    const last = ids.length;
    const after = chance.between(0, Math.max(0, last - 1));
    const rest = await readIds(runId, after);
    if (ids.some((id, at) => id !== at + 1) || last === 0) book.noteGap(runId, `${runId}: the history is ${ids}`);
    if (rest.join() !== ids.slice(after).join()) book.noteGap(runId, `${runId}: after ${after} of ${ids} came ${rest}`);
  });

  async function readIds(runId: string, afterId: number): Promise<readonly number[]> {
    const signal = AbortSignal.timeout(graceMs);
    const { status, events } = await (await replicaSet.client(chance, signal)).listen(runId, afterId, signal);
    const ids: number[] = [];
    let isOver = false;
    if (status !== 200) book.noteGap(runId, `${runId}: the history after ${afterId} answers ${status}`);
    else
      for await (const { id, data } of events) {
        ids.push(Number(id));
        isOver = isFinal(readOutput(JSON.parse(data)));
      }
    if (!isOver) book.noteGap(runId, `${runId}: the history after ${afterId} ends without an end`);
    return ids;
  }
}
