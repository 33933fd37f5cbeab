import { setTimeout as sleep } from 'node:timers/promises';
import { ZodError } from 'zod';
import type { Book, KnownRun } from './book.ts';
import type { Chance } from './chance.ts';
import type { Answer } from './front.ts';
import { isFinal, readOutput } from './output.ts';
import type { ReplicaSet } from './replica-set.ts';

export type FollowerDeps = {
  readonly replicaSet: ReplicaSet;
  readonly book: Book;
  readonly chance: Chance;
  /** Fires when all waits have to end. */
  readonly signal: AbortSignal;
};

const blockSeconds = 2;
/** Of streams that a client leaves by itself now and then, to come back somewhere else. */
const restlessShare = 0.4;

/** Asks for the output again and again, with a `block_timeout` or with pauses, until the run has ended. */
export async function pollRun(run: KnownRun, blocking: boolean, deps: FollowerDeps): Promise<void> {
  const query = blocking ? `?block_timeout=${blockSeconds}` : '';
  const blockMs = blocking ? blockSeconds * 1000 : 0;
  for (;;) {
    const answer = await askOnce(run, `/output${query}`, deps, { blockMs });
    if (answer?.status === 404) return;
    if (answer?.status === 200) {
      const output = readOutput(answer.body);
      if (isFinal(output)) return deps.book.seeEnd(run.runId, output);
      if (output.type === 'interrupt') await answerInterrupt(run, output.interrupt.round, deps);
    }
    if (answer === null || !blocking) await sleep(deps.chance.between(50, 300));
  }
}

/**
 * Follows the stream to the terminal event, over all cuts, on any gateway. Its ids have to be 1, 2, 3 and so on, each
 * once: what was seen goes into `Last-Event-ID`. One of several followers of a run answers its interrupts.
 */
export async function streamRun(run: KnownRun, answers: boolean, deps: FollowerDeps): Promise<void> {
  const { book, chance } = deps;
  book.streams += 1;
  const reader: Reader = { lastId: 0, isOver: false, answered: answers ? Promise.resolve() : null };
  try {
    while (!reader.isOver) {
      await readOn(run, reader, deps);
      if (reader.isOver) return;
      book.cuts += 1;
      await sleep(chance.between(5, 150));
    }
  } finally {
    if (!reader.isOver && run.judgement !== null) {
      book.noteGap(run.runId, `${run.runId}: the run has ended, and the stream stands at ${reader.lastId}`);
    }
  }
}

type Reader = {
  lastId: number;
  isOver: boolean;
  /** Resolves when the interrupts that it has seen are answered; null where it answers none. */
  answered: Promise<void> | null;
};

/** One connection: from its reader's last id to a cut or to the terminal event. */
async function readOn(run: KnownRun, reader: Reader, deps: FollowerDeps): Promise<void> {
  const { book, chance, replicaSet, signal } = deps;
  const client = await replicaSet.client(chance, signal);
  const leaving = new AbortController();
  const timer = chance.happens(restlessShare) ? setTimeout(() => leaving.abort(), chance.between(10, 1500)) : null;
  try {
    const { status, events } = await client.listen(run.runId, reader.lastId, AbortSignal.any([signal, leaving.signal]));
    if (status === 404) {
      reader.isOver = true;
      return book.noteGap(run.runId, `${run.runId}: the stream answers 404 after id ${reader.lastId}`);
    }
    if (status !== 200) return;
    for await (const { id, data } of events) {
      if (Number(id) !== reader.lastId + 1) book.noteGap(run.runId, `${run.runId}: ${id} came after ${reader.lastId}`);
      reader.lastId = Number(id);
      const output = readOutput(JSON.parse(data));
      reader.isOver = isFinal(output);
      if (reader.isOver) return book.seeEnd(run.runId, output);
      if (output.type === 'interrupt') {
        const { round } = output.interrupt;
        // The stream goes on during the answer. One attempt at a time, or two could answer two rounds.
        reader.answered = reader.answered?.then(() => answerInterrupt(run, round, deps).catch(() => {})) ?? null;
      }
    }
  } catch (error) {
    // What breaks a connection is expected; what breaks a message is not.
    if (error instanceof SyntaxError || error instanceof ZodError) {
      book.noteUnexpected(`stream of ${run.runId}: ${error.message}`);
    }
  } finally {
    if (timer !== null) clearTimeout(timer);
    leaving.abort();
  }
}

/** Answers one round of an interrupt. A try whose answer was lost may have been taken, so each begins with a look. */
async function answerInterrupt(run: KnownRun, round: number, deps: FollowerDeps): Promise<void> {
  const { answer } = run.plan;
  if (answer === null) return;
  for (;;) {
    const now = await askOnce(run, '/output', deps);
    if (now?.status === 200) {
      const shown = readOutput(now.body);
      if (shown.type !== 'interrupt' || shown.interrupt.round !== round) return;
      const reply = await askOnce(run, '', deps, { body: answer(round) });
      if (reply?.status === 200 || reply?.status === 409) return;
    } else if (now?.status === 204 || now?.status === 404) {
      return;
    }
    await sleep(deps.chance.between(50, 200));
  }
}

/** One request about a run to any gateway; null when no answer came. */
export async function askOnce(
  run: KnownRun,
  path: string,
  { replicaSet, book, chance, signal }: FollowerDeps,
  { blockMs = 0, body }: { readonly blockMs?: number; readonly body?: Parameters<typeof readOutput>[0] } = {},
): Promise<Answer | null> {
  const client = await replicaSet.client(chance, signal);
  const method = body === undefined ? 'GET' : 'POST';
  try {
    const answer = await client.call(method, `/runs/${run.runId}${path}`, { ...(body && { body }), blockMs });
    if (![200, 204, 404, 409, 503].includes(answer.status)) {
      book.noteUnexpected(`${method} /runs/${run.runId}${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    }
    return answer;
  } catch {
    return null;
  }
}
