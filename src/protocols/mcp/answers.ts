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
  for (const question of answered) {
    const elicited = readElicited(responses[keyFor(question)]);
    if (elicited.action !== 'accept') return await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
    payloads[question.key] = question.toPayload(elicited.content);
  }
  return first.isListed
    ? await api.runs.answer(keyOf(run), { seq: run.lastSeq, answers: payloads })
    : (await api.runs.resume(keyOf(run), payloads[first.key] ?? null, {})).run;
}

/** The `inputResponses` of a request; undefined where it has none. Throws `RpcError`. */
export function readResponses({ inputResponses }: JsonObject): JsonObject | undefined {
  if (inputResponses === undefined || isJsonObject(inputResponses)) return inputResponses;
  throw invalidParams('params/inputResponses must be an object');
}
