import type { Api } from '../../contract/api/api.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json } from '../../contract/domain/json.ts';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { ResponseKey } from './ids.ts';

/** A run's question: the number of its event, and the payload. */
export type Question = { readonly seq: number; readonly payload: Json };

/** A question with what it was answered; undefined where version 0.2 wrote the answer. */
export type AnsweredQuestion = Question & { readonly answer: Json | undefined };

/** The part of a run that a response is. */
export type Segment = {
  readonly key: ResponseKey;
  readonly run: Run;
  /** The question that the segment ended with, because it was answered; null: the segment goes as far as the run does. */
  readonly answered: Question | null;
};

/** Finds the part of a run. `read`: as a client that asks again and again, or once. */
export async function findSegment(api: Api, key: ResponseKey & RunKey, read: 'get' | 'poll' = 'get'): Promise<Segment> {
  const run = await api.runs[read]({ tenant: key.tenant, runId: key.runId });
  return await segmentOf(api, run, key.fromSeq);
}

export async function segmentOf(api: Api, run: Run, fromSeq: number): Promise<Segment> {
  const key = { runId: run.runId, fromSeq };
  const questions = await answeredOf(api, run);
  if (fromSeq > 0 && !questions.some(({ seq }) => seq === fromSeq)) throw new GatewayError('run_not_found');
  return { key, run, answered: questions.find(({ seq }) => seq > fromSeq) ?? null };
}

/** The questions of a run that were answered, in their order. */
export async function answeredOf(api: Api, run: Run): Promise<readonly AnsweredQuestion[]> {
  // Of nearly every run no event is read.
  return mayHaveBeenAnswered(api, run) ? await knownAnswered(api, run) : [];
}

/** The question that the run waits with; null where it waits for none. */
export function openQuestionOf({ phase, outcome, lastSeq }: Run): Question | null {
  // Nothing is recorded while a run waits for its answer.
  return phase === 'interrupted' && outcome?.kind === 'interrupt' ? { seq: lastSeq, payload: outcome.payload } : null;
}

/** Number of the event that follows the answer of a run that was queued, ran and asked: none is answered before. */
const minAnsweredSeq = 4;

function mayHaveBeenAnswered(api: Api, { lastSeq, agentId }: Run): boolean {
  if (lastSeq < minAnsweredSeq) return false;
  try {
    return api.agents.get(agentId).mapping.interrupts;
  } catch (error) {
    // The config no longer has the agent.
    if (error instanceof GatewayError) return true;
    throw error;
  }
}

/** By the run as it was read: it is never changed, and one that is done stays the same object while it is cached. */
const answeredByRun = new WeakMap<Run, readonly AnsweredQuestion[]>();

async function knownAnswered(api: Api, run: Run): Promise<readonly AnsweredQuestion[]> {
  const known = answeredByRun.get(run) ?? (await readAnswered(api, run));
  answeredByRun.set(run, known);
  return known;
}

/** By the events that the run has now; none comes between a question and its answer. */
async function readAnswered(api: Api, run: Run): Promise<readonly AnsweredQuestion[]> {
  const answered: AnsweredQuestion[] = [];
  let open: Question | null = null;
  const events = await api.runs.watch({ tenant: run.tenant, runId: run.runId }, 0);
  try {
    for (;;) {
      const batch = await events.next();
      if (batch.done === true) return answered;
      for (const { seq, change } of batch.value) {
        if (open !== null && change.kind === 'phase' && change.phase === 'resuming')
          answered.push({ ...open, answer: change.answer?.payload });
        open = change.kind === 'interrupt' ? { seq, payload: change.payload } : null;
        if (seq >= run.lastSeq) return answered;
      }
    }
  } finally {
    await events.return();
  }
}
