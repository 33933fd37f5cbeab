import { z } from 'zod';
import { parseConfig } from '../../src/config/load.ts';
import type { Operation } from '../../src/contract/api/protocol.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { Mounts } from '../../src/http/mounts.ts';
import { acme, sample } from '../config/vendors.ts';
import { sealerFor } from '../http/held-tickets.ts';

export type OperationRow = { readonly operation: Operation; readonly prefix: string; readonly name: string };

/**
 * Every operation of every protocol of clients at every place: a row that is new tomorrow is tried tomorrow. What operators use goes
 * over tenants, and is refused as a whole to keys without a role.
 */
export async function readOperationRows() {
  const config = await parseConfig(sample(), { file: 'x.yaml', env: {}, registry: [acme] });
  const mounts = new Mounts(sealerFor).of(config).filter(({ protocol }) => protocol.isForOperators !== true);
  const rows: readonly OperationRow[] = mounts.flatMap(({ protocol, prefix }) =>
    // What is refused to everybody has nothing to hide.
    protocol.operations
      .filter(({ answers }) => !(501 in answers))
      .map((operation) => ({
        operation,
        prefix,
        name: `${prefix} ${operation.method} ${operation.path}`,
      })),
  );
  const has = (pattern: RegExp) => (row: OperationRow) => pattern.test(row.operation.path);
  const isOfRun = has(/:run_id|:response_id/);
  const isOfThread = has(/:thread_id|:conversation_id/);
  return {
    perRun: rows.filter(isOfRun),
    perThread: rows.filter((row) => isOfThread(row) && !isOfRun(row)),
    others: rows.filter((row) => !isOfRun(row) && !isOfThread(row)),
  };
}

/** The smallest body that an operation takes. */
export function bodyOf({ body, id }: Operation): Json | undefined {
  if (body instanceof z.ZodUndefined) return undefined;
  const candidates: readonly Json[] = [
    {},
    { agent_id: 'echo' },
    { assistant_id: 'echo' },
    [{ assistant_id: 'echo' }],
    { status: 'all' },
    { thread_ids: ['00000000-0000-4000-8000-000000000001'] },
    { jsonrpc: '2.0', id: 1, method: 'ping' },
    { api: 'echo', parameters: {} },
    { eventName: 'end' },
    { values: {} },
    { metadata: {} },
    { model: 'support', input: 'hello' },
    { checkpoint: {} },
    { threadId: 'shared', runId: 'r', messages: [{ id: 'm', role: 'user', content: '{}' }] },
    { channels: ['values', 'lifecycle'] },
    { id: 1, method: 'state.get' },
    { message: { messageId: 'm', role: 'ROLE_USER', parts: [{ data: {} }] } },
    { url: 'https://hooks.test/a' },
    { namespace: ['shared'], key: 'k' },
    { namespace: ['shared'], key: 'k', value: {} },
    { items: [{}] },
  ];
  const found = candidates.find((candidate) => body.safeParse(candidate).success);
  if (found === undefined) throw new Error(`${id} takes none of the bodies: add one that it takes`);
  return found;
}

/** Where the sandbox has its APIs. */
const places: JsonObject = { workspaceId: 'sandbox', projectName: 'samples' };

/** What OpenAI calls a run and a thread. */
const otherNames: Readonly<Record<string, string>> = { response_id: 'run_id', conversation_id: 'thread_id' };

/** A path with its parameters; what is not named is `echo`. */
export function fill(path: string, ids: JsonObject): string {
  return path.replace(/(?<=\/):(\w+)/g, (_, name: string) =>
    String(ids[otherNames[name] ?? name] ?? places[name] ?? 'echo'),
  );
}
