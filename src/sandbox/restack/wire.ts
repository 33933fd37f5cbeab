import { z } from 'zod';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import { findScript } from '../agents.ts';
import type { Ids } from '../ids.ts';
import { RepliesByKey } from '../replies-by-key.ts';
import type { RunTable } from '../run-table.ts';
import type { Call, Headers, Reply, Wire } from '../wire-host.ts';
import { encodeResult, type RestackKind } from './result.ts';

/**
 * The form of the answer to a start: `engine` is `{agentId, runId}` with UUIDs, as the engine answers; `documented` is
 * `{runId, status}` with a `run_...` id, as Restack's documentation shows it.
 */
export type RestackShape = 'engine' | 'documented';

// A member of a body that was parsed from JSON.
const json = z.custom<Json>();
const startBody = z.looseObject({ input: json.optional() });
const eventBody = z.looseObject({ eventName: z.string().min(1), eventInput: json.optional() });

export type RestackDeps = {
  readonly runs: RunTable;
  readonly ids: Ids;
  readonly shape: RestackShape;
  /** Required as a bearer token where it is set. */
  readonly token: string | null;
};

/** Restack's engine API. */
export function restackWire({ runs, ids, shape, token }: RestackDeps): Wire {
  const taken = new RepliesByKey();

  function start(kind: RestackKind, name: string, body: unknown): Reply {
    const parsed = startBody.safeParse(body ?? {});
    if (!parsed.success) return fail(400, 'the body must be an object with an input');
    const script = findScript(kind, name);
    if (script === null) return fail(404, `${kind} ${name} not found`);
    const [runId, groupId] = [shape === 'engine' ? ids.uuid() : ids.runName(), ids.uuid()];
    const order = { vendor: 'restack', scope: scopeOf(kind, name), agent: name, script, runId, groupId } as const;
    const { run, fault } = runs.start({ ...order, input: parsed.data.input ?? {} });
    if (run === null) return { ...fail(500, 'not started'), fault };
    const groupName = kind === 'agent' ? 'agentId' : 'workflowId';
    return {
      status: 200,
      body: shape === 'engine' ? { [groupName]: groupId, runId } : { runId, status: 'queued' },
      fault,
    };
  }

  function observe(kind: RestackKind, name: string, runId: string): Reply {
    const run = runs.find('restack', scopeOf(kind, name), runId);
    if (run === null) return fail(404, `run ${runId} not found`);
    const { view, fault } = runs.observe(run);
    const answer = encodeResult(run, kind, name, view);
    return answer === null ? { ...fail(404, `run ${runId} not found`), fault } : { status: 200, body: answer, fault };
  }

  function send(name: string, agentId: string, runId: string, body: unknown): Reply {
    const run = runs.find('restack', scopeOf('agent', name), runId);
    // The documented answer to a start names no agentId, so its clients only have the run's id.
    if (run === null || (agentId !== run.groupId && agentId !== runId)) return fail(404, `run ${runId} not found`);
    const parsed = eventBody.safeParse(body);
    if (!parsed.success) return fail(400, 'the body must have an eventName');
    const { eventName, eventInput = null } = parsed.data;
    const outcome = runs.send(run, eventName, eventInput);
    if (outcome === 'not-running') return fail(409, `run ${runId} is not running`);
    if (outcome === 'not-heard') return fail(400, `agent ${name} has no event ${eventName}`);
    // The engine answers an event with what its handler returns.
    const answer = eventName === 'end' ? undefined : run.script.answer?.(run);
    return { status: 200, body: answer ?? { agentId: run.groupId, runId, eventName } };
  }

  /** Answers what it has taken under an idempotency key before as it did then, as a gateway in front of an engine would. */
  function guarded(operation: Call['operation'], handle: (body: unknown) => Reply): Call {
    return {
      operation,
      handle: (body: unknown, headers: Headers) =>
        token === null || headers.authorization === `Bearer ${token}`
          ? taken.answer(headers['idempotency-key'], () => handle(body))
          : fail(401, 'unauthorized'),
    };
  }

  return {
    vendor: 'restack',
    encodeError,
    route(method, deps) {
      const [api, plural, name, ...rest] = deps;
      if (method === 'GET' && api === 'api' && plural === 'engine' && name === 'health' && rest.length === 0) {
        return { operation: 'other', handle: () => ({ status: 200, body: { status: 'ok' } }) };
      }
      const kind = plural === 'agents' ? 'agent' : plural === 'workflows' ? 'workflow' : null;
      if (api !== 'api' || kind === null || !name) return null;
      const [first, second] = rest;
      if (method === 'POST' && rest.length === 0) return guarded('start', (body) => start(kind, name, body));
      if (method === 'GET' && first && rest.length === 1) {
        return guarded('observe', () => observe(kind, name, first));
      }
      if (method === 'PUT' && kind === 'agent' && first && second && rest.length === 2) {
        return guarded('event', (body) => send(name, first, second, body));
      }
      return null;
    },
  };
}

function encodeError(_status: number, message: string): JsonObject {
  return { error: message };
}

function fail(status: number, message: string): { readonly status: number; readonly body: Json } {
  return { status, body: encodeError(status, message) };
}

function scopeOf(kind: RestackKind, name: string): string {
  return `${kind}\n${name}`;
}
