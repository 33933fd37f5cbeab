import { z } from 'zod';
import { headerValue, pathPart } from '../path.ts';

/** The engine's paths, below the base URL (design, section 10), and the names each of them is filled with. */
export const defaultPaths = {
  startAgent: '/api/agents/{agentName}',
  startWorkflow: '/api/workflows/{workflowName}',
  getAgent: '/api/agents/{agentName}/{runId}',
  getWorkflow: '/api/workflows/{workflowName}/{runId}',
  sendEvent: '/api/agents/{agentName}/{agentId}/{runId}',
} as const;
export type Paths = Readonly<Record<keyof typeof defaultPaths, string>>;

function template(...names: readonly string[]) {
  return z
    .string()
    .regex(/^\/[\x21-\x7e]*$/, 'must begin with a slash and have no spaces')
    .refine(
      (path) => [...path.matchAll(/\{(.*?)\}/g)].every(([, name]) => name !== undefined && names.includes(name)),
      `may be filled with ${names.map((name) => `{${name}}`).join(', ')} only`,
    )
    .refine((path) => !names.includes('runId') || path.includes('{runId}'), 'must have a place for {runId}')
    .optional();
}

export const settings = z.strictObject({
  /** Sent as a bearer token; an empty one, as an unset environment variable leaves it, is none. */
  token: headerValue.or(z.literal('')).optional(),
  /** Corrects a path when the vendor moves it. */
  paths: z
    .strictObject({
      startAgent: template('agentName'),
      startWorkflow: template('workflowName'),
      getAgent: template('agentName', 'agentId', 'runId'),
      getWorkflow: template('workflowName', 'workflowId', 'runId'),
      sendEvent: template('agentName', 'agentId', 'runId'),
    })
    .optional(),
});
export type Settings = z.infer<typeof settings>;

const event = z.strictObject({ eventName: z.string().min(1), eventInput: z.json().optional() });

export const target = z
  .strictObject({
    agent: pathPart.optional(),
    workflow: pathPart.optional(),
    /** What tells the agent to stop: the engine has no cancel of its own. */
    cancelEvent: event.optional(),
    /** `thread`: one agent lives as long as the thread; the first run schedules it, later ones are messages to it. */
    mode: z.enum(['run', 'thread']).default('run'),
    /** The event that carries a later run's input to the living agent; its answer is the run's output. */
    messageEvent: z.strictObject({ eventName: z.string().min(1) }).default({ eventName: 'message' }),
    /** Schedules the living agent with this, so that the first run's input is a message like the later ones. */
    openingInput: z.json().optional(),
    /** Sent to the living agent when its thread is deleted. */
    endEvent: event.default({ eventName: 'end' }),
  })
  .refine(({ workflow, mode }) => workflow === undefined || mode === 'run', {
    message: 'is for agents: a workflow takes no messages',
    path: ['mode'],
  })
  .refine(({ cancelEvent, mode }) => cancelEvent === undefined || mode === 'run', {
    message: 'has no use where the agent lives as long as its thread: the endEvent ends it',
    path: ['cancelEvent'],
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
  });
export type Target = z.infer<typeof target>;

/** Restack has no options of a run. */
export const runConfig = z.looseObject({});
