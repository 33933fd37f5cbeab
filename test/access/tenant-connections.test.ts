import { expect, test } from 'vitest';
import { joinTenants } from '../../src/agents/tenant-connections.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';

const { signal } = new AbortController();

/** Keeps what it is asked, and for whom. */
function connectionOf(tenant: string, asked: string[]): Connection {
  const note = (call: string, upstream: UpstreamRef): void => {
    asked.push(`${tenant} ${call} ${JSON.stringify(upstream)}`);
  };
  return {
    start: async () => ({ runId: `run of ${tenant}` }),
    observe: async (_, upstream) => {
      note('observe', upstream);
      return { status: 'done', raw: tenant };
    },
    resume: async (_, upstream) => note('resume', upstream),
    cancel: async (_, upstream) => note('cancel', upstream),
    sendMessage: async (_, upstream) => {
      note('converse', upstream);
      return { status: 'done', raw: tenant };
    },
    openingOf: () => 'opening',
    endSession: async (_, upstream) => note('end', upstream),
  };
}

test("a run is observed, resumed and cancelled with its own tenant's credentials", async () => {
  const asked: string[] = [];
  const joined = joinTenants(new Map(['blue', 'red'].map((tenant) => [tenant, connectionOf(tenant, asked)])));
  const start = { target: {}, input: {}, config: {} };
  const ref = await joined.start({ ...start, tenant: 'red' }, signal);
  expect(ref).toEqual({ runId: 'run of red', tenant: 'red' });
  expect((await joined.observe({}, ref, signal)).raw).toBe('red');
  await joined.resume?.({}, ref, 1, signal);
  await joined.cancel?.({}, ref, signal);
  expect((await joined.sendMessage?.({}, ref, {}, signal))?.raw).toBe('red');
  expect(joined.openingOf?.({})).toBe('opening');
  await joined.endSession?.({}, ref, signal);
  const calls = ['observe', 'resume', 'cancel', 'converse', 'end'];
  expect(asked).toEqual(calls.map((call) => `red ${call} {"runId":"run of red"}`));
});

test('a tenant without credentials and a reference without a tenant are rejected', async () => {
  const asked: string[] = [];
  const joined = joinTenants(new Map([['blue', connectionOf('blue', asked)]]));
  const start = { target: {}, input: {}, config: {} };
  const refused = { consequence: 'rejected', message: 'the tenant has no credentials for this backend' };
  await expect(joined.start({ ...start, tenant: 'green' }, signal)).rejects.toThrow(UpstreamFault);
  await expect(joined.start(start, signal)).rejects.toMatchObject(refused);
  await expect(joined.observe({}, { runId: 'x' }, signal)).rejects.toMatchObject(refused);
  await expect(joined.cancel?.({}, { runId: 'x', tenant: 'green' }, signal)).rejects.toMatchObject(refused);
  expect(asked).toEqual([]);
});

test('a backend can do no more for a tenant than its adapter can', () => {
  const { start, observe } = connectionOf('blue', []);
  expect(Object.keys(joinTenants(new Map([['blue', { start, observe }]])))).toEqual(['start', 'observe']);
});
