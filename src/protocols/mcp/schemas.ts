import { z } from 'zod';
import { anyObject } from '../shared/answer-schemas.ts';
import { jsonObject } from '../shared/requests.ts';

const messageId = z.union([z.string().max(16_384), z.number()]);

/** What clients send: a request, a notification, or the answer to a question. */
export const messageSchema = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: messageId.optional(),
  method: z.string().max(256).optional(),
  params: jsonObject.optional(),
  result: jsonObject.optional(),
  error: jsonObject.optional(),
});
export type SentMessage = z.output<typeof messageSchema>;

const error = z.looseObject({ code: z.int(), message: z.string(), data: anyObject.optional() });

/** What clients get. */
export const answers = {
  Response: z
    .looseObject({
      jsonrpc: z.literal('2.0'),
      id: messageId.optional(),
      result: anyObject.optional(),
      error: error.optional(),
    })
    .meta({ id: 'Response' }),
  /** On a stream, before the response: progress, or a question. */
  Message: messageSchema.meta({ id: 'Message' }),
};
