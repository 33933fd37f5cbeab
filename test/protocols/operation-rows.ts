import { z } from 'zod';
import { parseConfig } from '../../src/config/load.ts';
import type { Operation } from '../../src/contract/api/protocol.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { mountProtocols } from '../../src/http/mounts.ts';
import { acme, sample } from '../config/vendors.ts';

export type OperationRow = { readonly operation: Operation; readonly prefix: string; readonly name: string };

/**
 * Every operation of every protocol of clients at every place: a row that is new tomorrow is tried tomorrow. What operators use goes
 * over tenants, and is refused as a whole to keys without a role.
 */
export async function readOperationRows() {
  const config = await parseConfig(sample(), { file: 'x.yaml', env: {}, registry: [acme] });
  const mounts = mountProtocols(config).filter(({ protocol }) => protocol.isForOperators !== true);
  const rows: readonly OperationRow[] = mounts.flatMap(({ protocol, prefix }) =>
    protocol.operations.map((operation) => ({
      operation,
      prefix,
      name: `${prefix} ${operation.method} ${operation.path}`,
    })),
  );
  const has = (name: string) => (row: OperationRow) => row.operation.path.includes(name);
  return {
    perRun: rows.filter(has(':run_id')),
    perThread: rows.filter((row) => has(':thread_id')(row) && !has(':run_id')(row)),
    others: rows.filter((row) => !has(':run_id')(row) && !has(':thread_id')(row)),
  };
}

/** The smallest body that an operation takes. */
export function bodyOf({ body, id }: Operation): Json | undefined {
  if (body instanceof z.ZodUndefined) return undefined;
  const candidates: readonly Json[] = [
    {},
    { agent_id: 'echo' },
    { api: 'echo', parameters: {} },
    { eventName: 'end' },
    { values: {} },
    { metadata: {} },
    { checkpoint: {} },
    { threadId: 'shared', runId: 'r', messages: [{ id: 'm', role: 'user', content: '{}' }] },
    { channels: ['values', 'lifecycle'] },
    { id: 1, method: 'state.get' },
    { namespace: ['shared'], key: 'k' },
    { namespace: ['shared'], key: 'k', value: {} },
  ];
  const found = candidates.find((candidate) => body.safeParse(candidate).success);
  if (found === undefined) throw new Error(`${id} takes none of the bodies: add one that it takes`);
  return found;
}

/** Where the sandbox has its APIs. */
const places: JsonObject = { workspaceId: 'sandbox', projectName: 'samples' };

/** A path with its parameters; what is not named is `echo`. */
export function fill(path: string, ids: JsonObject): string {
  return path.replace(/:(\w+)/g, (_, name: string) => String(ids[name] ?? places[name] ?? 'echo'));
}
