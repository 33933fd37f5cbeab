import { z } from 'zod';
import type { AnswerEvent } from '../../src/contract/adapter/http.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { pathPart } from '../path.ts';

export const tasksExtension = 'io.modelcontextprotocol/tasks';
export const modern = '2026-07-28';
export const legacy = '2025-11-25';

/** The id of a JSON-RPC message. */
export type MessageId = string | number;

const messageId = z.union([z.string(), z.number()]);
const json = z.custom<Json>((value) => value !== undefined);
const object = z.custom<JsonObject>((value) => isJsonObject(value as Json));

const rpcError = z.looseObject({ code: z.number(), message: z.string().catch('') });

const response = z.union([
  z
    .looseObject({ id: messageId, result: object })
    .transform(({ id, result }) => ({ kind: 'result', id, result }) as const),
  z
    .looseObject({ id: messageId.nullish(), error: rpcError })
    .transform(({ id, error }) => ({ kind: 'error', id, error }) as const),
  z
    .looseObject({ id: messageId, method: z.string(), params: object.optional() })
    .transform(({ id, method, params = {} }) => ({ kind: 'request', id, method, params }) as const),
]);
export type Message = z.infer<typeof response>;

/** Notifications, and what is no message at all, are left out. */
function readMessage(data: Json): Message | null {
  const read = response.safeParse(data);
  return read.success ? read.data : null;
}

/** The message that answers a request: its response, or a request of the server where one is taken. */
function answers(message: Message | null, id: MessageId, takesRequests: boolean): boolean {
  if (message === null) return false;
  if (message.kind === 'request') return takesRequests && message.method === 'elicitation/create';
  return message.id === id || (message.kind === 'error' && message.id == null);
}

export type Expected = { readonly id: MessageId; readonly takesRequests: boolean };

export function isAnswer({ data }: AnswerEvent, { id, takesRequests }: Expected): boolean {
  return answers(readMessage(data), id, takesRequests);
}

const stream = z.looseObject({ events: z.array(z.looseObject({ data: json })) });

/** A response, alone or in a stream with notifications before it. */
export function answerTo({ id, takesRequests }: Expected): z.ZodType<Message> {
  return json.transform((body, context) => {
    const streamed = stream.safeParse(body);
    const messages = streamed.success ? streamed.data.events.map(({ data }) => data) : [body];
    const found = messages.map(readMessage).find((message) => answers(message, id, takesRequests));
    if (found != null) return found;
    context.addIssue({ code: 'custom', message: 'holds no response' });
    return z.NEVER;
  });
}

export const initializeResult = z.looseObject({
  protocolVersion: z.string(),
  capabilities: z.looseObject({
    tasks: z
      .looseObject({ requests: z.looseObject({ tools: z.looseObject({ call: json.optional() }).nullish() }).nullish() })
      .nullish(),
  }),
});

export const toolsResult = z.looseObject({
  tools: z.array(
    z.looseObject({
      name: z.string(),
      execution: z.looseObject({ taskSupport: z.string().optional() }).nullish(),
    }),
  ),
  nextCursor: z.string().nullish(),
});

/** A task of either revision; the newer one names the unit of its times. */
export const task = z.looseObject({
  taskId: pathPart,
  status: z.string().min(1),
  pollInterval: z.number().nullish(),
  pollIntervalMs: z.number().nullish(),
  result: object.optional(),
  error: json.optional(),
  inputRequests: z.record(z.string(), z.looseObject({ method: z.string(), params: object.optional() })).optional(),
});
export type Task = z.infer<typeof task>;

/** What a mapping's `resume` must make: the answer to a question of the server. */
export const answeredQuestion = z.looseObject({
  key: messageId,
  action: z.enum(['accept', 'decline', 'cancel']),
  content: object.optional(),
});
