import type { GivenAnswer } from '../../contract/domain/event.ts';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { RunSummary } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { A2aRefusal } from './errors.ts';
import type { Message, Part } from './schemas.ts';

/** What a message says: its text parts as one text, its data parts as one value. At least one of them is there. */
export type Content = { readonly text: string | undefined; readonly data: Json | undefined };

const textTypes = /^text\/|^application\/([a-z.+-]*\+)?json\b/i;
const dataTypes = /^application\/([a-z.+-]*\+)?json\b/i;

/**
 * The content of a message. Several data parts have to be objects, whose members are put together. Throws
 * `CONTENT_TYPE_NOT_SUPPORTED` for files, and `INVALID_PARAMS`.
 */
export function readContent({ parts }: Message): Content {
  const texts: string[] = [];
  const data: Json[] = [];
  for (const [at, part] of parts.entries()) {
    const field = `message.parts[${at}]`;
    const kind = kindOf(part, field);
    if (kind === 'raw' || kind === 'url')
      throw new A2aRefusal('CONTENT_TYPE_NOT_SUPPORTED', 'is a file, and agents take text and data', field);
    const { mediaType } = part;
    if (mediaType !== undefined && !(kind === 'text' ? textTypes : dataTypes).test(mediaType))
      throw new A2aRefusal('CONTENT_TYPE_NOT_SUPPORTED', 'has a media type that agents do not take', field);
    if (kind === 'text') texts.push(part.text ?? '');
    else data.push(part.data ?? null);
  }
  return { text: texts.length === 0 ? undefined : texts.join('\n'), data: joined(data) };
}

const kinds = ['text', 'data', 'raw', 'url'] as const;

function kindOf(part: Part, field: string): (typeof kinds)[number] {
  const [kind, ...others] = kinds.filter((each) => part[each] !== undefined);
  if (kind === undefined || others.length > 0)
    throw new A2aRefusal('INVALID_PARAMS', 'must have one of text, data, raw and url', field);
  return kind;
}

function joined(data: readonly Json[]): Json | undefined {
  if (data.length < 2) return data[0];
  if (!data.every(isJsonObject))
    throw new A2aRefusal('INVALID_PARAMS', 'has several data parts, of which one is not an object', 'message.parts');
  return Object.assign({}, ...data) as JsonObject;
}

/** The members of a message that only this protocol reads, kept with the request of its run. */
export function keepMessage(message: Message): JsonObject {
  const { messageId, contextId, parts, metadata, extensions, referenceTaskIds } = message;
  const [first] = parts;
  // The run has the data as its input.
  const isInput = parts.length === 1 && first !== undefined && Object.keys(present(first)).join() === 'data';
  return present({
    messageId,
    contextId,
    parts: isInput ? undefined : (parts.map(present) as JsonObject[]),
    metadata,
    extensions,
    referenceTaskIds,
  });
}

/** Name of the member of a request's extra members. */
export const keptMember = 'a2a_message';

/** What is kept of the message that began a run; undefined where the run was begun in another protocol. */
function keptMessageOf({ request: { origin } }: RunSummary): JsonObject | undefined {
  const kept = origin?.extra[keptMember];
  return isJsonObject(kept) ? kept : undefined;
}

/** An answer to the question of a task, as it was sent; in another protocol, as it would have been. */
export function encodeAnswer(
  { payload, extra }: GivenAnswer,
  ids: { readonly taskId: string; readonly contextId: string },
  seq: number,
): JsonObject {
  const kept = extra?.[keptMember];
  const data = [{ data: payload }];
  return {
    messageId: `${ids.taskId}.${seq}`,
    role: 'ROLE_USER',
    parts: data,
    ...(isJsonObject(kept) ? kept : {}),
    ...ids,
  };
}

/** The message that began a run; of a run of another protocol, one that would have. */
export function encodeFirstMessage(run: RunSummary, contextId: string): JsonObject {
  const kept = keptMessageOf(run) ?? {};
  const { input, messages } = run.request;
  const asked = messages === undefined ? (input ?? {}) : { ...(isJsonObject(input) ? input : {}), messages };
  return {
    messageId: run.runId,
    role: 'ROLE_USER',
    parts: [{ data: asked as Json }],
    ...kept,
    contextId,
    taskId: run.runId,
  };
}

/** Without the members that are absent. */
export function present(object: Readonly<Record<string, unknown>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as JsonObject;
}
