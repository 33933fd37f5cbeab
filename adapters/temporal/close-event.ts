import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { decodePayloads, type PayloadCodec } from './payloads.ts';

/** How one run of a workflow ended; `nextRunId` is the run in which the workflow goes on, null where it is over. */
export type Close = { readonly end: JsonObject & { readonly status: string }; readonly nextRunId: string | null };

/** The last word of the event types and of the statuses, and the member of the event that says more. */
const ends = {
  COMPLETED: 'workflowExecutionCompletedEventAttributes',
  FAILED: 'workflowExecutionFailedEventAttributes',
  TIMED_OUT: 'workflowExecutionTimedOutEventAttributes',
  CANCELED: 'workflowExecutionCanceledEventAttributes',
  TERMINATED: 'workflowExecutionTerminatedEventAttributes',
  CONTINUED_AS_NEW: 'workflowExecutionContinuedAsNewEventAttributes',
} as const;

/** Failures have a cause each, which a vendor may nest without end. */
const maxCauses = 50;

/**
 * The end in the answer to a question for it. Null: there is none yet.
 *
 * @throws UpstreamFault for a result that cannot be read.
 */
export async function readClose(answer: JsonObject, codec: PayloadCodec): Promise<Close | null> {
  const { events } = isJsonObject(answer.history) ? answer.history : {};
  const event = Array.isArray(events) ? (events as readonly Json[]).at(-1) : undefined;
  if (!isJsonObject(event)) return null;
  const word = wordOf(event.eventType, 'EVENT_TYPE_WORKFLOW_EXECUTION_');
  if (word === null || !isEnd(word)) return null;
  const said = event[ends[word]];
  const attributes = isJsonObject(said) ? said : {};
  const next = attributes.newExecutionRunId;
  const nextRunId = typeof next === 'string' && next !== '' ? next : null;
  if (nextRunId !== null) return { end: { status: word }, nextRunId };
  return { end: { status: word, ...(await readEnd(word, attributes, codec)) }, nextRunId };
}

function isEnd(word: string): word is keyof typeof ends {
  return Object.hasOwn(ends, word);
}

async function readEnd(word: keyof typeof ends, attributes: JsonObject, codec: PayloadCodec): Promise<JsonObject> {
  switch (word) {
    case 'COMPLETED':
      return { result: await decodePayloads(attributes.result, codec, word) };
    case 'FAILED':
      return isJsonObject(attributes.failure) ? { failure: describeFailure(attributes.failure) } : {};
    case 'TERMINATED':
      return typeof attributes.reason === 'string' && attributes.reason !== '' ? { reason: attributes.reason } : {};
    default:
      return {};
  }
}

/** Outer failures say that a step or a child failed; the innermost one says why. */
function describeFailure(failure: JsonObject): JsonObject {
  const chain: JsonObject[] = [];
  for (let each: Json | undefined = failure; isJsonObject(each) && chain.length < maxCauses; each = each.cause)
    chain.push(each);
  const telling = chain.findLast(({ message }) => typeof message === 'string' && message.trim() !== '');
  const info = telling?.applicationFailureInfo;
  const type = isJsonObject(info) ? info.type : undefined;
  const step = chain.map((each) => each.activityFailureInfo).findLast(isJsonObject);
  const activity = isJsonObject(step?.activityType) ? step.activityType.name : undefined;
  return {
    message: telling?.message ?? 'the workflow failed and gave no reason',
    ...(typeof type === 'string' && type !== '' ? { type } : {}),
    ...(typeof activity === 'string' ? { activity } : {}),
  };
}

/** The innermost message of a failure, such as that of an update. */
export function reasonOf(failure: JsonObject): string {
  return String(describeFailure(failure).message);
}

/** A value of an enum without its prefix; null for what is none. Its number, where this version does not know its name. */
export function wordOf(value: Json | undefined, prefix: string): string | null {
  if (typeof value === 'number') return `${prefix}${value}`;
  if (typeof value !== 'string') return null;
  return value.startsWith(prefix) ? value.slice(prefix.length) : value;
}
