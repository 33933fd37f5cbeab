import { z } from 'zod';
import { maxWaitSeconds } from '../contract/domain/clock.ts';
import { expressionSchema } from '../mapping/schema.ts';
import { nameSchema } from '../validation/name-schema.ts';
import { baseUrl, count, jsonObject, pageTemplate, seconds } from './value-schemas.ts';

/** The keys that every backend has; the others belong to its adapter. */
export const backendSchema = z.strictObject({
  adapter: z.string().describe('The adapter that speaks to the vendor.'),
  baseUrl: baseUrl.optional().meta({
    description:
      'Base URL of the vendor API: http or https, without credentials. Needed where the adapter has none of its own.',
    examples: ['https://vendor.example/api'],
  }),
  requestTimeoutSeconds: seconds
    .default(30)
    .describe('Time for one call to the vendor, from the wait for a connection to the last byte.'),
  maxConnections: count.max(10_000).default(128).describe('Open connections to the vendor. Further calls wait.'),
  maxHeldCalls: z
    .int()
    .min(0)
    .max(10_000)
    .optional()
    .meta({
      description:
        'Calls that the vendor may hold until a run changes, in place of polls, where its adapter can; with `credentialsByTenant` for each account. Watched runs go first, and further runs are polled. Must be below `maxConnections`, but for gRPC, whose calls share connections. Left out, half of them, with gRPC four times as many; 0: none.',
      examples: [64],
    }),
  requestsPerSecond: z
    .number()
    .positive()
    .max(100_000)
    .refine((rate) => rate < 1 || Number.isInteger(rate), 'must be a whole number, or less than 1')
    .optional()
    .meta({
      description:
        'Calls to the vendor in any one second, of all replicas together, and with `credentialsByTenant` of each account: a whole number, or less than 1. Left out, there is no bound.',
      examples: [20],
    }),
  burst: count.optional().meta({
    description:
      'How many calls of one second may be sent back to back. Left out, all of them. Needs `requestsPerSecond`.',
    examples: [5],
  }),
  maxConcurrentRuns: count.optional().meta({
    description:
      'Live runs at the vendor, of all replicas together; with `credentialsByTenant` of each account. Further runs wait as `pending`. Left out, there is no bound.',
    examples: [50],
  }),
  maxPauseSeconds: seconds
    .default(300)
    .describe(
      'Longest pause after a 429 or 503 with Retry-After. Then one call probes whether the vendor takes calls again, however long it asked for.',
    ),
  push: z
    .strictObject({
      publicUrl: baseUrl.meta({
        description: 'URL at which the vendor reaches this gateway.',
        examples: ['https://runs.example.com'],
      }),
    })
    .optional()
    .describe(
      'Asks the vendor to call the gateway when a run ends, where its adapter can. Needs a backend with a secret.',
    ),
  passthrough: z
    .boolean()
    .default(false)
    .describe(
      "Whether requests of the vendor's own API that make no run are passed on with the credentials of the backend, where the gateway offers that API. Keys without a list of agents may then do at the vendor whatever those credentials may.",
    ),
  startRefusal: z
    .enum(['run', 'hold'])
    .default('run')
    .describe(
      "What a client of the vendor's own API learns of a start that the vendor refuses: `run`, the start is answered as soon as it is stored, and the run fails; `hold`, the answer waits for the vendor for up to two seconds, and a refusal within that time is the answer.",
    ),
  consoleUrl: pageTemplate.optional().meta({
    description:
      "The vendor's own page of a run, to which the console and `rungate runs show` link. `{runId}`, and any other id that the vendor gives a run, stands for it.",
    examples: ['https://console.vendor.example/runs/{runId}'],
  }),
  credentialsByTenant: z
    .record(nameSchema, z.record(z.string(), z.unknown()))
    .optional()
    .describe(
      'Settings of the adapter that differ by tenant, such as credentials. A tenant that is not listed cannot use the backend.',
    ),
});

const interruptSchema = z.strictObject({
  interrupt_type: z
    .string()
    .min(1)
    .meta({
      description: 'The `interrupt_type` in the payload of the interrupt.',
      examples: ['approval'],
    }),
  interrupt_payload: jsonObject
    .default({})
    .describe('JSON Schema of the payload of the interrupt. Shown to clients, not checked.'),
  resume_payload: jsonObject.default({}).describe('JSON Schema of the payload that resumes the run. Checked.'),
});

export const agentSchema = z.strictObject({
  name: nameSchema
    .refine(
      (name) => !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(name),
      'must not look like a UUID: requests name agents by either',
    )
    .describe(
      'Name by which requests find the agent. Its id is derived from the name, so renaming the agent changes both.',
    ),
  version: z.string().min(1).default('0.0.0').describe('Version, as the descriptor of the agent shows it.'),
  description: z.string().default('').describe('What the agent does, as its descriptor shows it.'),
  backend: z.string().optional().describe('Name of an entry of `backends`. Required, unless the agent has `backends`.'),
  backends: z
    .array(
      z.strictObject({
        name: z.string().meta({ description: 'Name of an entry of `backends`.', examples: ['first-account'] }),
        weight: z
          .number()
          .min(0)
          .max(1000)
          .default(1)
          .describe('Share of the runs, relative to the others. 0: only while no other backend takes runs.'),
      }),
    )
    .min(1)
    .max(16)
    .optional()
    .meta({
      description:
        'Several backends instead of one, all of one adapter. Each run starts at one of them and stays there; a start that a backend turns down goes to another.',
      examples: [[{ name: 'first-account', weight: 3 }, { name: 'second-account' }]],
    }),
  passthrough: z
    .boolean()
    .default(false)
    .describe(
      "Whether the agent runs whatever a request of the vendor's own API names, for requests that no other agent matches. Its target leaves out what to run, or names a part of it, such as the project.",
    ),
  target: z.unknown().optional().meta({
    description: 'What to run at the vendor. Its keys belong to the adapter of the backend.',
    type: 'object',
  }),
  timeoutSeconds: seconds.default(3600).describe('Time from the creation of a run to its end as `timeout`.'),
  lostAfterSeconds: z
    .number()
    .min(0)
    .max(maxWaitSeconds)
    .default(60)
    .describe('How long the vendor may not find a run that it has started, before the run ends as `error` 1004.'),
  unauthorisedAfterSeconds: z
    .number()
    .min(0)
    .max(maxWaitSeconds)
    .default(600)
    .describe(
      'How long the vendor may answer 401 or 403 when it is asked for a run that it has started, before the run ends as `error` 1008.',
    ),
  onUnknownStart: z
    .enum(['fail', 'retry'])
    .default('fail')
    .describe(
      'What happens to a run whose start got no answer: `fail` ends it as `error` 1002, `retry` starts it again and may run it twice.',
    ),
  onBusyStart: z
    .enum(['retry', 'unknown'])
    .optional()
    .meta({
      description:
        "What a 429 or 503 to a start means: `retry`, nothing happened; `unknown`, the vendor may have started the run. Left out, the first where the answer is the vendor's own (it has `Retry-After`, or an error in the vendor's form), else the second.",
      examples: ['retry'],
    }),
  metadata: jsonObject.default({}).meta({
    description: 'Your own notes. The descriptor of the agent shows them.',
    examples: [{ team: 'pricing' }],
  }),
  schemas: z
    .strictObject({
      input: jsonObject.default({}).meta({
        description: 'JSON Schema of the `input` of a run. Checked.',
        examples: [{ type: 'object', required: ['url'], properties: { url: { type: 'string', format: 'uri' } } }],
      }),
      output: jsonObject.default({}).meta({
        description: 'JSON Schema of the result. Shown to clients, not checked.',
        examples: [{ type: 'object', properties: { items: { type: 'array' } } }],
      }),
      config: jsonObject.default({}).meta({
        description: 'JSON Schema of the `config` of a run. Checked.',
        examples: [{ type: 'object', properties: { saveTrace: { type: 'boolean' } } }],
      }),
      interrupts: z.array(interruptSchema).default([]).describe('Interrupts of the agent, one entry a type.'),
    })
    .prefault({})
    .describe(
      'JSON Schemas, of the draft that `$schema` names (default: 2020-12). All are shown in the descriptor of the agent.',
    ),
  mcp: z
    .strictObject({
      tasks: z
        .enum(['auto', 'late', 'required', 'never'])
        .default('auto')
        .describe(
          'When a call is answered with a task, for clients that take tasks. `auto`: where the run does not end at once. `late`: the same, but a question that comes at once is asked before. `required`: always, and clients of 2026-07-28 that take none are refused. `never`: the call waits.',
        ),
    })
    .prefault({})
    .describe('How the agent is called over MCP.'),
  chat: z
    .strictObject({
      input: expressionSchema.optional().meta({
        description:
          'Expression for the input of a run, from `{text, messages, data, agent}`. Left out, the one text that `schemas.input` requires is the text.',
        examples: ["{ 'query': text, 'limit': 10 }"],
      }),
      reply: expressionSchema.optional().meta({
        description:
          'Expression for the text of the reply, from the output. Left out, the text that the output has by itself, else its JSON.',
        examples: ['answer.text'],
      }),
    })
    .optional()
    .describe(
      'How texts become the input, and the output a text, for clients of the protocols that speak in texts. Left out, by the schema of the input.',
    ),
  mapping: z
    .unknown()
    .optional()
    .meta({
      description:
        'Parts that replace those of the vendor mapping, or the name of a file with such parts (relative to the config).',
      type: ['object', 'string'],
    }),
});

export type AgentEntry = z.output<typeof agentSchema>;
