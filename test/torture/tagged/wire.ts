import { z } from 'zod';
import type { Json, JsonObject } from '../../../src/contract/domain/json.ts';
import { findScript } from '../../../src/sandbox/agents.ts';
import type { Ids } from '../../../src/sandbox/ids.ts';
import type { RunTable, SandboxRun } from '../../../src/sandbox/run-table.ts';
import type { View } from '../../../src/sandbox/script.ts';
import type { Call, Reply, Wire } from '../../../src/sandbox/wire-host.ts';

const startBody = z.object({ tag: z.string().min(1), input: z.custom<Json>() });
/** For how long an answer is held. */
export const holdMs = 3000;
/** No client waits in the torture for the tags of runs that are older. */
const maxTags = 200_000;

/**
 * A vendor that has no idempotency key and calls no one. What its callers write into a start can be searched for, its
 * answers to starts show how the run is, and it holds a call until a run has ended.
 */
export function taggedWire({ runs, ids }: { readonly runs: RunTable; readonly ids: Ids }): Wire {
  const idsByTag = new Map<string, readonly string[]>();

  function start(agent: string, body: unknown): Reply {
    const parsed = startBody.safeParse(body);
    const script = findScript('workflow', agent);
    if (!parsed.success || script === null) return fail(400, 'no such agent, or no tag');
    const { tag, input } = parsed.data;
    const order = { vendor: 'restack', scope: scopeOf(agent), agent, script, groupId: '', runId: ids.uuid() } as const;
    const { run, fault } = runs.start({ ...order, input });
    if (run === null) return { ...fail(500, 'not started'), fault };
    idsByTag.set(tag, [...(idsByTag.get(tag) ?? []), run.runId]);
    const [oldest] = idsByTag.keys();
    if (idsByTag.size > maxTags && oldest !== undefined) idsByTag.delete(oldest);
    return { status: 200, body: encode(run, runs.view(run)), fault };
  }

  /** `isHeld`: the answer waits for the end of the run. */
  function observe(agent: string, runId: string, isHeld: boolean): Reply {
    const run = runs.find('restack', scopeOf(agent), runId);
    if (run === null) return fail(404, 'no such run');
    const { view, fault } = isHeld ? { view: runs.view(run), fault: null } : runs.observe(run);
    const body = encode(run, view);
    return { status: 200, body, fault, ...(isHeld && body.status === 'running' ? { holdMs } : {}) };
  }

  function cancel(agent: string, runId: string): Reply {
    const run = runs.find('restack', scopeOf(agent), runId);
    if (run === null) return fail(404, 'no such run');
    return runs.send(run, 'end', null) === 'taken' ? { status: 200, body: {} } : fail(409, 'not running');
  }

  return {
    vendor: 'restack',
    encodeError,
    route(method, [first, second, third, ...rest]): Call | null {
      if (first === undefined || second === undefined || rest.length > 0) return null;
      if (first === 'tags' && method === 'GET') {
        return {
          operation: 'other',
          handle: () => ({ status: 200, body: { runs: [...(idsByTag.get(second) ?? [])] } }),
        };
      }
      if (first !== 'runs') return null;
      if (third === undefined) {
        return method === 'POST' ? { operation: 'start', handle: (body) => start(second, body) } : null;
      }
      if (method === 'DELETE') return { operation: 'other', handle: () => cancel(second, third) };
      const isHeld = third.startsWith('held-');
      const runId = isHeld ? third.slice('held-'.length) : third;
      return method === 'GET' ? { operation: 'observe', handle: () => observe(second, runId, isHeld) } : null;
    },
  };
}

function encode({ runId }: SandboxRun, view: View): JsonObject {
  if (view.kind === 'completed') return { runId, status: 'completed', output: view.output };
  if (view.kind === 'failed') return { runId, status: 'failed', error: view.failure.message };
  return { runId, status: 'running' };
}

function encodeError(_status: number, message: string): JsonObject {
  return { error: message };
}

function fail(status: number, message: string): { readonly status: number; readonly body: Json } {
  return { status, body: encodeError(status, message) };
}

function scopeOf(agent: string): string {
  return `tagged\n${agent}`;
}
