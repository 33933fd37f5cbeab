import { z } from 'zod';
import { jsonObject } from '../shared/requests.ts';
import { categories, codes, reasons } from './words.ts';

/** One part of a path. Dots alone would climb out of it, percent-encoded or not. */
const part = z
  .string()
  .min(1)
  .max(500)
  .refine((text) => text !== '.' && text !== '..', 'must not be dots only')
  .refine((text) => text.isWellFormed() && !/\p{Cc}/u.test(text), 'must not contain control characters');
export const workspaceId = part.meta({ description: 'Id of the workspace at Intuned, or name of the backend.' });
export const projectName = part.meta({ description: 'Name of the project.' });
export const pathPart = part;

export const projectParams = z.object({ workspaceId, projectName });
export const runParams = z.object({ workspaceId, projectName, run_id: z.string().max(500) });

const httpUrl = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(65_536);
/** Headers that belong to the connection or to the body: a receiver's own would break both. */
const ownHeaders =
  /^(?:connection|content-encoding|content-length|expect|host|keep-alive|te|trailer|transfer-encoding|upgrade|proxy-.*)$/;
const sinkHeaders = z
  .record(
    z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'must be the name of a header'),
    z
      .string()
      .max(8192)
      .regex(/^[\t\x20-\x7e]*$/, 'must be visible ASCII'),
  )
  .refine((headers) => Object.keys(headers).length <= 50, 'must be at most 50 headers')
  .refine((headers) => !Object.keys(headers).some((name) => ownHeaders.test(name.toLowerCase())), {
    message: 'must leave the headers of the connection and of the body alone',
  });

const webhookSink = z
  .looseObject({
    type: z.literal('webhook'),
    url: httpUrl,
    headers: sinkHeaders.nullish(),
    skipOnFail: z.boolean().nullish(),
    apisToSend: z.array(z.string()).nullish(),
  })
  .meta({ id: 'WebhookSink' });

const s3Sink = z
  .looseObject({ type: z.literal('s3') })
  .meta({ id: 'S3Sink', description: 'Passed on to Intuned, which writes to it.' });

/** Members that are not listed are Intuned's options of a run, and pass on as they are. */
export const startBody = z
  .looseObject({
    api: z.string().min(1).max(500).meta({ description: 'Name of the API in the project.' }),
    parameters: jsonObject.meta({ description: 'Parameters of the API.' }),
    sink: z.union([webhookSink, s3Sink]).nullish(),
  })
  .meta({ id: 'RunStartRequest' });
export type StartBody = z.output<typeof startBody>;
export type WebhookSink = z.output<typeof webhookSink>;

const startAnswer = z.object({ runId: z.string(), status: z.literal('pending') }).meta({ id: 'RunStarted' });

const anything = z.unknown().meta({ description: 'Any JSON value.' });

const runError = z
  .object({
    message: z.string(),
    category: z.enum(categories),
    code: z.enum(codes).optional(),
    retirable: z.boolean().optional(),
    doc_url: z.string().optional(),
    correlation_id: z.string().optional(),
    details: anything.optional(),
  })
  .meta({ id: 'RunError' });

const reason = z
  .object({
    type: z.enum(reasons),
    message: z.string(),
    doc_url: z.string().optional(),
    details: anything.optional(),
  })
  .meta({ id: 'CancelReason' });

const extendedPayload = z.object({
  api: z.string(),
  runId: z.string().optional(),
  parameters: z.looseObject({}).optional(),
});

/** What the vendor's clients read of a run; no member is null. */
const runResult = z
  .object({
    runId: z.string(),
    status: z.enum(['pending', 'started', 'completed', 'canceled', 'failed']),
    result: anything.optional(),
    extendedPayloads: z.array(extendedPayload).optional(),
    error: runError.optional(),
    message: z.string().optional(),
    reason: reason.optional(),
  })
  .meta({ id: 'RunResult' });

const error = z
  .object({
    code: z.string(),
    category: z.enum(categories),
    message: z.string(),
    retirable: z.boolean(),
    correlationId: z.string().meta({ description: 'The id of the request, as in `X-Request-Id` and in the log.' }),
  })
  .meta({ id: 'Error' });

export const answers = { RunStarted: startAnswer, RunResult: runResult, Error: error };
export const vendorAnswer = anything;
