import { afterAll, describe, expect, test, vi } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, keyOf, openAuthSite } from '../access/auth-site.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';

const ops = keyOf('ops', { tenant: 'platform', role: 'operator' });
const [acme, shop] = [keyOf('acme', { tenant: 'acme' }), keyOf('shop', { tenant: 'shop' })];
const keys = [ops, acme, shop].map(({ entry }) => entry);

const postgres = await startPostgres();
const stores: readonly (readonly [string, (() => Promise<string | undefined>) | null])[] = [
  ['SQLite', async () => undefined],
  ['PostgreSQL', postgres instanceof PostgresServer ? () => postgres.createDatabase() : null],
];
afterAll(async () => {
  if (postgres instanceof PostgresServer) await postgres.destroy();
});

const patience = { timeout: 20_000, interval: 20 };
const replicas = { heartbeatSeconds: 0.5, deadAfterSeconds: 5 };

describe.each(stores.filter(([, makeUrl]) => makeUrl !== null))('on %s', { timeout: 60_000 }, (store, makeUrl) => {
  async function open(): Promise<AuthSite> {
    const storeUrl = await makeUrl?.();
    const sections = { auth: { keys }, replicas } as const;
    return await openAuthSite({ sections, ...(storeUrl === undefined ? {} : { storeUrl }) });
  }

  const admin = (site: AuthSite, method: string, path: string, body?: Json) =>
    site.ask(ops.key, method, `/admin/v1${path}`, body);
  const create = async (site: AuthSite, agent: string, key = acme.key) => {
    const { body } = await site.ask(key, 'POST', '/runs', { agent_id: agent, input: { n: 1 } });
    return String((body as JsonObject).run_id);
  };
  const show = async (site: AuthSite, runId: string) => (await admin(site, 'GET', `/runs/${runId}`)).body as JsonObject;
  const endsWell = async (site: AuthSite, runId: string) =>
    await vi.waitFor(async () => expect(await show(site, runId)).toMatchObject({ status: 'success' }), patience);

  test.each([
    ['agent', 'echo', 'scrape', acme.key],
    ['backend', 'intuned', 'approval', acme.key],
    ['tenant', 'acme', 'echo', shop.key],
  ])(
    `a stopped %s starts nothing, says so, survives a restart, and goes on once it is lifted (${store})`,
    async (kind, name, other, otherKey) => {
      await using site = await open();
      const stopped = await admin(site, 'POST', '/stops', { kind, name, reason: 'it costs too much' });
      expect(stopped.body).toMatchObject({ kind, name, by: 'ops', reason: 'it costs too much' });
      const runId = await create(site, 'echo');
      await vi.waitFor(async () => {
        expect(await show(site, runId)).toMatchObject({ phase: 'queued', waiting: { cause: 'stopped' } });
      }, patience);
      // The client is told as well.
      const seen = await site.ask(acme.key, 'GET', `/runs/${runId}`);
      expect(seen.headers.get('x-rungate-waiting')).toBe('stopped');
      // What is not stopped starts.
      const unstopped = await create(site, other, otherKey);
      await vi.waitFor(
        async () => expect(await show(site, unstopped)).not.toMatchObject({ phase: 'queued' }),
        patience,
      );
      await site.restart();
      await vi.waitFor(async () => {
        expect(await show(site, runId)).toMatchObject({ phase: 'queued', waiting: { cause: 'stopped' } });
      }, patience);
      // The one that is not stopped.
      expect(site.sandbox.stats().starts).toBe(1);
      expect((await admin(site, 'GET', '/stops')).body).toMatchObject({ stops: [{ kind, name }] });
      expect((await admin(site, 'DELETE', `/stops/${kind}/${name}`)).status).toBe(204);
      await endsWell(site, runId);
      expect(site.sandbox.stats().starts).toBe(2);
      expect((await admin(site, 'DELETE', `/stops/${kind}/${name}`)).body).toMatchObject({
        error: { code: 'stop_not_found' },
      });
      expect(site.log()).toContain('starts stopped');
    },
  );

  test(`a run that waits for a slot when its agent is stopped does not start when the slot is free (${store})`, async () => {
    const storeUrl = await makeUrl?.();
    await using site = await openAuthSite({
      sections: { auth: { keys }, replicas },
      backend: { maxConcurrentRuns: 1 },
      agents: [{ name: 'held', backend: 'intuned', target: { project: 'samples', api: 'hang' } }],
      ...(storeUrl === undefined ? {} : { storeUrl }),
    });
    const heldId = await create(site, 'held');
    // A start that is under way may be cut by the cancel.
    await vi.waitFor(() => expect(site.sandbox.stats().starts).toBe(1), patience);
    const runId = await create(site, 'echo');
    const waitsFor = async (cause: string) =>
      await vi.waitFor(async () => expect(await show(site, runId)).toMatchObject({ waiting: { cause } }), patience);
    await waitsFor('max-concurrent-runs');
    await admin(site, 'POST', '/stops', { kind: 'agent', name: 'echo', reason: 'r' });
    await admin(site, 'POST', '/runs:cancel', { run_ids: [heldId] });
    await waitsFor('stopped');
    expect(site.sandbox.stats().starts).toBe(1);
    // Its slot is not held while it waits.
    const otherId = await create(site, 'scrape');
    await vi.waitFor(async () => expect(await show(site, otherId)).not.toMatchObject({ phase: 'queued' }), patience);
    await admin(site, 'DELETE', '/stops/agent/echo');
    await admin(site, 'POST', '/runs:cancel', { run_ids: [otherId] });
    await endsWell(site, runId);
    expect(site.sandbox.stats().starts).toBe(3);
  });
});
