import { z } from 'zod';
import { httpMethods } from '../contract/adapter/http.ts';

const json = z.json();
const headers = z.record(z.string(), z.string());

const sent = z
  .strictObject({
    method: z.enum(httpMethods).default('GET').describe('Method of the request.'),
    path: z
      .string()
      .regex(/^[^?]*$/, 'must have no query: that is "query"')
      .optional()
      .meta({
        description: 'Path below the base URL, percent-encoded and without its query.',
        examples: ['/runs/r-1'],
      }),
    url: z
      .string()
      .optional()
      .meta({
        description: 'The whole address without its query, where it is of another host.',
        examples: ['https://files.example/r-1'],
      }),
    query: z
      .record(z.string(), z.union([z.string(), z.array(z.string())]))
      .default({})
      .meta({ description: 'Members of the query.', examples: [{ limit: '10' }] }),
    headers: headers.optional().meta({
      description: 'Headers that the request must have; it may have more.',
      examples: [{ authorization: 'Bearer t' }],
    }),
    body: json.optional().meta({ description: 'The JSON that is sent.', examples: [{ input: 1 }] }),
    form: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: 'The form that is sent.', examples: [{ prompt: 'hello' }] }),
  })
  .describe('What is sent: all of it but its headers.');

const answered = z
  .union([
    z.enum(['cut', 'timeout', 'refused']),
    z.strictObject({
      status: z.int().min(200).max(599).default(200).describe('Status of the answer.'),
      headers: headers.optional().meta({ description: 'Headers of the answer.', examples: [{ 'retry-after': '5' }] }),
      body: json.optional().meta({ description: 'Its JSON.', examples: [{ id: 'r-1' }] }),
      text: z
        .string()
        .optional()
        .meta({ description: 'Its text, in place of JSON.', examples: ['r-1'] }),
    }),
  ])
  .describe('What the vendor answers; or `cut`, `timeout` or `refused` where it does not.');

const given = z
  .strictObject({
    baseUrl: z
      .string()
      .optional()
      .meta({ description: 'Base URL of the backend.', examples: ['https://acme.example'] }),
    settings: z
      .record(z.string(), json)
      .optional()
      .meta({ description: 'Keys of the backend.', examples: [{ token: 't' }] }),
    target: z
      .record(z.string(), json)
      .optional()
      .meta({ description: 'Target of the agent.', examples: [{ agent: 'a' }] }),
    input: json.optional().meta({ description: 'Input of the run.', examples: [{ text: 'hello' }] }),
    config: z
      .record(z.string(), json)
      .optional()
      .meta({ description: 'Config of the run.', examples: [{ timeout: 60 }] }),
    sink: z
      .string()
      .optional()
      .meta({ description: 'URL that the vendor is to call.', examples: ['https://gateway.example/push'] }),
    runId: z
      .string()
      .optional()
      .meta({ description: 'Id of the run.', examples: ['run-1'] }),
    upstream: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: "Ids of the vendor's run, where no step starts it.", examples: [{ runId: 'r-1' }] }),
  })
  .describe('What a case begins with.');

const out = z
  .strictObject({
    upstream: z
      .record(z.string(), z.string())
      .optional()
      .meta({ description: "The ids of the vendor's run.", examples: [{ runId: 'r-1' }] }),
    status: z
      .enum(['pending', 'interrupted', 'success', 'error', 'timeout', 'unmapped'])
      .optional()
      .describe('Status of the run.'),
    output: json
      .optional()
      .meta({ description: 'The result; of a pending run, the partial one.', examples: [{ text: 'done' }] }),
    interrupt: json
      .optional()
      .meta({ description: 'The payload of the interrupt.', examples: [{ question: 'which?' }] }),
    errcode: z
      .int()
      .optional()
      .meta({ description: 'Code of the failure.', examples: [4000] }),
    description: z
      .string()
      .optional()
      .meta({ description: 'Description of the failure.', examples: ['the page is gone'] }),
    notBefore: z
      .number()
      .optional()
      .meta({ description: 'Seconds until the run should be asked for again.', examples: [5] }),
    fault: z.enum(['retry', 'rejected', 'unknown', 'gone']).optional().describe('What the failure of the step means.'),
    message: z
      .string()
      .optional()
      .meta({ description: 'The message of the failure.', examples: ['no such agent'] }),
    found: z
      .enum(['absent', 'unclear'])
      .optional()
      .describe('What a search gives that does not find the run; one that does gives `upstream`.'),
    id: z
      .string()
      .nullable()
      .optional()
      .meta({ description: 'The run that a call of the vendor names; null: the call is refused.', examples: ['r-1'] }),
  })
  .describe('What comes out: each member that stands here is compared.');

const exchange = { sent: sent.optional(), answered: answered.optional() };

const step = z.strictObject({
  do: z.enum(['start', 'find', 'observe', 'resume', 'cancel', 'push']).describe('What the gateway does.'),
  ...exchange,
  calls: z
    .array(z.strictObject(exchange))
    .optional()
    .describe('Several requests of one step, in their order, each with `sent` and `answered`.'),
  payload: json.optional().meta({ description: "Of `resume`: the client's payload.", examples: [{ approved: true }] }),
  call: z
    .strictObject({ headers: headers.default({}), body: json.optional(), text: z.string().optional() })
    .optional()
    .describe('Of `push`: what the vendor sends.'),
  out: out.default({}),
});

/** The cases of a vendor file, described. */
export const casesSchema = z.strictObject({
  proof: z
    .string()
    .min(1)
    .optional()
    .meta({
      description: 'Package and version whose client or server the wire was tried with.',
      examples: ['acme-client 2.1.0'],
    }),
  given: given.optional(),
  cases: z
    .array(
      z.strictObject({
        name: z
          .string()
          .min(1)
          .meta({ description: 'A sentence.', examples: ['a run that succeeds gives its text'] }),
        given: given.optional(),
        steps: z.array(step).min(1).describe('What the gateway does, one after the other.'),
      }),
    )
    .min(1)
    .describe('What the file makes of what the vendor answers.'),
});

export type VendorCases = z.output<typeof casesSchema>;
export type VendorCase = VendorCases['cases'][number];
export type CaseGiven = NonNullable<VendorCases['given']>;
export type CaseStep = VendorCase['steps'][number];
export type CaseOut = CaseStep['out'];
export type CaseSent = NonNullable<CaseStep['sent']>;
export type CaseAnswered = NonNullable<CaseStep['answered']>;
