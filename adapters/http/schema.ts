import { z } from 'zod';
import { httpMethods } from '../../src/contract/adapter/http.ts';

const expression = z.string().trim().min(1);
const word = z.string().regex(/^[A-Za-z][A-Za-z0-9_]*$/, 'must be a word of letters, digits and _');
const name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower case letters, digits and -, and begin with a letter');

export const memberKinds = ['text', 'part', 'path', 'url', 'json', 'secret'] as const;
export type MemberKind = (typeof memberKinds)[number];

const member = z
  .enum(memberKinds.flatMap((kind) => [kind, `${kind}?`] as const))
  .describe(
    'Kind of the value: `text`, `part` (one part of a path), `path` (parts with slashes), `url`, `json` (any value) or `secret`. With `?` it may be left out.',
  );
const targetMember = member.exclude(['secret', 'secret?']);

const expressions = z.record(z.string().min(1), expression);

/** What every request has. */
const requestKeys = {
  base: expression.optional().meta({
    description:
      'Another host of the vendor: the name of a setting or a target member that is a `url`, or a URL in quotes. Left out, the base URL of the backend.',
    examples: ['settings.eventsUrl'],
  }),
  query: expressions.optional().meta({
    description:
      'Members of the query, each an expression. One without a value, or null, is left out; a list gives several.',
    examples: [{ limit: "'100'" }],
  }),
  headers: expressions
    .optional()
    .meta({ description: 'Headers, each an expression.', examples: [{ 'idempotency-key': 'run.id' }] }),
  body: expression.optional().meta({ description: 'Expression for the JSON that is sent.', examples: ['input'] }),
  form: expressions.optional().meta({
    description: 'Members of a form that is sent instead of JSON, each an expression.',
    examples: [{ prompt: 'input.text' }],
  }),
  refused: expression.optional().meta({
    description: 'Expression that is true of a 2xx that is a refusal.',
    examples: ['$exists(body.error)'],
  }),
};

const path = z
  .string()
  .startsWith('/', 'must begin with a slash')
  .meta({
    description:
      'Path below the base URL, with expressions in braces. What they give is percent-encoded, so that it stays one part.',
    examples: ['/runs/{upstream.runId}'],
  });
const method = z.enum(httpMethods).describe('Method of the request.');
const question = { method: method.default('GET'), path, ...requestKeys };
const action = { method, path, ...requestKeys };

const id = expression.meta({ description: "Expression for the id of the vendor's run.", examples: ['body.id'] });
const keep = z
  .record(word, expression)
  .optional()
  .meta({
    description:
      'More ids that later requests need, each an expression; a value that is no text or number is left out.',
    examples: [{ threadId: 'body.thread_id' }],
  });

const start = z
  .strictObject({
    ...action,
    id: id.optional(),
    keep,
    once: z
      .strictObject({
        hours: z
          .number()
          .positive()
          .max(8760)
          .meta({ description: 'How long the vendor knows the id, in hours. Never used beyond 24.', examples: [24] }),
      })
      .optional()
      .describe('The request carries `run.id`, and the vendor makes one run of all starts with the same.'),
    finished: expression.optional().meta({
      description: 'Expression for a status, where the answer is the end of the run already.',
      examples: ["$exists(body.result) ? 'done'"],
    }),
  })
  .describe('Starts a run.');

const observe = z
  .strictObject({
    ...question,
    status: expression.meta({ description: "Expression for the vendor's status.", examples: ['body.status'] }),
    notBefore: expression.optional().meta({
      description: 'Expression for how many seconds later the run should be asked for again.',
      examples: ['$number(headers."retry-after")'],
    }),
  })
  .describe('Asks for a run.');

const maxItems = 10_000;

const result = z
  .strictObject({
    ...question,
    path: path.optional(),
    url: expression.optional().meta({
      description:
        "Expression for an address in the vendor's answer, instead of a path. It must be public, and gets no credentials unless its origin is that of the backend. Without a value there is no result.",
      examples: ['run.outputUrl'],
    }),
    on: z
      .array(z.string().min(1))
      .min(1)
      .meta({ description: 'Statuses of the vendor at which the result is asked for.', examples: [['completed']] }),
    when: expression
      .optional()
      .meta({ description: 'Expression that must hold.', examples: ["target.result = 'items'"] }),
    optional: z.boolean().default(false).describe('Whether 404, 410 and an empty answer mean that there is none.'),
    pages: z
      .strictObject({
        items: expression.meta({ description: 'Expression for the items of a page.', examples: ['body.data'] }),
        next: expression.meta({
          description:
            'Expression for the address of the next page, absolute or relative to the last one, such as `?cursor=…`. Without a value the page is the last.',
          examples: ["body.next ? '?cursor=' & $encodeUrlComponent(body.next)"],
        }),
        most: z
          .int()
          .min(1)
          .max(maxItems)
          .meta({ description: 'Most items that are read.', examples: [1000] }),
      })
      .optional()
      .describe('Reads a list page by page. The result is the list of all items.'),
  })
  .describe('One more request, once the run has a status.');

export const faultSteps = ['start', 'observe', 'result', 'resume', 'cancel'] as const;
export type FaultStep = (typeof faultSteps)[number];
export const faultMeanings = ['retry', 'rejected', 'unknown', 'gone', 'done'] as const;
export type FaultMeaning = (typeof faultMeanings)[number];

const httpStatus = z.int().min(200).max(599);
const fault = z
  .strictObject({
    on: z.enum(faultSteps).describe('Which request was answered so.'),
    http: z
      .union([httpStatus, z.array(httpStatus).min(1)])
      .optional()
      .meta({ description: 'Status of the answer, or several. Left out, any refusal.', examples: [402] }),
    when: expression
      .optional()
      .meta({ description: 'Expression that must hold.', examples: ["body.error.type = 'quota'"] }),
    is: z
      .enum(faultMeanings)
      .optional()
      .describe(
        'What it means: `retry` (nothing happened), `rejected`, `unknown` (the vendor may have done it), `gone` (the vendor does not know the run) or `done` (what was asked is so already).',
      ),
    status: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Only on `result`: the status that the run has then.', examples: ['FAILED'] }),
  })
  .describe('What one refusal means. The first that fits wins over the built-in table.');

const settingName = z.string().min(1);
const withNames = z.string().min(1);
const auth = z
  .strictObject({
    bearer: settingName
      .optional()
      .meta({ description: 'Setting that is sent as `Authorization: Bearer …`.', examples: ['token'] }),
    header: z
      .strictObject({
        name: z.string().regex(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'must be the name of a header'),
        value: withNames,
      })
      .optional()
      .meta({
        description: 'A header, with settings in braces.',
        examples: [{ name: 'authorization', value: 'Key {apiKey}' }],
      }),
    basic: z
      .strictObject({ user: settingName, password: settingName.optional() })
      .optional()
      .meta({ description: 'Settings of basic authentication.', examples: [{ user: 'user', password: 'password' }] }),
    query: z
      .strictObject({ name: z.string().min(1), value: withNames })
      .optional()
      .meta({
        description: 'A member of the query, with settings in braces.',
        examples: [{ name: 'key', value: '{apiKey}' }],
      }),
    oauth2: z
      .strictObject({
        tokenUrl: withNames.describe('URL of the token endpoint, with settings in braces.'),
        clientId: settingName.describe('Setting with the id of the client.'),
        clientSecret: settingName.describe('Setting with the secret of the client.'),
        scope: withNames.optional().describe('Scope that is asked for, with settings in braces.'),
      })
      .optional()
      .meta({
        description: 'Client credentials of OAuth 2: a token is fetched, kept until it expires, and sent as bearer.',
        examples: [
          {
            tokenUrl: 'https://login.example/{tenant}/oauth2/token',
            clientId: 'clientId',
            clientSecret: 'clientSecret',
            scope: 'api',
          },
        ],
      }),
    googleServiceAccount: settingName.optional().meta({
      description: 'Setting with the JSON key of a service account of Google.',
      examples: ['serviceAccount'],
    }),
    awsSigV4: z
      .strictObject({
        service: withNames.describe('Name of the service, with settings in braces.'),
        region: withNames.describe('Region, with settings in braces.'),
        accessKeyId: settingName.describe('Setting with the id of the access key.'),
        secretAccessKey: settingName.describe('Setting with the secret access key.'),
        sessionToken: settingName.optional().describe('Setting with the session token.'),
      })
      .optional()
      .meta({
        description: 'Signature Version 4 of AWS.',
        examples: [
          {
            service: 'execute-api',
            region: '{region}',
            accessKeyId: 'accessKeyId',
            secretAccessKey: 'secretAccessKey',
          },
        ],
      }),
  })
  .refine((kinds) => Object.keys(kinds).length === 1, 'must name one way of authentication');

const push = z
  .strictObject({
    perRun: z.literal(true).optional().describe('The vendor takes a URL with a start: the request has `sink.url`.'),
    id: z
      .string()
      .regex(/^body(\.\w+)+$/, 'must be a plain path such as body.run.id')
      .optional()
      .meta({
        description:
          "Only with `perRun`: path of the id of the vendor's run in what the vendor sends, by which the run of a start whose answer was lost is known.",
        examples: ['body.resource.id'],
      }),
    account: z
      .strictObject({
        id: expression.meta({
          description: "Expression for the id of the vendor's run in what the vendor sends.",
          examples: ['body.data.id'],
        }),
        verify: z
          .strictObject({
            standardWebhooks: settingName
              .optional()
              .meta({ description: 'Setting with the secret of Standard Webhooks.', examples: ['webhookSecret'] }),
            hmacSha256: z
              .strictObject({
                header: z.string().min(1).describe('Header with the signature, in hexadecimal digits or base64.'),
                secret: settingName.describe('Setting with the secret.'),
                over: z
                  .string()
                  .min(1)
                  .default('{body}')
                  .describe('What is signed: `{body}`, and headers in braces, such as `{x-timestamp}.{body}`.'),
              })
              .optional()
              .describe('A signature by HMAC with SHA-256.'),
            header: z
              .strictObject({
                name: z.string().min(1).describe('Name of the header.'),
                is: settingName.describe('Setting with the value that it must have.'),
              })
              .optional()
              .describe('A header with a secret.'),
          })
          .refine((kinds) => Object.keys(kinds).length === 1, 'must name one way of verification')
          .describe("How a call of the vendor is known to be the vendor's."),
      })
      .optional()
      .describe('The vendor calls one URL for the whole account: `POST /push/BACKEND`.'),
  })
  .refine(({ perRun, account }) => (perRun === undefined) !== (account === undefined), 'must be perRun or account')
  .refine(({ perRun, id: path }) => path === undefined || perRun === true, 'has an id without perRun');

const baseUrl = z.string().refine((text) => {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
}, 'must be an http or https URL without credentials');

/** One vendor file, described. `mapping` is checked by the room of mappings. */
export const vendorFileSchema = z.strictObject({
  vendor: name.meta({ description: 'Name of the vendor, which the `adapter` of a backend says.', examples: ['acme'] }),
  baseUrl: baseUrl
    .optional()
    .meta({ description: 'Base URL of backends that have none of their own.', examples: ['https://api.acme.example'] }),
  settings: z
    .record(word, member)
    .default({})
    .meta({ description: 'Keys of a backend, each with its kind.', examples: [{ token: 'secret' }] }),
  target: z
    .record(word, targetMember)
    .default({})
    .meta({ description: 'Keys of the `target` of an agent, each with its kind.', examples: [{ agent: 'part' }] }),
  config: z
    .array(word)
    .default([])
    .meta({
      description: "Members of a run's `config` that are used. All others are ignored.",
      examples: [['timeout']],
    }),
  auth: auth.optional().describe('How requests are authorized: one of these. The only place that names secrets.'),
  headers: expressions.optional().meta({
    description: 'Headers of every request, each an expression.',
    examples: [{ 'api-version': "'2026-11-01'" }],
  }),
  error: expression.optional().meta({
    description:
      "Expression for the vendor's message in the body of a refusal. Left out, the usual members are searched.",
    examples: ['error.message'],
  }),
  start,
  observe,
  results: z
    .record(word, result)
    .refine((all) => Object.keys(all).length <= 4, 'must be at most four')
    .optional()
    .describe('Up to four requests for what the answer about a run does not hold, each under a name of your choice.'),
  find: z
    .strictObject({
      ...question,
      id: expression.meta({
        description:
          "Expression for the id of the vendor's run that carries `run.id`. Without a value it is not there; with several it is not clear which it is.",
        examples: ['body.runs[tag = $$.run.id].id'],
      }),
      keep,
    })
    .optional()
    .describe(
      'Searches for the run of a start whose answer was lost, by what the start carries. Refusals are judged as those of `observe`.',
    ),
  resume: z
    .strictObject({ ...action, id: id.optional(), keep })
    .optional()
    .describe('Hands a payload to a run that waits for one. With `id` the vendor makes a new run of it.'),
  cancel: z.strictObject(action).optional().describe('Ends a run.'),
  push: push.optional().describe('How the vendor says that a run has changed.'),
  faults: z.array(fault).default([]).describe('What refusals mean, where the built-in table is wrong.'),
  mapping: z.record(z.string(), z.unknown()).describe('The mapping of the vendor, with the keys of every mapping.'),
});

export type VendorFile = z.output<typeof vendorFileSchema>;
export type VendorRequest = Partial<Pick<VendorFile['start'], keyof typeof requestKeys>> & {
  readonly method: VendorFile['start']['method'];
  readonly path?: string | undefined;
};
export type VendorResult = z.output<typeof result>;
export type VendorAuth = z.output<typeof auth>;
export type VendorFault = z.output<typeof fault>;
export type VendorVerification = NonNullable<NonNullable<VendorFile['push']>['account']>['verify'];

/** Kind of a member, and whether it may be left out. */
export function readMember(written: string): { readonly kind: MemberKind; readonly isOptional: boolean } {
  const isOptional = written.endsWith('?');
  return { kind: (isOptional ? written.slice(0, -1) : written) as MemberKind, isOptional };
}
