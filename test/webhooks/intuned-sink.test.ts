import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { open, openIntuned, prefix } from '../gateway/intuned-site.ts';
import { reply } from '../gateway/manners.ts';
import { RungateProcess } from '../gateway/process.ts';
import { ask } from '../gateway/protocols.ts';
import { openSite, writeConfig } from '../gateway/site.ts';
import { IntunedStandIn } from '../gateway/stand-ins.ts';
import { Receiver, secret, verify } from './receiver.ts';

vi.setConfig({ testTimeout: 60_000 });

const webhooks = { secrets: [secret], allow: ['127.0.0.1'] };
const parameters = { url: 'https://shop.test/1' };
const asked = { api: 'scrape-prices', parameters };
const failure = { status: 'failed', error: { code: 'auth-check-failed', category: 'auth', message: 'log in' } };

async function openSink() {
  const receiver = await Receiver.open();
  const site = await openIntuned({ sections: { webhooks } });
  return {
    receiver,
    site,
    start: (sink: JsonObject) => site.start({ ...asked, sink: { type: 'webhook', url: receiver.url, ...sink } }),
    [Symbol.asyncDispose]: async () => {
      await site[Symbol.asyncDispose]();
      await receiver[Symbol.asyncDispose]();
    },
  };
}

test("the client's sink is called once, at the end, with the body of the vendor, the id that the client knows, and a signature", async () => {
  await using hooks = await openSink();
  hooks.site.vendor.plan = () => ({ status: 'completed', result: { price: 9.5 } });
  const { body } = await hooks.start({ headers: { 'X-Token': 't', 'content-type': 'text/plain' }, skipOnFail: true });
  const [call] = await hooks.receiver.count(1);
  expect(call?.body).toEqual({
    apiInfo: {
      name: 'scrape-prices',
      parameters,
      runId: body.runId,
      result: { status: 'completed', result: { price: 9.5 }, statusCode: 200 },
    },
    workspaceId: 'ws_9Q',
    project: { id: 'shop', name: 'shop' },
  });
  expect(call?.headers).toMatchObject({ 'x-token': 't', 'content-type': 'application/json' });
  expect(call && verify(call)).toEqual(call?.body);
  // The vendor is not asked to call it as well.
  expect(hooks.site.vendor.runs[0]?.asked.body).toEqual(asked);
  expect(hooks.receiver.received.length).toBe(1);
});

test('a sink is told of a failure with its code as text, and of a cancellation with its reason', async () => {
  await using hooks = await openSink();
  hooks.site.vendor.plan = ({ body }) =>
    JSON.stringify(body).includes('/1')
      ? failure
      : { status: 'canceled', reason: { type: 'terminated', message: 'by hand' } };
  await hooks.start({ skipOnFail: false });
  const [first] = await hooks.receiver.count(1);
  expect(first?.body.apiInfo).toHaveProperty('result', {
    status: 'failed',
    error: 'auth-check-failed',
    message: 'log in',
    statusCode: 500,
  });
  const sink = { type: 'webhook', url: hooks.receiver.url };
  await hooks.site.start({ api: 'scrape-prices', parameters: { other: 1 }, authSession: { id: 'shop' }, sink });
  const [, second] = await hooks.receiver.count(2);
  expect(second?.body).toMatchObject({
    apiInfo: { result: { status: 'failed', error: 'terminated', message: 'by hand' } },
    authSession: { id: 'shop' },
  });
});

test('a sink with skipOnFail is not called for a failure, and one for other APIs is not called at all', async () => {
  await using hooks = await openSink();
  hooks.site.vendor.plan = () => failure;
  const runs = [await hooks.start({ skipOnFail: true }), await hooks.start({ apisToSend: ['other'] })];
  for (const { body } of runs) expect(await hooks.site.ended(`${body.runId}`)).toMatchObject({ status: 'failed' });
  // One that is called shows that the others had their turn.
  await hooks.start({ apisToSend: ['scrape-prices'] });
  await hooks.receiver.count(1);
  expect(hooks.receiver.received.length).toBe(1);
});

test('a sink that fails is called again, and the second call has the same body and id', async () => {
  await using hooks = await openSink();
  hooks.receiver.plan = (_, count) => (count === 1 ? [503, { 'retry-after': '0' }] : 204);
  hooks.site.vendor.plan = () => ({ status: 'completed', result: 1 });
  await hooks.start({});
  const [first, second] = await hooks.receiver.count(2);
  expect([second?.id, second?.body]).toEqual([first?.id, first?.body]);
});

test('an S3 sink passes on to the vendor, and a webhook sink in a private network is refused', async () => {
  await using site = await openIntuned();
  const sink = { type: 's3', bucket: 'b', accessKeyId: 'a', secretAccessKey: 's', region: 'r', skipOnFail: false };
  expect((await site.start({ ...asked, sink })).status).toBe(201);
  await site.vendor.counted('start', 1);
  expect(site.vendor.asked[0]?.body).toEqual({ ...asked, sink });
  await using hooked = await openIntuned({ sections: { webhooks: { secrets: [secret] } } });
  const refused = await hooked.start({ ...asked, sink: { type: 'webhook', url: 'http://10.0.0.1/hook' } });
  expect([refused.status, refused.body]).toMatchObject([422, { code: 'unprocessable-entity' }]);
});

test('a gateway that calls no webhooks refuses a sink in words', async () => {
  await using site = await openIntuned();
  const refused = await site.start({ ...asked, sink: { type: 'webhook', url: 'https://hooks.test/1' } });
  expect([refused.status, refused.body]).toMatchObject([422, { message: expect.stringContaining('webhooks.secrets') }]);
  expect(site.vendor.count('start')).toBe(0);
});

test('a run whose gateway is killed is started once, and its client and its sink get the result of the next process', async () => {
  await using receiver = await Receiver.open();
  await using vendor = await IntunedStandIn.open();
  // Makes the folder.
  await using site = await openSite({ intuned: vendor, agents: [open] });
  const config = { intuned: vendor, agents: [open], keeps: true, sections: { webhooks } };
  writeFileSync(join(site.folder, 'rungate.yaml'), writeConfig(config, site.folder));
  const serve = () => new RungateProcess(['serve', '--config', 'rungate.yaml'], site.folder);
  const at = `${prefix}/${vendor.workspace}/projects/shop/run`;
  let runId = '';
  {
    await using first = serve();
    const { url } = await first.client();
    const sink = { type: 'webhook', url: receiver.url, headers: { token: 't' } };
    const started = await ask(url, 'POST', `${at}/start`, { ...asked, sink }, { 'idempotency-key': 'k' });
    ({ runId } = started.body as { readonly runId: string });
    await (await vendor.nextRun()).seen();
    first.kill('SIGKILL');
    await first.exit();
  }
  vendor.runs[0]?.say({ status: 'completed', result: { late: true } });
  await using second = serve();
  const { url } = await second.client();
  const [call] = await receiver.count(1);
  expect(call?.body).toMatchObject({ apiInfo: { runId, result: { status: 'completed', result: { late: true } } } });
  expect(call?.headers.token).toBe('t');
  const result = await ask(url, 'GET', `${at}/${runId}/result`);
  expect(result.body).toEqual({ runId, status: 'completed', result: { late: true } });
  expect(vendor.count('start')).toBe(1);
});

test('the words of a start that the vendor refused stand in the call of its sink', async () => {
  await using hooks = await openSink();
  hooks.site.vendor.surprise('start', reply(422, { message: 'no such parameter' }));
  await hooks.start({});
  const [call] = await hooks.receiver.count(1);
  expect(call?.body).toMatchObject({
    apiInfo: {
      result: {
        status: 'failed',
        error: 'user',
        message: expect.stringContaining('no such parameter'),
      },
    },
  });
});
