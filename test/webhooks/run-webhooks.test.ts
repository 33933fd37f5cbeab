import { afterAll, describe, expect, test, vi } from 'vitest';
import type { NewRunWebhook } from '../../src/contract/domain/run-webhook.ts';
import { openRig, tenant } from '../engine/engine-rig.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { Receiver } from './receiver.ts';
import { type HookRig, keyOf, openHooks, poll } from './rig.ts';

vi.setConfig({ testTimeout: 60_000 });

const hook = (url: string, difference: Partial<NewRunWebhook> = {}): NewRunWebhook => ({
  ...{ url, protocol: 'acp-0.1', events: 'status' },
  ...difference,
});

const runsOf = (hooks: HookRig) => hooks.rig.engine.api.runs;

describe('webhooks of a run', () => {
  test('each webhook of a run gets the changes that it wants, with its own headers, in the words of its own protocol', async () => {
    await using receivers = new AsyncDisposableStack();
    const open = async () => receivers.use(await Receiver.open());
    const [first, second, third, fourth] = [await open(), await open(), await open(), await open()];
    await using hooks = await openHooks({
      encodeRun: (run, protocol) => JSON.stringify({ protocol, phase: run.phase, status: run.status }),
    });
    const run = await hooks.start(first.url);
    await runsOf(hooks).putWebhook(keyOf(run), hook(second.url, { id: 'b', protocol: 'other', events: 'progress' }));
    const authentication = { scheme: 'Bearer', credentials: 'secret-1' };
    const token = { header: 'X-A2A-Notification-Token', value: 'secret-2' };
    await runsOf(hooks).putWebhook(keyOf(run), hook(third.url, { id: 'c', events: 'end', authentication, token }));
    await runsOf(hooks).putWebhook(
      keyOf(run),
      hook(fourth.url, { id: 'd', events: 'success', headers: { 'x-a': '1' } }),
    );
    await hooks.say({ status: 'running', question: 'buy?' });
    await runsOf(hooks).resume(keyOf(run), { ok: true });
    await hooks.say({ status: 'error', output: 'no' });
    await first.count(3);
    await second.count(3);
    await third.count(1);
    expect(first.received.map(({ body }) => body)).toEqual([
      { protocol: null, phase: 'interrupted', status: 'interrupted' },
      { protocol: null, phase: 'resuming', status: 'pending' },
      { protocol: null, phase: 'done', status: 'error' },
    ]);
    expect(second.received.map(({ body }) => body)).toEqual([
      { protocol: 'other', phase: 'interrupted', status: 'interrupted' },
      { protocol: 'other', phase: 'resuming', status: 'pending' },
      { protocol: 'other', phase: 'done', status: 'error' },
    ]);
    expect(
      third.received.map(({ body, headers }) => [body, headers.authorization, headers[token.header.toLowerCase()]]),
    ).toEqual([[{ protocol: 'acp-0.1', phase: 'done', status: 'error' }, 'Bearer secret-1', 'secret-2']]);
    for (const received of [...first.received, ...second.received, ...third.received]) hooks.verify(received);
    // Ids of deliveries differ from webhook to webhook.
    const ids = [first, second, third].flatMap(({ received }) => received.map(({ id }) => id));
    expect(new Set(ids).size).toBe(7);
    expect(fourth.received).toEqual([]);
  });

  test('a webhook that wants the progress of a run is called when the vendor has started it', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks({
      encodeRun: (run) => JSON.stringify({ status: run.status, phase: run.phase }),
    });
    const { run } = await runsOf(hooks).create({
      ...{ tenant, agent: undefined, request: { input: {} } },
      webhooks: [hook(receiver.url, { events: 'progress' })],
    });
    await hooks.rig.clock.advance(1000);
    await receiver.count(1);
    await hooks.say({ status: 'success', output: 'x' });
    const sent = await receiver.count(2);
    expect(sent.map(({ body }) => body)).toEqual([
      { status: 'pending', phase: 'running' },
      { status: 'success', phase: 'done' },
    ]);
    const [webhook, ...others] = await runsOf(hooks).webhooks(keyOf(run));
    expect(others).toEqual([]);
    expect(webhook).toMatchObject({
      url: receiver.url,
      events: 'progress',
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  test('a receiver that fails or stops its webhook holds back no other webhook of the run, even at the same host', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = ({ path }) => (path === '/gone' ? 410 : path === '/fails' ? 500 : 204);
    const run = await hooks.start(`http://${receiver.host}/fails`);
    for (const path of ['gone', 'well']) {
      await runsOf(hooks).putWebhook(keyOf(run), hook(`http://${receiver.host}/${path}`, { id: path }));
    }
    await hooks.say({ status: 'running', question: 'buy?' });
    await expect.poll(async () => (await hooks.owed(run)).filter(({ attempts }) => attempts > 0).length).toBe(3);
    await runsOf(hooks).resume(keyOf(run), { ok: true });
    await hooks.rig.clock.advance(100);
    await expect.poll(async () => (await hooks.owed(run)).filter(({ state }) => state === 'delivered').length).toBe(2);
    const states = (await hooks.owed(run)).map(({ webhook = 'default', state }) => `${webhook} ${state}`);
    expect(states.toSorted()).toEqual([
      ...['default waiting', 'default waiting', 'gone stopped', 'gone stopped', 'well delivered', 'well delivered'],
    ]);
  });

  test('the webhook that a request names is listed, replaced and removed like the others', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    const run = await hooks.start(receiver.url);
    const runs = runsOf(hooks);
    expect(await runs.webhooks(keyOf(run))).toEqual([
      { id: 'default', url: receiver.url, protocol: null, events: 'status' },
    ]);
    await runs.putWebhook(keyOf(run), hook(`http://${receiver.host}/b`, { id: 'b' }));
    await runs.putWebhook(keyOf(run), hook(`http://${receiver.host}/c`, { id: 'default', events: 'end' }));
    expect((await runs.webhooks(keyOf(run))).map(({ id, events }) => [id, events])).toEqual([
      ['default', 'end'],
      ['b', 'status'],
    ]);
    expect(await runs.removeWebhook(keyOf(run), 'default')).toBe(true);
    expect(await runs.removeWebhook(keyOf(run), 'default')).toBe(false);
    await hooks.say({ status: 'success', output: 'x' });
    await receiver.count(1);
    expect(receiver.received.map(({ path }) => path)).toEqual(['/b']);
    // A protocol shows what was asked for.
    expect((await hooks.rig.read(run)).request.webhook).toBe(receiver.url);
  });

  test('what a removed webhook is owed is not sent, and a new URL gets nothing that the former one was owed', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    receiver.plan = () => 503;
    const run = await hooks.start(receiver.url);
    const runs = runsOf(hooks);
    await runs.putWebhook(keyOf(run), hook(`http://${receiver.host}/old`, { id: 'b' }));
    hooks.rig.vendor.observeScript.splice(0, 9, { status: 'running', question: 'buy?' });
    await hooks.rig.clock.advance(2000);
    await hooks.tried(run, [1, 1]);
    await runs.removeWebhook(keyOf(run), 'default');
    const authentication = { scheme: 'Bearer', credentials: 'of the new one' };
    await runs.putWebhook(keyOf(run), hook(`http://${receiver.host}/new`, { id: 'b', authentication }));
    receiver.plan = () => 204;
    await hooks.rig.clock.advance(60_000);
    expect(await hooks.owed(run)).toEqual([]);
    await runs.resume(keyOf(run), { ok: true });
    await receiver.count(3);
    expect(receiver.received.map(({ path, headers }) => [path, headers.authorization]).toSorted()).toEqual([
      ['/hook', undefined],
      ['/new', 'Bearer of the new one'],
      ['/old', undefined],
    ]);
  });

  const moved = { id: 'default', url: 'https://b.test/', protocol: null, events: 'end' } as const;
  test.each([
    ['is gone', []],
    ['has another URL', [moved]],
  ])(
    'a delivery whose webhook %s, as where the process died over the change, is given up at once',
    async (_, webhooks) => {
      await using receiver = await Receiver.open();
      await using hooks = await openHooks();
      receiver.plan = () => 503;
      const run = await hooks.start(receiver.url);
      hooks.rig.vendor.observeScript.splice(0, 9, { status: 'running', question: 'buy?' });
      await hooks.rig.clock.advance(2000);
      await hooks.tried(run, [1]);
      const stored = await hooks.rig.store.find(keyOf(run));
      if (stored === null) throw new Error('the run is gone');
      const changed = { ...stored, webhooks, version: stored.version + 1 };
      await hooks.rig.store.update({ run: changed, expectedVersion: stored.version, events: [] });
      await hooks.rig.clock.advance(5000);
      const [delivery] = await hooks.tried(run, [2]);
      expect(delivery).toMatchObject({ state: 'failed', failure: 'its webhook was removed' });
      expect(receiver.received).toHaveLength(1);
    },
  );

  test('a webhook that is added to a run that has ended is kept and called for nothing', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    const run = await hooks.rig.create();
    await hooks.say({ status: 'success', output: 'x' });
    const before = await hooks.rig.read(run);
    expect(before.phase).toBe('done');
    await runsOf(hooks).putWebhook(keyOf(run), hook(receiver.url, { id: 'late' }));
    await hooks.rig.clock.advance(10_000);
    expect((await runsOf(hooks).webhooks(keyOf(run))).map(({ id }) => id)).toEqual(['late']);
    const after = await hooks.rig.read(run);
    expect(after.updatedAtMs).toBe(before.updatedAtMs);
    expect(await hooks.owed(run)).toEqual([]);
    expect(receiver.received).toEqual([]);
    expect(await runsOf(hooks).removeWebhook(keyOf(run), 'late')).toBe(true);
  });

  test('webhooks that are added at the same time are all kept, also while the run goes on', async () => {
    await using receiver = await Receiver.open();
    await using hooks = await openHooks();
    const run = await hooks.start(receiver.url);
    const adding = Array.from({ length: 10 }, (_, n) =>
      runsOf(hooks).putWebhook(keyOf(run), hook(`http://${receiver.host}/${n}`, { id: `${n}`, events: 'end' })),
    );
    await Promise.all([...adding, hooks.say({ status: 'running', output: 'part' })]);
    expect((await runsOf(hooks).webhooks(keyOf(run))).map(({ id }) => id).toSorted()).toEqual(
      ['default', ...Array.from({ length: 10 }, (_, n) => `${n}`)].toSorted(),
    );
    await hooks.say({ status: 'success', output: 'x' });
    await receiver.count(11);
  });

  const refused: readonly (readonly [string, Partial<NewRunWebhook>, RegExp])[] = [
    ['a URL of another scheme', { url: 'ftp://a.test/' }, /url must be an http/],
    ['an empty id', { id: '' }, /id must have 1 to 256/],
    ['a header of the body', { headers: { 'Content-Length': '3' } }, /headers must not have such a name/],
    ['a header with a line feed', { headers: { a: 'b\nc' } }, /headers must be visible/],
    ['a token with a line feed', { token: { header: 'a', value: 'b\r\nc: d' } }, /headers must be visible/],
    [
      'a token under the name of the host',
      { token: { header: 'HOST', value: 'b' } },
      /headers must not have such a name/,
    ],
    [
      'credentials that are too long',
      { authentication: { scheme: 'a', credentials: 'b'.repeat(20_000) } },
      /at most 16384/,
    ],
  ];
  test.each(refused)('a webhook with %s is refused', async (_, difference, message) => {
    await using hooks = await openHooks();
    const run = await hooks.rig.create();
    const put = runsOf(hooks).putWebhook(keyOf(run), hook('https://a.test/', difference));
    await expect(put).rejects.toThrow(message);
    expect(await runsOf(hooks).webhooks(keyOf(run))).toEqual([]);
  });

  test('a run has at most sixteen webhooks, and none of another tenant has them', async () => {
    await using hooks = await openHooks();
    const run = await hooks.rig.create();
    for (let n = 0; n < 16; n += 1) await runsOf(hooks).putWebhook(keyOf(run), hook('https://a.test/', { id: `${n}` }));
    await expect(runsOf(hooks).putWebhook(keyOf(run), hook('https://a.test/'))).rejects.toThrow('more than 16');
    await runsOf(hooks).putWebhook(keyOf(run), hook('https://b.test/', { id: '3' }));
    const foreign = { ...keyOf(run), tenant: 'other' };
    await expect(runsOf(hooks).webhooks(foreign)).rejects.toThrow('no such run');
    await expect(runsOf(hooks).putWebhook(foreign, hook('https://a.test/'))).rejects.toThrow('no such run');
    await expect(runsOf(hooks).removeWebhook(foreign, '3')).rejects.toThrow('no such run');
    expect(await runsOf(hooks).webhooks(keyOf(run))).toHaveLength(16);
  });
});

const started = await startPostgres();
const reason = started instanceof PostgresServer ? null : started.unavailable;

describe.skipIf(reason !== null)(`webhooks over replicas${reason === null ? '' : ` (${reason})`}`, () => {
  const server = started as PostgresServer;
  afterAll(async () => {
    if (reason === null) await server.destroy();
  });

  test('a webhook that one replica adds to a run that another drives gets what the other writes', async () => {
    await using receiver = await Receiver.open();
    const storeUrl = await server.createDatabase();
    await using hooks = await openHooks({ rig: { storeUrl } });
    const other = await openRig({ storeUrl, clock: hooks.rig.clock });
    const run = await hooks.rig.create();
    await expect.poll(async () => (await hooks.rig.read(run)).phase, poll).toBe('running');
    await other.engine.api.runs.putWebhook(keyOf(run), hook(receiver.url, { id: 'b' }));
    expect((await hooks.rig.engine.api.runs.webhooks(keyOf(run))).map(({ id }) => id)).toEqual(['b']);
    hooks.rig.vendor.observeScript.splice(0, 9, { status: 'success', output: 'x' });
    await expect
      .poll(async () => {
        await hooks.rig.clock.advance(1000);
        return receiver.statuses;
      }, poll)
      .toEqual(['success']);
    await other.close();
  });
});
