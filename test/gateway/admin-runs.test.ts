import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type Asked, type AuthSite, keyOf, openAuthSite } from '../access/auth-site.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';

const ops = keyOf('ops', { tenant: 'platform', role: 'operator' });
const eye = keyOf('eye', { tenant: 'platform', role: 'viewer' });
const plain = keyOf('plain', { tenant: 'acme' });
const keys = [ops, eye, plain].map(({ entry }) => entry);

const postgres = await startPostgres();
const stores: readonly (readonly [string, (() => Promise<string>) | null])[] = [
  ['SQLite', async () => 'sqlite::memory:'],
  ['PostgreSQL', postgres instanceof PostgresServer ? () => postgres.createDatabase() : null],
];
afterAll(async () => {
  if (postgres instanceof PostgresServer) await postgres.destroy();
});

type Row = JsonObject & { readonly run_id: string };
const rowsOf = ({ body }: Asked): readonly Row[] => (body as { readonly runs: readonly Row[] }).runs;

describe.each(stores.filter(([, makeUrl]) => makeUrl !== null))('runs of all tenants on %s', (store, makeUrl) => {
  let site: AuthSite;
  let ids: Readonly<Record<'done' | 'failed' | 'asking', string>>;

  const admin = (method: string, path: string, body?: Json, key = ops.key) =>
    site.ask(key, method, `/admin/v1${path}`, body);
  const create = async (agent: string, input: Json, metadata: JsonObject = {}) => {
    const { body } = await site.ask(plain.key, 'POST', '/runs', { agent_id: agent, input, metadata });
    const runId = String((body as JsonObject).run_id);
    await site.ask(plain.key, 'GET', `/runs/${runId}/output?block_timeout=20`);
    return runId;
  };

  beforeAll(async () => {
    site = await openAuthSite({ sections: { auth: { keys } }, storeUrl: (await makeUrl?.()) ?? '' });
    ids = {
      done: await create('echo', { secret: 'of acme' }, { team: 'blue' }),
      failed: await create('scrape', { url: 'https://shop.example/fail' }),
      asking: await create('approval', { question: 'now?' }),
    };
  }, 60_000);
  afterAll(() => site[Symbol.asyncDispose]());

  test(`an operator finds runs of another tenant by what they have (${store})`, async () => {
    const find = async (query: string) => rowsOf(await admin('GET', `/runs?${query}`)).map(({ run_id: id }) => id);
    expect(await find('')).toEqual([ids.asking, ids.failed, ids.done]);
    expect(await find('limit=1')).toEqual([ids.asking]);
    expect(await find('agent=echo')).toEqual([ids.done]);
    expect(await find('backend=restack')).toEqual([ids.asking]);
    expect(await find('live=true')).toEqual([ids.asking]);
    expect(await find('phase=interrupted,done&status=interrupted')).toEqual([ids.asking]);
    expect(await find('text=blue')).toEqual([ids.done]);
    expect(await find('tenant=platform')).toEqual([]);
    expect(await find('older_than=1h')).toEqual([]);
    expect(await find('younger_than=1h&status=success')).toContain(ids.done);
    const [row = {} as Row] = rowsOf(await admin('GET', `/runs?text=${ids.done}`));
    const { runId: vendorId } = row.vendor_ids as { readonly runId: string };
    expect(await find(`vendor_id=${vendorId}`)).toEqual([ids.done]);
    expect(await find(`vendor_id=${vendorId}&live=true`)).toEqual([]);
    expect(row).toMatchObject({ tenant: 'acme', agent: 'echo', backend: 'intuned', phase: 'done', owner: null });
  });

  test(`runs that are named by their ids are found where they match the other conditions too (${store})`, async () => {
    const find = async (query: string) => rowsOf(await admin('GET', `/runs?${query}`)).map(({ run_id: id }) => id);
    const { done, failed, asking } = ids;
    const unknown = '00000000-0000-7000-8000-00000000000f';
    expect(await find(`run_id=${done},${unknown},${asking},${done}`)).toEqual([asking, done]);
    expect(await find(`run_id=${failed}&run_id=${done}&agent=scrape`)).toEqual([failed]);
    expect(await find(`run_id=${done},${failed},${asking}&live=true`)).toEqual([asking]);
    expect(await find(`run_id=${done},${failed}&live=true`)).toEqual([]);
    expect(await find(`run_id=${done},${asking}&tenant=acme&agent=echo`)).toEqual([done]);
    expect(await find(`run_id=${done},${failed}&text=blue`)).toEqual([done]);
    expect(await find(`run_id=${done}&older_than=1h`)).toEqual([]);
    const [row = {} as Row] = rowsOf(await admin('GET', `/runs?run_id=${done}`));
    const { runId: vendorId } = row.vendor_ids as { readonly runId: string };
    expect(await find(`run_id=${done}&vendor_id=${vendorId}`)).toEqual([done]);
    expect(await find(`run_id=${failed}&vendor_id=${vendorId}`)).toEqual([]);
    const many = Array.from({ length: 101 }, () => done).join(',');
    expect((await admin('GET', `/runs?run_id=${many}`)).status).toBe(422);
  });

  test(`pages go on where the last one ended (${store})`, async () => {
    const seen: string[] = [];
    for (let cursor: Json = ''; cursor !== null; ) {
      const page = await admin('GET', `/runs?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...rowsOf(page).map(({ run_id: id }) => id));
      cursor = (page.body as JsonObject).next_cursor ?? null;
    }
    expect(seen).toEqual([ids.asking, ids.failed, ids.done]);
  });

  test(`runs are counted by what they have in common (${store})`, async () => {
    const { body } = await admin('GET', '/runs:count');
    expect(body).toMatchObject({
      ...{ count: 3, complete: true, by_tenant: { acme: 3 }, by_backend: { intuned: 2, restack: 1 } },
      by_agent: { echo: 1, scrape: 1, approval: 1 },
    });
  });

  test(`a run is shown with its timeline, and payloads only where they are asked for (${store})`, async () => {
    const { status, body } = await admin('GET', `/runs/${ids.done}`, undefined, eye.key);
    expect(status).toBe(200);
    expect(body).toMatchObject({ start_call: { took_ms: expect.any(Number) }, request_id: expect.any(String) });
    const { timeline } = body as { readonly timeline: readonly { readonly kind: string }[] };
    expect(timeline.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['accepted', 'start', 'running', 'looks', 'end']),
    );
    expect(JSON.stringify(body)).not.toContain('of acme');
    expect((await admin('GET', `/runs/${ids.done}?reveal=input`, undefined, eye.key)).status).toBe(403);
    expect(site.log()).not.toContain('payloads shown');
    const shown = (await admin('GET', `/runs/${ids.done}?reveal=input,output`)).body as JsonObject;
    expect(shown.input).toEqual({ input: { secret: 'of acme' } });
    expect(JSON.stringify(shown.output)).toContain('of acme');
    expect(site.log()).toContain('payloads shown');
    expect(site.log()).toMatch(new RegExp(`"by":"ops".*"run_id":"${ids.done}"`));
  });

  test(`a run that is not there is 404, and a malformed request 422 (${store})`, async () => {
    expect((await admin('GET', '/runs/0193b3a0-6b7c-7d2e-8f00-00000000dead')).status).toBe(404);
    expect((await admin('GET', '/runs?agent=nobody')).body).toMatchObject({ error: { code: 'agent_not_found' } });
    for (const query of ['phase=gone', 'older_than=soon', 'limit=0', 'cursor=x', 'colour=blue', 'errcode=0'])
      expect([query, (await admin('GET', `/runs?${query}`)).status]).toEqual([query, 422]);
  });

  test(`runs are replayed as new ones that name the old one, and the old one names them (${store})`, async () => {
    const dry = await admin('POST', '/runs:replay', { filter: { agent: 'echo' }, dry_run: true }, eye.key);
    expect(dry.body).toMatchObject({ dry_run: true, matched: 1, complete: true, done: [] });
    const { body } = await admin('POST', '/runs:replay', { run_ids: [ids.done, ids.asking] });
    expect(body).toMatchObject({ matched: 1, refused: [{ run_id: ids.asking, reason: 'it has not ended' }] });
    const [{ new_run_id: newId = '' } = {}] = (body as { readonly done: readonly { new_run_id?: string }[] }).done;
    const again = await site.ask(plain.key, 'GET', `/runs/${newId}/output?block_timeout=20`);
    expect(JSON.stringify(again.body)).toContain('of acme');
    expect((await admin('GET', `/runs/${newId}`)).body).toMatchObject({
      metadata: { replay_of: ids.done, team: 'blue' },
    });
    expect((await admin('GET', `/runs/${ids.done}`)).body).toMatchObject({
      actions: [{ action: 'replay', by: 'ops', run_id: newId }],
    });
  });

  test(`live runs are cancelled by a filter after a dry run has counted them (${store})`, async () => {
    const made = [await create('approval', { n: 1 }), await create('approval', { n: 2 })] as const;
    const filter = { agent: 'approval', younger_than: '1h' };
    expect((await admin('POST', '/runs:cancel', { filter, dry_run: true })).body).toMatchObject({ matched: 3 });
    const { body } = await admin('POST', '/runs:cancel', { filter, max: 2 });
    expect(body).toMatchObject({ matched: 2, complete: false, done: made.toReversed().map((id) => ({ run_id: id })) });
    expect((await admin('GET', `/runs/${made[0]}`)).body).toMatchObject({
      ...{ errcode: 1000, actions: [{ action: 'cancel', by: 'ops' }] },
      timeline: expect.arrayContaining([expect.objectContaining({ kind: 'action', text: 'cancelled by ops' })]),
    });
    expect((await admin('POST', '/runs:cancel', { run_ids: [made[0]] })).body).toMatchObject({
      ...{ matched: 0, done: [], refused: [{ reason: 'it has ended already' }] },
    });
    expect((await admin('POST', '/runs:cancel', { filter: {} })).status).toBe(422);
    expect((await admin('POST', '/runs:cancel', {})).status).toBe(422);
  });
});
