import { GatewayError } from '../../contract/domain/errors.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { keyOf } from '../shared/wait-and-stream.ts';
import type { Call } from './call.ts';
import type { Question } from './questions.ts';
import { invalidParams } from './rpc-error.ts';

/** What a person did with a form. */
type Elicited = { readonly action: 'accept'; readonly content: JsonObject } | { readonly action: 'decline' | 'cancel' };

/** Reads the answer to a question. Throws `RpcError` for what is none. */
export function readElicited(value: Json | undefined): Elicited {
  const action = isJsonObject(value) ? value.action : undefined;
  if (!isJsonObject(value) || (action !== 'accept' && action !== 'decline' && action !== 'cancel'))
    throw invalidParams('an answer must be an object with the action accept, decline or cancel');
  if (action !== 'accept') return { action };
  const { content = {} } = value;
  if (!isJsonObject(content)) throw invalidParams('the content of an answer must be an object');
  return { action, content };
}

/**
 * Goes on with an interrupted run as a person answered its open questions, or some of them; `keyFor` says under which name an
 * answer stands. A person who declines to answer declines the run. Null where none of the questions is answered.
 */
export async function applyAnswers(
  { api }: Pick<Call, 'api'>,
  { run, questions }: { readonly run: Run; readonly questions: readonly Question[] },
  responses: JsonObject,
  keyFor: (question: Question) => string = ({ key }) => key,
): Promise<Run | null> {
  const answered = questions.filter((question) => Object.hasOwn(responses, keyFor(question)));
  const [first] = answered;
  if (first === undefined) return null;
  const payloads: Record<string, Json> = {};
  let content: JsonObject = {};
  for (const question of answered) {
    const elicited = readElicited(responses[keyFor(question)]);
    if (elicited.action !== 'accept') return await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    payloads[question.key] = question.toPayload(elicited.content);
    ({ content } = elicited);
  }
  const { lastSeq: questionSeq } = run;
  if (first.isListed) return await api.runs.answer(keyOf(run), { seq: questionSeq, answers: payloads });
  const options = { questionSeq, mark: markOf(questionSeq), identity: content };
  return (await api.runs.resume(keyOf(run), payloads[first.key] ?? null, options)).run;
}

/** Of an answer that is a form as a whole, which can be compared with another one. */
function markOf(questionSeq: number): string {
  return `mcp ${questionSeq}`;
}

/**
 * Looks at an answer that comes after its question was closed. One that was taken passes, and so does one to a question that
 * another protocol has answered; throws `question_answered` where a person has answered the form otherwise.
 */
export async function checkLateAnswer(
  { api }: Pick<Call, 'api'>,
  run: Run,
  questionSeq: number,
  responses: JsonObject,
): Promise<void> {
  const taken = run.answers?.find((each) => each.questionSeq === questionSeq);
  // The question, which knew the name of its answer, is gone.
  const [value, ...others] = Object.values(responses);
  if (taken?.mark !== markOf(questionSeq) || value === undefined || others.length > 0) return;
  const elicited = readElicited(value);
  if (elicited.action !== 'accept') return;
  try {
    await api.runs.resume(keyOf(run), elicited.content, { questionSeq, identity: elicited.content });
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'run_not_interrupted') throw error;
  }
}

const late: ReadonlySet<string> = new Set(['run_not_interrupted', 'question_answered', 'idempotency_mismatch']);

/** Whether another client's answer came first. */
export function isLate(error: unknown): boolean {
  return error instanceof GatewayError && late.has(error.code);
}

/** The `inputResponses` of a request; undefined where it has none. Throws `RpcError`. */
export function readResponses({ inputResponses }: JsonObject): JsonObject | undefined {
  if (inputResponses === undefined || isJsonObject(inputResponses)) return inputResponses;
  throw invalidParams('params/inputResponses must be an object');
}
