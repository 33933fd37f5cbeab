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

/** Goes on with an interrupted run as a person answered: who does not want to answer does not want the run. */
export async function applyAnswer({ api }: Pick<Call, 'api'>, run: Run, question: Question, value: Json): Promise<Run> {
  const elicited = readElicited(value);
  if (elicited.action === 'accept')
    return (await api.runs.resume(keyOf(run), question.toPayload(elicited.content), {})).run;
  return await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
}

/** The `inputResponses` of a request; undefined where it has none. Throws `RpcError`. */
export function readResponses({ inputResponses }: JsonObject): JsonObject | undefined {
  if (inputResponses === undefined || isJsonObject(inputResponses)) return inputResponses;
  throw invalidParams('params/inputResponses must be an object');
}
