import type { Agent } from '../../contract/domain/agent.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { instantOf } from '../shared/answers.ts';
import { messageOf, openQuestionsOf, type Question } from './questions.ts';
import { endOf, isBroken } from './results.ts';

/** Between looks of a client, as a share of the time that a run takes already. */
const pollShare = 0.1;
const minPollMs = 500;
const maxPollMs = 10_000;

export type TaskTerms = {
  readonly agent: Agent | undefined;
  readonly canElicit: boolean;
  /** How long runs are kept after their end. */
  readonly retentionMs: number;
};

type TaskStatus = 'working' | 'input_required' | 'completed' | 'failed' | 'cancelled';

/** A run as a task, without what it came to. */
export function encodeTask(run: Run, { retentionMs }: Pick<TaskTerms, 'retentionMs'>): JsonObject {
  const message = statusMessage(run);
  const ageMs = Date.now() - run.createdAtMs;
  return {
    taskId: run.runId,
    status: taskStatus(run),
    ...(message === undefined ? {} : { statusMessage: message }),
    createdAt: instantOf(run.createdAtMs),
    lastUpdatedAt: instantOf(run.updatedAtMs),
    ttlMs: retentionMs,
    pollIntervalMs: Math.round(Math.min(maxPollMs, Math.max(minPollMs, ageMs * pollShare))),
  };
}

/** A run as a task with its result, its error or what it asks. */
export async function encodeDetailedTask(run: Run, terms: TaskTerms): Promise<JsonObject> {
  const task = encodeTask(run, terms);
  if (run.status === 'pending' || run.outcome === null || task.status === 'cancelled') return task;
  if (run.outcome.kind === 'interrupt') {
    const questions = terms.canElicit ? openQuestionsOf(terms.agent, run) : null;
    return { ...task, inputRequests: elicitAll(questions ?? [], (key) => taskKey(key, run.lastSeq)) };
  }
  const end = await endOf(run.outcome, { runId: run.runId, agent: terms.agent, isStateless: true });
  if (end.kind === 'error') return { ...task, error: end.error };
  return { ...task, result: { resultType: 'complete', ...end.result } };
}

/** A question of a task has a key of its own for all of the task's life, so that an answer to an older one is known as such. */
export function taskKey(key: string, seq: number): string {
  return `${key}.${seq}`;
}

/** The `inputRequests` that put questions. */
export function elicitAll(questions: readonly Question[], nameOf = (key: string) => key): JsonObject {
  return Object.fromEntries(questions.map(({ key, params }) => [nameOf(key), elicit(params)]));
}

export function elicit(params: JsonObject): JsonObject {
  return { method: 'elicitation/create', params };
}

function taskStatus({ status, outcome }: Run): TaskStatus {
  if (status === 'pending') return 'working';
  if (status === 'interrupted') return 'input_required';
  if (outcome?.kind === 'error' && outcome.errcode === errcodes.cancelled) return 'cancelled';
  return isBroken(outcome) ? 'failed' : 'completed';
}

function statusMessage({ status, phase, outcome, waiting }: Run): string | undefined {
  if (outcome?.kind === 'interrupt' && status === 'interrupted') return messageOf(outcome.payload);
  if (outcome?.kind === 'error') return outcome.description;
  if (status !== 'pending') return undefined;
  return waiting === undefined ? phase : `${phase}: ${waiting.cause}`;
}
