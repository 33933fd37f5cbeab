import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { RungateProcess } from '../gateway/process.ts';
import { openSite, scraper, writeConfig } from '../gateway/site.ts';
import { IntunedStandIn } from '../gateway/stand-ins.ts';
import { Receiver, secret, verify } from './receiver.ts';

vi.setConfig({ testTimeout: 60_000 });

const webhooks = { secrets: [secret], allow: ['127.0.0.1'] };
const patience = { interval: 50, timeout: 20_000 };

async function callbacksOf(url: string, prefix: string): Promise<unknown> {
  const [agent] = (await ask(url, `${prefix}/agents/search`, {})) as unknown as JsonObject[];
  const descriptor = await ask(url, `${prefix}/agents/${agent?.agent_id}/descriptor`);
  return (descriptor as { specs?: { capabilities?: JsonObject } }).specs?.capabilities?.callbacks;
}

async function ask(url: string, path: string, body?: unknown): Promise<JsonObject> {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const answer = await fetch(`${url}${path}`, body === undefined ? {} : init);
  expect(answer.status).toBe(200);
  return (await answer.json()) as JsonObject;
}

test('webhooks use the words of the protocol that created the run', async () => {
  await using receiver = await Receiver.open();
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({ intuned, agents: [scraper], sections: { webhooks } });
  const { url } = site.client;
  const members: Readonly<Record<string, readonly string[]>> = {
    '': ['creation', 'metadata', 'webhook'],
    '/acp/v0.1': ['creation', 'metadata', 'webhook'],
    '/acp/v0.2': ['creation'],
    '/agent-protocol': ['metadata', 'webhook'],
  };
  for (const [prefix, own] of Object.entries(members)) {
    const request = { agent_id: 'price-scraper', input: { a: 1 }, webhook: receiver.url };
    const { run_id: runId } = await ask(url, `${prefix}/runs`, request);
    const delivery = await receiver.until((all) => all.find(({ body }) => body.run_id === runId));
    expect(verify(delivery)).toEqual(delivery.body);
    expect(delivery.body.status).toBe('success');
    expect(await ask(url, `${prefix}/runs/${runId}`)).toEqual(delivery.body);
    expect(['creation', 'metadata', 'webhook'].filter((name) => name in delivery.body)).toEqual(own);
  }
  expect(await callbacksOf(url, '/acp/v0.1')).toBe(true);
  expect(await callbacksOf(url, '/acp/v0.2')).toBe(true);
});

/** Every operation that takes a webhook, with what stands around it. */
const takers: readonly (readonly [path: string, wrap: (body: JsonObject) => JsonObject])[] = [
  ['/runs', (body) => body],
  ['/acp/v0.1/runs', (body) => body],
  ...['', '/stream', '/wait'].flatMap((end) =>
    [`/acp/v0.2/runs${end}`, `/agent-protocol/runs${end}`, `/acp/v0.2/threads/THREAD/runs${end}`].map(
      (path) => [path, (body: JsonObject) => body] as const,
    ),
  ),
  ['/agent-protocol/threads/THREAD/commands', (params) => ({ id: 1, method: 'run.start', params })],
];

test.each(takers)('POST %s with a webhook that cannot be called is refused', async (path, wrap) => {
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  for (const unknownFields of ['reject', 'ignore']) {
    const sections = { server: { port: 0, unknownFields }, webhooks: { allow: ['127.0.0.1'] } };
    await using site = await openSite({ intuned, agents: [scraper], sections });
    const { url } = site.client;
    const { thread_id: id } = await ask(url, '/acp/v0.2/threads', {});
    const send = async (webhook: JsonObject): Promise<string> => {
      const body = JSON.stringify(wrap({ agent_id: 'price-scraper', input: {}, ...webhook }));
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(url + path.replace('THREAD', `${id}`), { method: 'POST', headers, body });
      return `${answer.status} ${await answer.text()}`;
    };
    const isCommand = path.endsWith('commands');
    const refusal = await send({ webhook: 'http://127.0.0.1:9/hook' });
    expect(refusal).toContain(isCommand ? 'invalid_argument' : '422 ');
    expect(refusal).toContain(
      'webhook cannot be called: the config has neither webhooks.secrets nor webhooks.unsigned',
    );
    expect(await send({})).toMatch(/^200 (?!.*"error")/);
    expect(await ask(url, '/runs/search', {})).toHaveLength(1);
  }
});

test('webhooks.unsigned sends deliveries without a signature where there is no secret', async () => {
  await using receiver = await Receiver.open();
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  const sections = { webhooks: { unsigned: true, allow: ['127.0.0.1'] } };
  await using site = await openSite({ intuned, agents: [scraper], sections });
  expect(await callbacksOf(site.client.url, '/acp/v0.1')).toBe(true);
  const { run_id: runId } = await site.client.create({ agent_id: 'price-scraper', input: {}, webhook: receiver.url });
  const delivery = await receiver.until((all) => all.find(({ body }) => body.run_id === runId));
  expect(delivery.body.status).toBe('success');
  expect(Object.keys(delivery.headers).filter((name) => name.startsWith('webhook-'))).toEqual([
    'webhook-id',
    'webhook-timestamp',
  ]);
});

test('webhooks.unsigned changes nothing where there are secrets', async () => {
  await using receiver = await Receiver.open();
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  await using site = await openSite({
    intuned,
    agents: [scraper],
    sections: { webhooks: { ...webhooks, unsigned: true } },
  });
  await site.client.create({ agent_id: 'price-scraper', input: {}, webhook: receiver.url });
  const delivery = await receiver.until((all) => all[0]);
  expect(verify(delivery)).toEqual(delivery.body);
});

test('without a webhook secret no webhook is sent, and descriptors declare none', async () => {
  await using receiver = await Receiver.open();
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  const sections = { webhooks: { allow: ['127.0.0.1'] } };
  await using site = await openSite({ intuned, agents: [scraper], sections });
  const refused = await site.client.ask('POST', '/runs', { input: {}, webhook: receiver.url });
  expect(refused.status).toBe(422);
  expect(await callbacksOf(site.client.url, '/acp/v0.1')).toBe(false);
  await site.stop();
  expect(receiver.received).toEqual([]);
});

test('failed deliveries are listed and redriven with and without a running gateway', async () => {
  await using receiver = await Receiver.open();
  await using intuned = await IntunedStandIn.open();
  intuned.plan = () => ({ status: 'completed', result: 1 });
  receiver.plan = () => 410;
  const options = { intuned, agents: [scraper], sections: { webhooks }, keeps: true };
  await using site = await openSite(options);
  const webhook = `${receiver.url}?key=hush`;
  const { run_id: runId } = await site.client.create({ agent_id: 'price-scraper', input: {}, webhook });
  await receiver.count(1);
  const file = join(site.folder, 'rungate.yaml');
  writeFileSync(file, writeConfig(options, site.folder));
  const command = async (...args: readonly string[]) =>
    await new RungateProcess(['webhooks', '--config', file, ...args], site.folder).exit();
  const listed = await command('list');
  expect(listed).toMatchObject({ code: 0, err: '' });
  expect(listed.out).toMatch(
    new RegExp(`^\\S+ stopped run=${runId} seq=\\d+ tenant=default attempts=1 ${receiver.url} `),
  );
  expect(listed.out).not.toContain('hush');
  expect(await command('list', '--run', 'another')).toMatchObject({ code: 0, out: 'no deliveries\n' });
  expect(await command('redrive')).toMatchObject({ code: 2 });
  expect(await command('redrive', '--run', 'another')).toMatchObject({ out: '0 to be sent again\n' });
  // The same with the gateway running.
  expect(await command('redrive', '--failed')).toMatchObject({ code: 0, out: '1 to be sent again\n' });
  await receiver.count(2);
  await expect.poll(async () => (await command('list', '--failed')).out, patience).toMatch(/ stopped .* attempts=1 /);
  await site.stop();
  expect((await command('list', '--run', runId)).out).toMatch(/^\S+ stopped /);
  expect(await command('redrive', '--run', runId)).toMatchObject({ code: 0, out: '1 to be sent again\n' });
  receiver.plan = () => 204;
  await using _again = new RungateProcess(['serve', '--config', file, '--port', '0'], site.folder);
  const [first, second, third] = await receiver.count(3);
  for (const again of [second, third]) expect([again?.id, again?.text]).toEqual([first?.id, first?.text]);
});
