import { z } from 'zod';
import { anyValue, instant } from '../shared/answer-schemas.ts';
import { closed, json, type RequestOptions } from '../shared/requests.ts';

const part = z.string().min(1).max(500);
const name = part.meta({
  description: 'Name of the agent or the workflow at Restack, or in the config of the gateway.',
});

export const namedParams = z.object({ name });
export const runParams = z.object({ name, run_id: z.string().max(500) });
export const ownedParams = z.object({ name, ownerId: z.string().max(500), run_id: z.string().max(500) });

export function createRequests({ unknownFields }: RequestOptions) {
  return {
    start: closed({ input: json.optional() }, unknownFields).prefault({}),
    event: closed({ eventName: z.string().min(1).max(500), eventInput: json.optional() }, unknownFields),
  };
}
export type Requests = ReturnType<typeof createRequests>;

const status = z.enum(['queued', 'running', 'completed', 'failed']);
const owner = { agentId: z.string().optional(), workflowId: z.string().optional() };

const started = z.object({ ...owner, runId: z.string(), status: z.literal('queued') }).meta({ id: 'RunStarted' });

const run = z
  .object({
    ...owner,
    runId: z.string(),
    agentName: z.string().optional(),
    workflowName: z.string().optional(),
    status,
    input: anyValue.optional(),
    output: anyValue.optional(),
    error: z.string().optional(),
    createdAt: instant,
    completedAt: instant.optional(),
  })
  .meta({ id: 'Run' });

const health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });
const error = z.object({ error: z.string() }).meta({ id: 'Error' });

export const answers = { RunStarted: started, Run: run, Health: health, Error: error };
