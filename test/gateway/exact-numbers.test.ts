import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';
import { type PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { Receiver, secret } from '../webhooks/receiver.ts';
import { openSite, type Site, scraper } from './site.ts';
import { IntunedStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 60_000 });

const started = await startPostgres();
const folder = mkdtempSync(join(tmpdir(), 'rungate-exact-'));
let files = 0;
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  if (!('unavailable' in started)) await started.stop();
});

const stores: readonly (readonly [string, () => Promise<string>])[] = [
  ['SQLite', async () => `sqlite:${join(folder, `${++files}.db`)}`],
  ...('unavailable' in started ? [] : [['PostgreSQL', () => (started as PostgresServer).createDatabase()] as const]),
];

/** As text, so that nothing but the gateway has a chance to change it. */
const value =
  '{"id":2512292042121000001,"more":[9007199254740993,-9007199254740993,1e400,-0,0.1000000000000000055511151231257827],' +
  '"plain":[1.5,100,-0.5,null],"same":"2512292042121000001"}';
const other = value.replace('000001,', '000002,');

const agents: readonly JsonObject[] = [
  scraper,
  { ...scraper, name: 'moves', mapping: { output: '{"r": result, "n": 1}' } },
  { ...scraper, name: 'computes', mapping: { output: 'result.id + 1' } },
  {
    ...scraper,
    name: 'picky',
    schemas: { input: { properties: { id: { type: 'integer', maximum: 9007199254740992 } } } },
  },
];

async function openRig(url: string) {
  const intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: readJson(value) });
  const sections = { store: { url }, webhooks: { secrets: [secret], allow: ['127.0.0.1'] } };
  const open = async (): Promise<Site> => await openSite({ intuned, agents, sections });
  return { intuned, open, [Symbol.asyncDispose]: async () => await intuned[Symbol.asyncDispose]() };
}

async function ask(site: Site, method: string, path: string, body?: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${site.client.url}${path}`, { method, headers, ...(body === undefined ? {} : { body }) });
  const text = await answer.text();
  expect(answer.status, text).toBeLessThan(300);
  return text;
}

async function create(site: Site, members: string, agent = 'price-scraper'): Promise<string> {
  const text = await ask(site, 'POST', '/runs', `{"agent_id":"${agent}",${members}}`);
  return (JSON.parse(text) as { run_id: string }).run_id;
}

const output = (site: Site, runId: string) => ask(site, 'GET', `/runs/${runId}/output?block_timeout=20`);

describe.each(stores)('numbers that a double cannot hold, on %s', (_store, createUrl) => {
  test('pass from the client to the vendor and back, and are found again after a restart', async () => {
    await using rig = await openRig(await createUrl());
    await using receiver = await Receiver.open();
    let runId: string;
    {
      await using site = await rig.open();
      runId = await create(
        site,
        `"input":${value},"metadata":${value},"config":{"configurable":{},"tags":["a"]},"webhook":"${receiver.url}"`,
      );
      expect(await output(site, runId)).toContain(`"result":${value}`);
      expect(JSON.stringify(rig.intuned.runs[0]?.asked.body)).toContain(`"parameters":${value}`);
      expect(await ask(site, 'GET', `/runs/${runId}/stream`)).toContain(`"result":${value}`);
      const delivery = await receiver.until((all) => all[0]);
      expect(delivery.text).toContain(`"metadata":${value}`);
    }
    await using site = await rig.open();
    expect(await ask(site, 'GET', `/runs/${runId}`)).toContain(`"input":${value},"metadata":${value}`);
    expect(await output(site, runId)).toContain(`"result":${value}`);
    expect(await ask(site, 'GET', `/runs/${runId}/stream`)).toContain(`"result":${value}`);
    expect(await ask(site, 'POST', '/runs/search', `{"metadata":{"id":2512292042121000001}}`)).toContain(runId);
    expect(await ask(site, 'POST', '/runs/search', `{"metadata":{"id":2512292042121000000}}`)).toBe('[]');
  });

  test('pass through thread states, patches and items', async () => {
    await using rig = await openRig(await createUrl());
    await using site = await rig.open();
    const at = '/agent-protocol';
    const thread = JSON.parse(await ask(site, 'POST', `${at}/threads`, `{"metadata":${value}}`)) as {
      thread_id: string;
    };
    await ask(site, 'PATCH', `${at}/threads/${thread.thread_id}`, `{"values":${value}}`);
    const read = await ask(site, 'GET', `${at}/threads/${thread.thread_id}`);
    expect(read).toContain(`"metadata":${value}`);
    expect(read).toContain(`"values":${value}`);
    expect(await ask(site, 'GET', `${at}/threads/${thread.thread_id}/history`)).toContain(value);
    await ask(site, 'PUT', `${at}/store/items`, `{"namespace":["a"],"key":"k","value":${value}}`);
    expect(await ask(site, 'GET', `${at}/store/items?namespace=a&key=k`)).toContain(`"value":${value}`);
    const found = `{"namespace_prefix":["a"],"filter":{"id":2512292042121000001}}`;
    expect(await ask(site, 'POST', `${at}/store/items/search`, found)).toContain(`"value":${value}`);
  });

  test('are moved by an expression of the mapping', async () => {
    await using rig = await openRig(await createUrl());
    await using site = await rig.open();
    const runId = await create(site, `"input":${value}`, 'moves');
    expect(await output(site, runId)).toContain(`"result":{"r":${value},"n":1}`);
  });

  test('end a run whose expression computes with one with 1005 and the path', async () => {
    await using rig = await openRig(await createUrl());
    await using site = await rig.open();
    const runId = await create(site, `"input":{}`, 'computes');
    const answer = await output(site, runId);
    expect(answer).toContain('"errcode":1005');
    expect(answer).toContain('the number at result.id');
  });

  test('are judged exactly by the schema of an agent', async () => {
    await using rig = await openRig(await createUrl());
    await using site = await rig.open();
    const send = async (id: string) => {
      const { status } = await site.client.ask('POST', '/runs', `{"agent_id":"picky","input":{"id":${id}}}`);
      return status;
    };
    expect(await send('9007199254740992')).toBe(200);
    expect(await send('9007199254740993')).toBe(422);
  });

  test('tell two requests with one idempotency key apart', async () => {
    await using rig = await openRig(await createUrl());
    await using site = await rig.open();
    const send = async (input: string) => {
      const body = `{"agent_id":"price-scraper","input":${input}}`;
      return (await site.client.ask('POST', '/runs', body, { 'idempotency-key': '"k"' })).status;
    };
    expect(await send(value)).toBe(200);
    expect(await send(value.replace(':[9007199254740993,', ' : [ 9007199254740993.0, '))).toBe(200);
    expect(await send(other)).toBe(422);
  });
});
