import { expect, test } from 'vitest';
import { connectionsByTenant, sharedConnection } from '../../src/agents/backend-connections.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';

/** Keeps what it is asked, and for whom. */
function connectionOf(tenant: string, asked: string[]): Connection {
  const note = (call: string, upstream: UpstreamRef): void => {
    asked.push(`${tenant} ${call} ${JSON.stringify(upstream)}`);
  };
  return {
    start: async () => ({ upstream: { runId: `run of ${tenant}` } }),
    observe: async (_, upstream) => {
      note('observe', upstream);
      return { status: 'done', raw: tenant };
    },
  };
}

test("a tenant's calls use its own connection, whole", async () => {
  const asked: string[] = [];
  const [blue, red] = ['blue', 'red'].map((tenant) => connectionOf(tenant, asked));
  if (blue === undefined || red === undefined) throw new TypeError('two connections');
  const connections = connectionsByTenant(new Map([...Object.entries({ blue, red })]));
  // The very object, so that a call that an adapter gains is there for tenants too.
  expect(connections.for('red')).toBe(red);
  // A reference that version 0.1 stored names the tenant as well.
  await connections.for('red').observe({}, { runId: 'x', tenant: 'red' });
  expect(asked).toEqual(['red observe {"runId":"x","tenant":"red"}']);
});

test.each(['green', '', '__proto__', 'constructor'])(
  'a tenant without credentials (%j) is rejected before anything is sent',
  async (tenant) => {
    const asked: string[] = [];
    const connection = connectionsByTenant(new Map([['blue', connectionOf('blue', asked)]])).for(tenant);
    const refused = { consequence: 'rejected', message: 'the tenant has no credentials for this backend' };
    await expect(connection.start({ target: {}, input: {}, config: {}, runId: 'r' })).rejects.toThrow(UpstreamFault);
    await expect(connection.observe({}, { runId: 'x' })).rejects.toMatchObject(refused);
    expect(Object.keys(connection)).toEqual(['start', 'observe']);
    expect(asked).toEqual([]);
  },
);

test('a backend with shared credentials has one connection for every tenant', () => {
  const connection = connectionOf('all', []);
  const connections = sharedConnection(connection);
  expect(connections.for('blue')).toBe(connection);
  expect(connections.for('red')).toBe(connection);
});
