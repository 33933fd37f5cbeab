import { expect } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createAdminProtocol } from '../../src/protocols/admin/protocol.ts';
import { ask, keyOf } from '../access/auth-site.ts';

export const protocol = createAdminProtocol();

const ops = keyOf('ops', { tenant: 'platform', role: 'operator' });
export const eye = keyOf('eye', { tenant: 'platform', role: 'viewer' });
export const plain = keyOf('plain', { tenant: 'acme' });
export const keys = [ops, eye, plain].map(({ entry }) => entry);

export type Call = {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: string;
  readonly body?: Json;
  readonly key?: string;
};

export type Told = { readonly status: number; readonly body: JsonObject };

/** Every status of every operation that was seen. */
export const reached = new Set<string>();

/** Calls one operation; its answer must be what the document says of its status, no member more. */
export async function call(
  url: string,
  id: string,
  { params = {}, query, body, key = ops.key }: Call = {},
): Promise<Told> {
  const operation = protocol.operations.find((each) => each.id === id);
  if (operation === undefined) throw new Error(`there is no operation ${id}`);
  const path = operation.path.replaceAll(/(?<=\/):(\w+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const place = `${protocol.prefix}${path}${query === undefined ? '' : `?${query}`}`;
  const { status, body: answer } = await ask(url, key, operation.method, place, body);
  reached.add(`${id} ${status}`);
  const shape = operation.answers[status] ?? { schema: protocol.about.error };
  if (shape.schema !== undefined) expect([id, status, shape.schema.parse(answer)]).toEqual([id, status, answer]);
  return { status, body: answer as JsonObject };
}
