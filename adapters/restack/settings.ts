// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import { headerValue, pathPart } from '../path.ts';
import { executionTarget, frontendSettings } from '../temporal/settings.ts';

/** The paths of the engine, below the base URL, and the names that each is filled with. */
export const defaultPaths = {
  startAgent: '/api/agents/{agentName}',
  startWorkflow: '/api/workflows/{workflowName}',
  getAgent: '/api/agents/{agentName}/{runId}',
  getWorkflow: '/api/workflows/{workflowName}/{runId}',
  getNewestRun: '/api/agents/{agentName}/{agentId}',
  sendEvent: '/api/agents/{agentName}/{agentId}/{runId}',
} as const;
export type Paths = Readonly<Record<keyof typeof defaultPaths, string>>;

function template(key: keyof Paths, meaning: string, names: readonly string[]) {
  return z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'must begin with a slash and have no spaces')
    .refine(
      (path) => [...path.matchAll(/\{(.*?)\}/g)].every(([, name]) => name !== undefined && names.includes(name)),
      `may be filled with ${names.map((name) => `{${name}}`).join(', ')} only`,
    )
    .refine((path) => !names.includes('runId') || path.includes('{runId}'), 'must have a place for {runId}')
    .optional()
    .meta({ description: `${meaning}. Default: \`${defaultPaths[key]}\`.`, examples: [defaultPaths[key]] });
}

/** Bytes of an AES-256 key. */
const keyBytes = 32;

export const settings = z.strictObject({
  transport: z
    .enum(['rest', 'temporal'])
    .default('rest')
    .describe(
      '`rest`: the HTTP API of the engine. `temporal`: the port of the engine that the clients of the vendor speak to (gRPC, by default 7233), with which starts and events are sent again without executing twice.',
    ),
  engineId: pathPart.default('local').meta({
    description: 'With `transport: temporal`: id of the engine, of which ids and task queues are made.',
    examples: ['local'],
  }),
  ...frontendSettings,
  sensitiveKey: z
    .base64()
    .refine((text) => Buffer.from(text, 'base64').byteLength === keyBytes, `must be ${keyBytes} bytes in base64`)
    .or(z.literal(''))
    .optional()
    .meta({
      description:
        'With `transport: temporal`: key by which values that are marked as sensitive are encrypted (AES-256-GCM), in base64. Empty: none.',
      examples: ['${RESTACK_SENSITIVE_KEY:-}'],
    }),
  codecUrl: z
    .string()
    .regex(/^https?:\/\//, 'must be a URL')
    .optional()
    .meta({
      description: 'With `transport: temporal`: where payloads of 128 kB and more are kept in place of the engine.',
      examples: ['http://localhost:6234'],
    }),
  token: headerValue
    .or(z.literal(''))
    .optional()
    .meta({
      description: 'Sent as a bearer token. Empty, as an unset variable with an empty default leaves it: no token.',
      examples: ['${RESTACK_API_BEARER_TOKEN:-}'],
    }),
  idempotencyHeader: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of a header')
    .optional()
    .meta({
      description:
        'Header by which what answers at the base URL knows a start or an event again that it has taken. With it, one whose answer was lost is sent again instead of ending the run as `error` 1002. Restack itself has none.',
      examples: ['Idempotency-Key'],
    }),
  paths: z
    .strictObject({
      startAgent: template('startAgent', 'POST that starts an agent', ['agentName']),
      startWorkflow: template('startWorkflow', 'POST that starts a workflow', ['workflowName']),
      getAgent: template('getAgent', 'GET of a run of an agent', ['agentName', 'agentId', 'runId']),
      getWorkflow: template('getWorkflow', 'GET of a run of a workflow', ['workflowName', 'workflowId', 'runId']),
      getNewestRun: template('getNewestRun', 'GET of the newest run of an agent that has continued as new', [
        'agentName',
        'agentId',
      ]),
      sendEvent: template('sendEvent', 'PUT that sends an event to an agent', ['agentName', 'agentId', 'runId']),
    })
    .optional()
    .describe('Replaces paths of the engine, should the vendor move them.'),
});
export type Settings = z.infer<typeof settings>;

/** An event is an update: nothing else carries a payload. */
const { resumeBy: _isByEvent, ...executionTargetKeys } = executionTarget;

const eventName = z.string().min(1);
const event = z.strictObject({
  eventName: eventName.meta({ description: 'Name of the event.', examples: ['end'] }),
  eventInput: z
    .json()
    .optional()
    .meta({ description: 'Input of the event.', examples: [{ reason: 'cancelled' }] }),
});

export const target = z
  .strictObject({
    agent: pathPart.optional().meta({
      description: 'Name of an agent at Restack. Agents take events, so they can be resumed.',
      examples: ['CustomerSupportAgent'],
    }),
    workflow: pathPart.optional().meta({
      description: 'Name of a workflow at Restack, in place of an agent.',
      examples: ['OrderFulfillmentWorkflow'],
    }),
    // The engine has no cancel of its own.
    cancelEvent: event
      .optional()
      .describe('Event that tells an agent to stop. Without one, a run cannot be cancelled at Restack.'),
    mode: z
      .enum(['run', 'thread'])
      .default('run')
      .describe(
        '`run`: each run schedules an agent. `thread`: one agent lives as long as the thread; the first run schedules it, later runs are messages to it.',
      ),
    messageEvent: z
      .strictObject({ eventName: eventName.describe('Name of the event.') })
      .default({ eventName: 'message' })
      .describe(
        'Mode `thread`: event that carries the input of a later run. The answer to it is the output of the run.',
      ),
    eventAnswers: z
      .enum(['result', 'accepted'])
      .default('result')
      .describe(
        'Mode `thread`: what the engine answers an event with. `result`: with what its handler returns. `accepted`: with ids alone, before the agent has handled it; then the run ends with the next output that the agent shows, which must differ from the one before.',
      ),
    openingInput: z
      .json()
      .optional()
      .meta({
        description:
          'Mode `thread`: input that schedules the agent, so that the input of the first run is a message like the later ones. Needed for agents that show no output while they live.',
        examples: [{}],
      }),
    queue: z
      .string()
      .min(1)
      .default('restack')
      .describe('With `transport: temporal`: task queue of the agent, without the id of the engine.'),
    ...executionTargetKeys,
    endEvent: event
      .default({ eventName: 'end' })
      .describe('Mode `thread`: event that ends the agent when its thread is deleted.'),
  })
  .refine(({ workflow, mode }) => workflow === undefined || mode === 'run', {
    message: 'is for agents: a workflow takes no messages',
    path: ['mode'],
  })
  .refine(({ cancelEvent, mode }) => cancelEvent === undefined || mode === 'run', {
    message: 'has no use where the agent lives as long as its thread: the endEvent ends it',
    path: ['cancelEvent'],
  })
  .refine(({ eventAnswers, mode }) => eventAnswers === 'result' || mode === 'thread', {
    message: 'is for the mode "thread"',
    path: ['eventAnswers'],
  })
  .refine(({ openingInput, mode }) => openingInput === undefined || mode === 'thread', {
    message: 'is for the mode "thread"',
    path: ['openingInput'],
  })
  .refine(({ agent, workflow }) => (agent === undefined) !== (workflow === undefined), {
    message: 'must name an agent or a workflow, and not both',
  })
  .refine(({ workflow, cancelEvent }) => workflow === undefined || cancelEvent === undefined, {
    message: 'is for agents: a workflow takes no events',
    path: ['cancelEvent'],
  })
  .meta({
    description: 'The agent or the workflow to run: one of the two.',
    oneOf: [{ required: ['agent'] }, { required: ['workflow'] }],
  });
export type Target = z.infer<typeof target>;

/** Restack has no options of a run. */
export const runConfig = z.looseObject({});
