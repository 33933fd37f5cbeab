import { z } from 'zod';
import { anyObject } from '../shared/answer-schemas.ts';
import { json, jsonObject } from '../shared/requests.ts';

/** Of requests; JSON-RPC allows fractions and null too, which the protocol forbids. */
export const messageId = z.union([z.string().max(16_384), z.int()]);

/** What clients send: a request, a notification, or the answer to a question. */
export const messageSchema = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: messageId.optional(),
  method: z.string().max(256).optional(),
  params: jsonObject.optional(),
  result: jsonObject.optional(),
  error: jsonObject.optional(),
});

/** Documents a message and takes any body, so that the answer to a malformed one can carry its id. */
export const anyMessage = json
  .refine((body) => body !== undefined, 'is required')
  .meta({ override: { $ref: '#/components/schemas/Message' } });

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
  /** Sent by clients and, before the response of a stream, by the gateway: progress, or a question. */
  Message: messageSchema.meta({ id: 'Message' }),
};
