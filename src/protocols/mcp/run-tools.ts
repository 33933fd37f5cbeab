import type { JsonObject } from '../../contract/domain/json.ts';
import type { RunToolName } from './tool-name.ts';

const runId = { type: 'string', format: 'uuid', description: 'The id of the run, as an earlier call named it.' };
export const maxWaitSeconds = 50;

const descriptions: Readonly<Record<RunToolName, JsonObject>> = {
  get_run: {
    title: 'Look at a run',
    description: 'Shows how far a run of an agent is, with its result once it has one.',
    inputSchema: {
      type: 'object',
      properties: {
        run_id: runId,
        wait_seconds: {
          type: 'number',
          minimum: 0,
          maximum: maxWaitSeconds,
          description: 'How long to wait for the run to go on. Left out, it is shown as it is.',
        },
      },
      required: ['run_id'],
    },
    annotations: { readOnlyHint: true },
  },
  resume_run: {
    title: 'Answer a run',
    description: 'Answers what an interrupted run of an agent asks, and waits for what comes of it.',
    inputSchema: {
      type: 'object',
      properties: {
        run_id: runId,
        payload: { description: 'The answer, in the form that the run asks for.' },
      },
      required: ['run_id', 'payload'],
    },
  },
  cancel_run: {
    title: 'Cancel a run',
    description: 'Ends a run of an agent that is not over.',
    inputSchema: { type: 'object', properties: { run_id: runId }, required: ['run_id'] },
    annotations: { destructiveHint: true, idempotentHint: true },
  },
};

export function describeRunTools(): readonly JsonObject[] {
  return Object.entries(descriptions).map(([name, description]) => ({ name, ...description }));
}
