import { Client } from 'pg';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { ask, openAuthSite } from '../access/auth-site.ts';
import { call, keys, plain } from './admin-site.ts';
import { openStores } from './admin-stores.ts';

const { stores, close } = await openStores();
afterAll(close);

const patience = { timeout: 30_000, interval: 20 };
const replicas = { heartbeatSeconds: 0.5, deadAfterSeconds: 5 };
const list = ({ body }: { readonly body: JsonObject }, name: string) => body[name] as readonly JsonObject[];
const shared = stores.filter(({ name }) => name === 'PostgreSQL');

async function create(url: string, agent: string, input: Json = {}): Promise<string> {
  const { status, body } = await ask(url, plain.key, 'POST', '/runs', { agent_id: agent, input });
  expect(status).toBe(200);
  return (body as { readonly run_id: string }).run_id;
}

describe.runIf(shared.length > 0)('several replicas', { timeout: 120_000 }, () => {
  const open = async () => {
    const storeUrl = await shared[0]?.makeUrl();
    return await openAuthSite({ sections: { auth: { keys }, replicas }, ...(storeUrl && { storeUrl }) });
  };

  test('what one replica stops no other starts, and what one lifts goes on at the others', async () => {
    await using site = await open();
    const twin = await site.twin();
    await call(site.url, 'put_stop', { body: { kind: 'agent', name: 'echo', reason: 'r' } });
    await vi.waitFor(async () => expect(list(await call(twin.url, 'list_stops'), 'stops')).toHaveLength(1), patience);
    const runId = await create(twin.url, 'echo');
    await vi.waitFor(async () => {
      const { body } = await call(site.url, 'get_run', { params: { run_id: runId } });
      expect(body).toMatchObject({ phase: 'queued', waiting: { cause: 'stopped' } });
    }, patience);
    expect(site.sandbox.stats().starts).toBe(0);
    await call(site.url, 'lift_stop', { params: { kind: 'agent', name: 'echo' } });
    await vi.waitFor(async () => {
      const { body } = await call(site.url, 'get_run', { params: { run_id: runId } });
      expect(body).toMatchObject({ status: 'success' });
    }, patience);
    expect(site.sandbox.stats().starts).toBe(1);
  });

  test('one replica drains another, whose runs go on and which alone refuses new ones', async () => {
    await using site = await open();
    const twin = await site.twin();
    const runId = await create(twin.url, 'approval');
    const all = async () => list(await call(site.url, 'list_replicas'), 'replicas');
    await vi.waitFor(async () => {
      expect((await all()).map(({ alive, version }) => [alive, version !== null])).toEqual([
        [true, true],
        [true, true],
      ]);
    }, patience);
    const other = (await all()).find(({ self }) => self === false);
    expect(other).toMatchObject({ runs: 1, draining: false });
    await call(site.url, 'drain_replica', { params: { replica: String(other?.replica) } });
    await vi.waitFor(async () => {
      expect((await all()).find(({ self }) => self === false)).toMatchObject({ drain: true, draining: true });
    }, patience);
    const refused = await ask(twin.url, plain.key, 'POST', '/runs', { agent_id: 'echo', input: {} });
    expect(refused.status).toBe(503);
    // What it has goes on: its client is answered there.
    await vi.waitFor(async () => {
      const { body } = await ask(twin.url, plain.key, 'GET', `/runs/${runId}`);
      expect(body).toMatchObject({ status: 'interrupted' });
    }, patience);
    await create(site.url, 'echo');
    await call(twin.url, 'undrain_replica', { params: { replica: String(other?.replica) } });
    await create(twin.url, 'echo');
  });

  test('a replica that cannot read what is stopped does not start', async () => {
    await using site = await open();
    const client = new Client({ connectionString: site.config.store.url });
    await client.connect();
    await client.query('ALTER TABLE stops RENAME TO mislaid');
    await expect(site.twin()).rejects.toThrow('"stops" does not exist');
    await client.query('ALTER TABLE mislaid RENAME TO stops');
    await client.end();
    await site.twin();
  });

  test('backends show what other replicas make of them', async () => {
    await using site = await open();
    await site.twin();
    await vi.waitFor(async () => {
      const [backend] = list(await call(site.url, 'list_backends'), 'backends');
      expect(backend).toMatchObject({ elsewhere: [{ replica: expect.any(String), state: 'ok' }] });
    }, patience);
  });
});

describe.each(stores)('stops under load on $name', { timeout: 120_000 }, ({ name, makeUrl }) => {
  test(`of runs that are made while an agent is stopped and lifted again and again none is lost or started twice (${name})`, async () => {
    const storeUrl = await makeUrl();
    await using site = await openAuthSite({
      sections: { auth: { keys }, replicas },
      backend: { maxConcurrentRuns: 3 },
      ...(storeUrl === undefined ? {} : { storeUrl }),
    });
    const toggling = (async () => {
      for (let times = 0; times < 15; times += 1) {
        const kind = times % 3 === 0 ? 'agent' : times % 3 === 1 ? 'backend' : 'tenant';
        const stopped = { kind, name: { agent: 'echo', backend: 'intuned', tenant: 'acme' }[kind] };
        await call(site.url, 'put_stop', { body: { ...stopped, reason: 'r' } });
        await call(site.url, 'lift_stop', { params: stopped });
      }
    })();
    const made: string[] = [];
    for (let wave = 0; wave < 12; wave += 1)
      made.push(...(await Promise.all(Array.from({ length: 5 }, (_, n) => create(site.url, 'echo', { wave, n })))));
    await toggling;
    await vi.waitFor(async () => {
      const { body } = await call(site.url, 'count_runs', { query: 'status=success' });
      expect(body.count).toBe(made.length);
    }, patience);
    expect(site.sandbox.stats()).toMatchObject({ starts: made.length, keysStartedTwice: 0 });
  });
});
