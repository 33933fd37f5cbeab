import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { keyOf } from '../access/auth-site.ts';
import { RungateProcess } from './process.ts';
import { openSite, type Site, scraper, support, writeConfig } from './site.ts';
import { IntunedStandIn, RestackStandIn } from './stand-ins.ts';

vi.setConfig({ testTimeout: 120_000 });

const access = keyOf('front');
const question = { interrupt_type: 'approval', question: 'refund?' };

/** A gateway over two vendors, for another gateway in front of it. */
async function openBack() {
  const [intuned, restack] = [await IntunedStandIn.open(), await RestackStandIn.open()];
  const site = await openSite({
    ...{ intuned, restack },
    agents: [scraper, { ...support, mapping: { interrupt: 'output.interrupt' } }],
    sections: { auth: { keys: [access.entry] }, webhooks: { unsigned: true, allow: ['127.0.0.1'] } },
  });
  const close = async (): Promise<void> => {
    await site[Symbol.asyncDispose]();
    await intuned[Symbol.asyncDispose]();
    await restack[Symbol.asyncDispose]();
  };
  const list = async (): Promise<readonly JsonObject[]> => {
    const headers = { authorization: `Bearer ${access.key}`, 'content-type': 'application/json' };
    const init = { method: 'POST', headers, body: JSON.stringify({ limit: 100 }) };
    return (await (await fetch(`${site.client.url}/acp/v0.2/runs/search`, init)).json()) as readonly JsonObject[];
  };
  return { intuned, restack, site, list, [Symbol.asyncDispose]: close };
}

type Back = Awaited<ReturnType<typeof openBack>>;

function frontOf({ site }: Back, backend: JsonObject = {}, sections: JsonObject = {}) {
  const behind = (name: string): JsonObject => ({ name, backend: 'back', target: { agent: name } });
  return {
    backends: { back: { adapter: 'rungate', baseUrl: `${site.client.url}/acp/v0.2`, apiKey: access.key, ...backend } },
    agents: [
      behind('price-scraper'),
      { ...behind('support'), schemas: { interrupts: [{ interrupt_type: 'approval' }] } },
      behind('nobody'),
    ],
    sections,
  };
}

test('a run of an agent behind another rungate ends with the same result, and with the words of a failure', async () => {
  await using back = await openBack();
  await using front: Site = await openSite(frontOf(back));
  back.intuned.plan = () => ({ status: 'completed', result: { prices: [1] } });
  const input = { url: 'x', big: 1e300 };
  expect(await front.client.run({ agent_id: 'price-scraper', input })).toMatchObject({
    status: 'success',
    result: { prices: [1] },
  });
  back.intuned.plan = () => ({ status: 'failed', reason: 'no such page' });
  const failed = await front.client.run({ agent_id: 'price-scraper', input });
  expect(failed).toMatchObject({ status: 'error' });
  expect(failed.errcode).toBeGreaterThanOrEqual(6300);
  expect(await front.client.run({ agent_id: 'nobody', input })).toMatchObject({ status: 'error', errcode: 1003 });
});

test('a run behind another rungate is interrupted with its question and resumed with the payload', async () => {
  await using back = await openBack();
  await using front = await openSite(frontOf(back));
  back.restack.plan = () => ({ status: 'running', output: { interrupt: question } });
  const output = await front.client.run({ agent_id: 'support', input: {} });
  expect(output).toMatchObject({ status: 'interrupted', interrupt: question });
  const upstream = await back.restack.nextRun();
  await front.client.resume(output.run_id, { approved: true });
  expect(await upstream.gotEvent()).toMatchObject({ body: { eventInput: { approved: true } } });
  upstream.say({ status: 'completed', output: { reply: 'refunded' } });
  expect(await front.client.output(output.run_id)).toMatchObject({ status: 'success', result: { reply: 'refunded' } });
  expect(upstream.events).toHaveLength(1);
});

test('a run behind another rungate that is cancelled is cancelled there', async () => {
  await using back = await openBack();
  await using front = await openSite(frontOf(back));
  back.restack.plan = () => ({ status: 'running' });
  const { run_id: runId } = await front.client.create({ agent_id: 'support', input: {} });
  await back.restack.nextRun();
  await vi.waitFor(async () => expect(await back.list()).toMatchObject([{ status: 'pending' }]));
  expect((await front.client.ask('POST', `/acp/v0.2/runs/${runId}/cancel?wait=true`)).status).toBe(204);
  await vi.waitFor(async () => expect(await back.list()).toMatchObject([{ status: 'error' }]));
});

/** Passes requests on to where `target.url` says, and holds the answers to starts back while `holdsStarts`. */
async function openRelay(target: { url: string }) {
  const relay = { url: '', starts: 0, holdsStarts: false, answered: [] as number[] };
  const server = createServer(async (request, answer) => {
    const { method = '', url = '', headers } = request;
    const passed = Object.entries(headers).flatMap(([name, value]) =>
      ['authorization', 'content-type', 'idempotency-key'].includes(name) ? [[name, String(value)] as const] : [],
    );
    const sent = await text(request);
    const init = { method, headers: Object.fromEntries(passed), ...(method === 'POST' && { body: sent }) };
    const got = await fetch(`${target.url}${url}`, init);
    const body = await got.text();
    relay.answered.push(got.status);
    if (url.endsWith('/runs') && method === 'POST') {
      relay.starts += 1;
      if (relay.holdsStarts) return;
    }
    answer.writeHead(got.status, { 'content-type': got.headers.get('content-type') ?? 'text/plain' }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  relay.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return Object.assign(relay, { [Symbol.asyncDispose]: close });
}

test('a webhook of the other rungate is the push that ends a run', async () => {
  await using back = await openBack();
  const target = { url: '' };
  await using relay = await openRelay(target);
  // The run is not polled before a push comes.
  const pacing = { floorMs: 60_000, watchedCeilingMs: 60_000, ceilingMs: 60_000 };
  await using front = await openSite(frontOf(back, { push: { publicUrl: relay.url } }, { pacing }));
  target.url = front.client.url;
  back.intuned.plan = () => ({ status: 'started' });
  const { run_id: runId } = await front.client.create({ agent_id: 'price-scraper', input: {} });
  const upstream = await back.intuned.nextRun();
  upstream.say({ status: 'completed', result: { prices: [2] } });
  expect(await front.client.output(runId)).toMatchObject({ status: 'success', result: { prices: [2] } });
  expect(relay.answered).toContain(204);
});

test('starts of a front rungate that is killed before they are answered are settled by their keys, one run each', async () => {
  await using back = await openBack();
  await using relay = await openRelay({ url: back.site.client.url });
  relay.holdsStarts = true;
  const folder = mkdtempSync(join(tmpdir(), 'rungate-front-'));
  const file = join(folder, 'rungate.yaml');
  const pacing = { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 };
  const front = frontOf(back, { baseUrl: `${relay.url}/acp/v0.2` }, { pacing });
  writeFileSync(file, writeConfig({ ...front, keeps: true }, folder));
  const serve = () => new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
  try {
    back.intuned.plan = () => ({ status: 'completed', result: { ok: true } });
    const count = 12;
    await using first = serve();
    const before = await first.client();
    const created = await Promise.all(
      Array.from({ length: count }, (_, n) => before.create({ agent_id: 'price-scraper', input: { n } })),
    );
    await vi.waitFor(() => expect(relay.starts).toBe(count), 20_000);
    first.kill('SIGKILL');
    await first.exit();
    relay.holdsStarts = false;
    await using second = serve();
    const after = await second.client();
    const outputs = await Promise.all(created.map(({ run_id }) => after.output(run_id)));
    expect(outputs.map(({ status }) => status)).toEqual(Array(count).fill('success'));
    expect(relay.starts).toBe(2 * count);
    expect(back.intuned.runs).toHaveLength(count);
    expect(await back.list()).toHaveLength(count);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
