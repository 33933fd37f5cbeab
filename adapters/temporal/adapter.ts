import { z } from 'zod';
import type { Observation } from '../../src/contract/adapter/adapter.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { defineAdapter } from '../define-adapter.ts';
import { Executions, type Query, type Sighting } from './executions.ts';
import { reachByGrpc, reachByHttp, refuse } from './frontend.ts';
import { Messages } from './messages.ts';
import { plainCodec } from './payloads.ts';
import { type ExecutionTarget, runConfig, settings, type Target, target } from './settings.ts';

/** What a mapping's `resume` must make. A name goes before that of the target. */
const resumption = z.strictObject({ name: z.string().min(1).optional(), input: z.custom<Json>().optional() });

/** Temporal: workflows whose id is made of the run's, so that a start can be sent again. */
export const temporal = defineAdapter({
  name: 'temporal',
  capabilities: { resume: true, cancel: true, push: false, session: false, adopt: 'start', attend: true },
  settings,
  target,
  runConfig,
  // A workflow that asks does not end, and only its end is held.
  capabilitiesOf: ({ state }) => ({ resume: state !== undefined, attend: state === undefined }),
  secretsOf: ({ apiKey, tls }) => [apiKey ?? '', tls?.key ?? ''].filter((secret) => secret !== ''),
  connectionOptionsOf: ({ tls, transport }) => ({ tls, isMultiplexed: transport === 'grpc' }),

  connect(settings, http) {
    const frontend = settings.transport === 'grpc' ? reachByGrpc(settings, http) : reachByHttp(settings, http);
    const executions = new Executions(frontend, plainCodec);
    const messages = new Messages(frontend, plainCodec);
    return {
      adoption: { refOf: (_target, runId) => refOfRun(workflowIdOf(runId)) },
      resumesOnce: true,
      ...(settings.transport === 'grpc' ? { maxHeldCalls: () => http.maxHeldRpcs() } : {}),

      async start({ target, input, runId }) {
        const { workflow, taskQueue, memo, searchAttributes, executionTimeoutSeconds } = target;
        const upstream = await executions.start({
          ...{ workflow, taskQueue, memo, searchAttributes, executionTimeoutSeconds },
          workflowId: workflowIdOf(runId),
          requestId: runId,
          input: argumentsOf(target, input),
        });
        return { upstream };
      },

      async observe(target, upstream, signal) {
        return toObservation(await executions.observe(upstream, queryOf(target), signal));
      },

      async attend(_target, upstream, signal) {
        const seen = await executions.attend(upstream, signal);
        return seen === null ? null : toObservation(seen);
      },

      async resume(target, upstream, payload, deliveryId) {
        const parsed = resumption.safeParse(payload);
        if (!parsed.success) throw refuse("the mapping's resume must give an object with an input, and perhaps a name");
        const { name = target.resumeName, input } = parsed.data;
        const message = { name, input: input === undefined ? [] : [input], id: deliveryId };
        if (target.resumeBy === 'signal') await messages.signal(upstream, message, 'resume');
        else await messages.update(upstream, message, 'resume');
        return undefined;
      },

      async cancel({ stopBy }, upstream) {
        if (stopBy === 'terminate') await executions.terminate(upstream);
        else await executions.cancel(upstream);
      },

      termination: {
        graceMsOf,
        terminate: (_target, upstream) => executions.terminate(upstream),
      },
    };
  },
});

/** Our run's id alone would do; the prefix says to people who look at the vendor's console whose it is. */
function workflowIdOf(runId: string): string {
  return `rungate-${runId}`;
}

/** Of a start that was not answered; everything but its answer is asked by the workflow's id alone. */
export function refOfRun(workflowId: string): { readonly runId: string; readonly workflowId: string } {
  return { runId: workflowId, workflowId };
}

/** A workflow that was terminated is over. */
export function graceMsOf({ stopBy, graceSeconds }: ExecutionTarget): number | null {
  return stopBy === 'terminate' || graceSeconds === 0 ? null : graceSeconds * 1000;
}

export function queryOf({ state, stateTimeoutSeconds }: ExecutionTarget): Query | null {
  return state === undefined ? null : { name: state, timeoutMs: stateTimeoutSeconds * 1000 };
}

function argumentsOf(target: Target, input: Json): readonly Json[] {
  if (target.arguments === 'one') return [input];
  if (Array.isArray(input)) return input as readonly Json[];
  throw refuse('the input must be an array: each item is an argument of the workflow');
}

function toObservation({ execution, stuck, isStateUnknown }: Sighting): Observation {
  return { status: execution.status, raw: execution, stuck, isInterruptUnknown: isStateUnknown };
}
