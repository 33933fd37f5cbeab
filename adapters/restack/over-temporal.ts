import type { Connection, Observation } from '../../src/contract/adapter/adapter.ts';
import type { HttpClient } from '../../src/contract/adapter/http-client.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { graceMsOf, queryOf, refOfRun } from '../temporal/adapter.ts';
import { Executions, type Sighting } from '../temporal/executions.ts';
import { reachByGrpc, refuse } from '../temporal/frontend.ts';
import { Messages } from '../temporal/messages.ts';
import { chain, remoteCodec, sensitiveCodec } from './codecs.ts';
import type { Settings, Target } from './settings.ts';
import { type AgentEvent, agentEvent } from './wire.ts';

/** Restack's engine as the vendor's own clients reach it: a Temporal frontend with conventions of its own. */
export function connectOverTemporal(settings: Settings, http: HttpClient): Connection<Target> {
  const { engineId, namespace, tls, token } = settings;
  const frontend = reachByGrpc({ namespace, tls, apiKey: token }, http, { 'restack-engineid': engineId });
  const { sensitiveKey, codecUrl } = settings;
  const codec = chain([
    ...(sensitiveKey ? [sensitiveCodec(Buffer.from(sensitiveKey, 'base64'))] : []),
    ...(codecUrl === undefined ? [] : [remoteCodec(codecUrl, namespace, http)]),
  ]);
  const executions = new Executions(frontend, codec);
  const messages = new Messages(frontend, codec);
  const workflowIdOf = (runId: string) => `${engineId}-${runId}`;

  async function send(upstream: UpstreamRef, event: AgentEvent, id: string, purpose: string): Promise<Json> {
    // The vendor's client sends an event without an input as null.
    const message = { name: event.eventName, input: [event.eventInput ?? null], id };
    return await messages.update(upstream, message, purpose);
  }

  return {
    adoption: { refOf: (_target, runId) => refOfRun(workflowIdOf(runId)) },
    resumesOnce: true,
    maxHeldCalls: () => http.maxHeldRpcs(),

    async start({ target, input, runId }) {
      const upstream = await executions.start({
        workflowId: workflowIdOf(runId),
        workflow: target.agent ?? target.workflow ?? '',
        taskQueue: `${engineId}-${target.queue}`,
        input: isAbsent(input) ? [] : [input],
        requestId: runId,
        memo: { engineId },
        searchAttributes: { engineId: { type: 'Text', value: engineId } },
        executionTimeoutSeconds: target.executionTimeoutSeconds,
      });
      return { upstream };
    },

    async observe(target, upstream, signal) {
      return toRestack(await executions.observe(upstream, queryOf(target), signal), target);
    },

    async attend(target, upstream, signal) {
      const seen = await executions.attend(upstream, signal);
      return seen === null ? null : toRestack(seen, target);
    },

    async resume(_target, upstream, resumption, deliveryId) {
      const event = agentEvent.safeParse(resumption);
      if (!event.success) throw refuse("the mapping's resume must give an object with an eventName");
      await send(upstream, event.data, deliveryId, 'resume');
      return undefined;
    },

    async cancel({ cancelEvent, stopBy }, upstream) {
      if (stopBy === 'terminate') await executions.terminate(upstream);
      else if (stopBy === 'cancel') await executions.cancel(upstream);
      else if (cancelEvent !== undefined) await send(upstream, cancelEvent, `${upstream.runId}.cancel`, 'cancel');
      else throw refuse('neither stopBy nor a cancelEvent is configured for this agent');
    },

    termination: {
      graceMsOf: (target) => (target.stopBy === 'cancel' ? graceMsOf(target) : null),
      terminate: (_target, upstream) => executions.terminate(upstream),
    },

    session: {
      repeatable: true,
      openingInputOf: ({ openingInput }) => openingInput,

      async send(target, upstream, { input, messageId }) {
        const event = { ...target.messageEvent, eventInput: input };
        const output = await send(upstream, event, messageId, 'message');
        const status = 'completed';
        return { status, raw: { ...upstream, agentName: target.agent ?? '', status, output } };
      },

      async end({ endEvent }, upstream) {
        await send(upstream, endEvent, `${upstream.runId}.end`, 'end-session');
      },
    },
  };
}

/** The vendor's client sends an empty object as no argument. */
function isAbsent(input: Json): boolean {
  return input === null || (isJsonObject(input) && Object.keys(input).length === 0);
}

/** An execution in the shape of the engine's HTTP API, so that one mapping reads both. */
function toRestack({ execution, stuck, isStateUnknown }: Sighting, { agent, workflow }: Target): Observation {
  const { workflowId, runId, status: word, result, failure, reason, state, closeTime } = execution;
  const status = word === 'PAUSED' ? 'running' : word.toLowerCase();
  const shown: Record<string, Json | undefined> = {
    ...(agent === undefined ? { workflowId, workflowName: workflow } : { agentId: workflowId, agentName: agent }),
    runId,
    status,
    vendorStatus: word,
    output: result,
    error: isJsonObject(failure) ? failure : reason,
    state,
    completedAt: closeTime,
  };
  const raw = Object.fromEntries(Object.entries(shown).filter(([, value]) => value !== undefined)) as JsonObject;
  return { status, raw, stuck, isInterruptUnknown: isStateUnknown };
}
