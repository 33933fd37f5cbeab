// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import { headerValue, pathPart } from '../path.ts';

const pem = z.string().refine((text) => text.includes('-----BEGIN '), 'must be PEM');

/** What every backend says that is a Temporal frontend, whatever else it is. */
export const frontendSettings = {
  namespace: pathPart.default('default').meta({
    description: 'Namespace of the workflows.',
    examples: ['orders.a1b2c'],
  }),
  tls: z
    .strictObject({
      ca: pem.optional().meta({
        description: 'Certificate authorities in place of the usual ones.',
        examples: ['${TEMPORAL_TLS_SERVER_CA_CERT_DATA}'],
      }),
      cert: pem.optional().meta({
        description: 'Certificate of the client, with its chain.',
        examples: ['${TEMPORAL_TLS_CLIENT_CERT_DATA}'],
      }),
      key: pem
        .optional()
        .meta({ description: 'Key of that certificate.', examples: ['${TEMPORAL_TLS_CLIENT_KEY_DATA}'] }),
      serverName: z
        .string()
        .min(1)
        .optional()
        .meta({
          description: 'Name that the certificate of the server must be for, in place of the host of `baseUrl`.',
          examples: ['orders.a1b2c.tmprl.cloud'],
        }),
    })
    .refine(({ cert, key }) => (cert === undefined) === (key === undefined), 'must have both cert and key, or neither')
    .optional()
    .describe('TLS with a base URL of `https`, where the usual one is not enough. Everything is PEM.'),
};

export const settings = z.strictObject({
  transport: z
    .enum(['grpc', 'http'])
    .default('grpc')
    .describe(
      '`grpc`: the port that workers use as well, and the only one of Temporal Cloud. `http`: the HTTP API of a server that you run, by default at port 7243. `http://` in `baseUrl` means no TLS with both.',
    ),
  apiKey: headerValue
    .or(z.literal(''))
    .optional()
    .meta({
      description: 'API key, sent as a bearer token. Empty: none.',
      examples: ['${TEMPORAL_API_KEY:-}'],
    }),
  ...frontendSettings,
});

const name = z.string().min(1).max(1000);

/** How a run is stopped and asked, in the target of an agent whose backend is a Temporal frontend. */
export const executionTarget = {
  state: name.optional().meta({
    description:
      'Query that tells what the workflow waits for: null while it waits for nothing. The mapping sees its answer as `state`, and can make an interrupt of it. With it the run can be resumed, and is polled.',
    examples: ['waiting_for'],
  }),
  stateTimeoutSeconds: z
    .number()
    .positive()
    .max(60)
    .default(3)
    .describe('Time that the query gets. A query waits for a worker, so that it is not answered where none runs.'),
  resumeBy: z
    .enum(['update', 'signal'])
    .default('update')
    .describe('What carries the payload of a resumed run. An update is answered, and may be refused by the workflow.'),
  stopBy: z
    .enum(['cancel', 'terminate'])
    .optional()
    .meta({
      description:
        '`cancel`: the workflow is asked to stop, and terminated after `graceSeconds` if it still runs. `terminate`: it is ended at once. The default of Temporal is `cancel`; of Restack, not to be stopped.',
      examples: ['cancel'],
    }),
  graceSeconds: z
    .number()
    .min(0)
    .max(3600)
    .default(30)
    .describe('How long a workflow that was asked to stop may go on. 0: for ever.'),
  executionTimeoutSeconds: z
    .int()
    .min(1)
    .optional()
    .meta({
      description:
        'Time after which the server itself ends the workflow, whatever becomes of this gateway. Count retries and waits for payloads in.',
      examples: [86_400],
    }),
};

export const target = z
  .strictObject({
    workflow: name.meta({ description: 'Type of the workflow.', examples: ['Greet'] }),
    taskQueue: name.meta({ description: 'Task queue that its workers poll.', examples: ['greetings'] }),
    arguments: z
      .enum(['one', 'each'])
      .default('one')
      .describe('`one`: the input is the only argument. `each`: the input is an array, and each item is an argument.'),
    resumeName: name.default('resume').describe('Name of the update or the signal that resumes.'),
    ...executionTarget,
    memo: z
      .record(name, z.json())
      .optional()
      .meta({ description: 'Memo of the workflow.', examples: [{ team: 'orders' }] }),
    searchAttributes: z
      .record(
        name,
        z.strictObject({
          type: z
            .enum(['Text', 'Keyword', 'Int', 'Double', 'Bool', 'Datetime', 'KeywordList'])
            .meta({ description: 'Type of the attribute.', examples: ['Keyword'] }),
          value: z.json().meta({ description: 'Its value.', examples: ['orders'] }),
        }),
      )
      .optional()
      .meta({
        description: 'Search attributes of the workflow, which must exist in the namespace.',
        examples: [{ team: { type: 'Keyword', value: 'orders' } }],
      }),
  })
  .describe('The workflow to run.');

export type FrontendSettings = {
  readonly namespace: string;
  readonly apiKey?: string | undefined;
  readonly tls?:
    | { readonly ca?: string; readonly cert?: string; readonly key?: string; readonly serverName?: string }
    | undefined;
};
export type Target = z.infer<typeof target>;
export type ExecutionTarget = Pick<Target, 'state' | 'stateTimeoutSeconds' | 'stopBy' | 'graceSeconds'>;

/** A workflow has no options of a run. */
export const runConfig = z.looseObject({});
