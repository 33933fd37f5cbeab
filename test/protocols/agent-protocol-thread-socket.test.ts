import { describe, expect, test } from 'vitest';
import { type ClientOptions, type RawData, WebSocket } from 'ws';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { isJsonObject } from '../../src/json/json-object.ts';
import { type AuthSite, keyOf, openAuthSite } from '../access/auth-site.ts';
import { Bell } from '../gateway/bell.ts';
import { objectIn, stringIn } from '../gateway/protocols.ts';
import { openProtocols } from './protocol-sites.ts';
import { threadId as scriptedThread } from './scripted-threads.ts';

const base = '/agent-protocol/threads';
const absent = '0193b3a0-6b7c-7d2e-8f00-00000000dead';
const [ours, theirs] = [keyOf('ours', { tenant: 'ours' }), keyOf('theirs', { tenant: 'theirs' })];
const bearer = (key: string): ClientOptions => ({ headers: { authorization: `Bearer ${key}` } });

const open = (more: JsonObject = {}): Promise<AuthSite> =>
  openAuthSite({ sections: { auth: { keys: [ours.entry, theirs.entry] }, ...more } });

async function openThread(site: AuthSite): Promise<string> {
  return stringIn((await site.ask(ours.key, 'POST', base, {})).body, 'thread_id');
}

/** A client that keeps every message. */
class Talk {
  readonly received: JsonObject[] = [];
  closed: number | null = null;
  readonly webSocket: WebSocket;
  readonly #bell = new Bell();
  #lastId = 0;

  constructor(webSocket: WebSocket) {
    this.webSocket = webSocket;
    webSocket.on('message', (data: RawData) => {
      this.received.push(objectIn(JSON.parse(data.toString()) as Json));
      this.#bell.ring();
    });
    webSocket.on('error', () => {});
    webSocket.on('close', (code) => {
      this.closed = code;
      this.#bell.ring();
    });
  }

  static async open(url: string, threadId: string, options: ClientOptions = bearer(ours.key)): Promise<Talk> {
    const talk = new Talk(new WebSocket(addressOf(url, threadId), options));
    await new Promise((resolve, reject) => talk.webSocket.once('open', resolve).once('error', reject));
    return talk;
  }

  /** The answer to a command. */
  async ask(method: string, params: Json = {}): Promise<JsonObject> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.webSocket.send(JSON.stringify({ id, method, params }));
    return await this.find((each) => each.id === id);
  }

  async find(holds: (received: JsonObject) => boolean): Promise<JsonObject> {
    return await this.#bell.until(() => this.received.find(holds));
  }

  async until(holds: () => boolean): Promise<void> {
    await this.#bell.until(holds);
  }

  events(): readonly JsonObject[] {
    return this.received.filter(({ type }) => type === 'event');
  }
}

const addressOf = (url: string, threadId: string) => `${url.replace('http', 'ws')}${base}/${threadId}/stream`;

/** The answer over HTTP to who is not let in. */
async function refusal(url: string, threadId: string, options: ClientOptions) {
  const webSocket = new WebSocket(addressOf(url, threadId), options);
  webSocket.on('error', () => {});
  return await new Promise<{ readonly status: number | undefined; readonly body: Json; readonly headers: JsonObject }>(
    (resolve, reject) => {
      webSocket.once('open', () => reject(new Error('was let in')));
      webSocket.once('unexpected-response', (_, answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        answer.once('end', () =>
          resolve({
            status: answer.statusCode,
            body: JSON.parse(text) as Json,
            headers: answer.headers as unknown as JsonObject,
          }),
        );
      });
    },
  );
}

const resultOf = ({ result }: JsonObject): JsonObject => objectIn(result);
const stateOf = ({ params }: JsonObject): Json => objectIn(objectIn(params).data).event ?? null;
const lifecycle = (events: readonly JsonObject[]) => events.map(stateOf);

describe('a WebSocket of a thread', () => {
  test('a socket carries commands and the events of its subscriptions until they are cancelled', async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const talk = await Talk.open(site.url, threadId);
    const { subscription_id } = resultOf(await talk.ask('subscription.subscribe', { channels: ['lifecycle'] }));
    const first = await talk.ask('run.start', { agent_id: 'echo', input: { n: 1 } });
    expect(first).toEqual({ type: 'success', id: 2, result: { run_id: expect.any(String) } });
    await talk.find((each) => each.type === 'event' && stateOf(each) === 'completed');
    expect(lifecycle(talk.events())).toEqual(['started', 'running', 'completed']);
    expect(talk.events().map(({ params }) => objectIn(params).run_id)).toEqual(Array(3).fill(resultOf(first).run_id));
    expect(await talk.ask('state.get')).toMatchObject({ result: { values: { n: 1 } } });
    expect((await talk.ask('subscription.unsubscribe', { subscription_id: subscription_id ?? null })).result).toEqual(
      {},
    );
    const again = await talk.ask('subscription.unsubscribe', { subscription_id: subscription_id ?? null });
    expect(again).toMatchObject({ type: 'error', error: 'no_such_subscription' });
    const { run_id } = resultOf(await talk.ask('run.start', { agent_id: 'echo', input: {} }));
    await site.ask(ours.key, 'GET', `/agent-protocol/runs/${String(run_id)}/wait`);
    await talk.ask('state.get');
    expect(talk.events()).toHaveLength(3);
    talk.webSocket.close();
    await talk.until(() => talk.closed !== null);
  });

  test('another socket continues the subscriptions of a closed one by their ids, after a restart too', async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const talk = await Talk.open(site.url, threadId);
    const { subscription_id } = resultOf(await talk.ask('subscription.subscribe', { channels: ['lifecycle'] }));
    await talk.ask('run.start', { agent_id: 'approval', input: { question: 'now?' } });
    await talk.find((each) => each.type === 'event' && stateOf(each) === 'interrupted');
    const before = talk.events();
    await site.restart();
    await talk.until(() => talk.closed !== null);
    expect(talk.closed).toBe(1001);

    const next = await Talk.open(site.url, threadId);
    const at = { subscriptions: [subscription_id ?? null], last_event_id: before[0]?.eventId ?? null };
    expect(await next.ask('subscription.reconnect', at)).toMatchObject({ result: { restored: true } });
    await next.until(() => next.events().length === 2);
    expect(next.events()).toEqual(before.slice(1));
    expect(await next.ask('input.respond', { response: { approved: true } })).toMatchObject({ type: 'success' });
    await next.find((each) => each.type === 'event' && stateOf(each) === 'completed');
    const beginning = { subscriptions: [subscription_id ?? null], last_event_id: '-1' };
    const count = next.events().length;
    expect(await next.ask('subscription.reconnect', beginning)).toMatchObject({ result: { restored: true } });
    await next.until(() => next.events().length >= count + before.length);
    expect(next.events().slice(count, count + before.length)).toEqual(before);
    const wrong = await next.ask('subscription.reconnect', { subscriptions: ['x.y'] });
    expect(wrong).toMatchObject({ error: 'no_such_subscription' });
    next.webSocket.terminate();
  });

  test('a socket closes when its thread is removed', async () => {
    await using site = await open();
    const threadId = await openThread(site);
    const talk = await Talk.open(site.url, threadId);
    await talk.ask('subscription.subscribe', { channels: ['values'] });
    expect((await site.ask(ours.key, 'DELETE', `${base}/${threadId}`)).status).toBe(204);
    await talk.until(() => talk.closed !== null);
    expect(talk.closed).toBe(1000);
  });

  test('a socket answers a malformed command with an error, and closes on a message that is too large', async () => {
    await using site = await open({ limits: { maxBodyBytes: 5000 } });
    const talk = await Talk.open(site.url, await openThread(site));
    for (const [sent, error] of [
      ['{', 'malformed_json'],
      ['{"__proto__": 1}', 'malformed_json'],
      ['['.repeat(200) + ']'.repeat(200), 'invalid_argument'],
      ['7', 'invalid_argument'],
      ['{"method": "state.get"}', 'invalid_argument'],
    ] as const) {
      const { length } = talk.received;
      talk.webSocket.send(sent);
      await talk.until(() => talk.received.length > length);
      expect([sent, talk.received.at(-1)]).toMatchObject([sent, { type: 'error', id: null, error }]);
    }
    expect(await talk.ask('input.inject')).toMatchObject({ error: 'not_supported' });
    expect(await talk.ask('subscription.subscribe', { channels: [] })).toMatchObject({ error: 'invalid_argument' });
    talk.webSocket.send('x'.repeat(5001));
    await talk.until(() => talk.closed !== null);
    expect(talk.closed).toBe(1009);
  });

  test('a socket has a bounded number of subscriptions', async () => {
    await using site = await open();
    const talk = await Talk.open(site.url, await openThread(site));
    const answers = await Promise.all(
      Array.from({ length: 33 }, () => talk.ask('subscription.subscribe', { channels: ['values'] })),
    );
    expect(answers.map(({ type }) => type)).toEqual([...Array(32).fill('success'), 'error']);
    talk.webSocket.terminate();
  });
});

describe('access to WebSockets', () => {
  test('opening a socket is authorized like any request, and refused over HTTP', async () => {
    await using site = await open();
    const threadId = await openThread(site);
    expect(await refusal(site.url, threadId, {})).toMatchObject({
      status: 401,
      body: { code: 'unauthorized' },
      headers: { 'www-authenticate': expect.any(String), 'x-request-id': expect.any(String) },
    });
    const foreign = await refusal(site.url, threadId, bearer(theirs.key));
    const missing = await refusal(site.url, absent, bearer(theirs.key));
    expect([foreign.status, foreign.body]).toEqual([404, missing.body]);
    expect(await refusal(site.url, 'x', bearer(ours.key))).toMatchObject({ status: 422 });
    const plain = await site.ask(ours.key, 'GET', `${base}/${threadId}/stream`);
    expect([plain.status, plain.body]).toMatchObject([422, { code: 'invalid_request' }]);
  });

  test('a socket counts as an open stream until it is closed', async () => {
    const one = keyOf('one', { tenant: 'ours', limits: { streams: 1 } });
    await using site = await open({ auth: { keys: [ours.entry, one.entry] } });
    const threadId = await openThread(site);
    // Who was refused for another reason has no place.
    await refusal(site.url, absent, bearer(one.key));
    const talk = await Talk.open(site.url, threadId, bearer(one.key));
    expect(await refusal(site.url, threadId, bearer(one.key))).toMatchObject({
      status: 429,
      body: { code: 'too_many_streams' },
    });
    talk.webSocket.close();
    await talk.until(() => talk.closed !== null);
    const next = await Talk.open(site.url, threadId, bearer(one.key));
    next.webSocket.terminate();
  });

  test('a command above the requests per second is answered with an error', async () => {
    const one = keyOf('one', { tenant: 'ours', limits: { requestsPerSecond: 3 } });
    await using site = await open({ auth: { keys: [ours.entry, one.entry] } });
    const talk = await Talk.open(site.url, await openThread(site), bearer(one.key));
    const answers = await Promise.all(Array.from({ length: 12 }, () => talk.ask('state.get')));
    expect(answers.map(({ error }) => error)).toContain('rate_limited');
    talk.webSocket.terminate();
  });

  test.each([
    [[], 'https://page.test', false],
    [['https://page.test'], 'https://page.test', true],
    [['https://page.test'], 'https://other.test', false],
    [['*'], 'https://other.test', true],
  ] as const)('pages: of %j, %s is %s', async (origins, origin, isIn) => {
    await using site = await openProtocols({ origins });
    if (isIn) {
      const talk = await Talk.open(site.url, scriptedThread, { origin });
      talk.webSocket.terminate();
    } else {
      expect(await refusal(site.url, scriptedThread, { origin })).toMatchObject({
        status: 403,
        body: { code: 'origin_forbidden' },
      });
    }
  });

  test('a socket that answers no ping is cut off', async () => {
    await using site = await openProtocols({ heartbeatMs: 20 });
    const [mute, lively] = [
      await Talk.open(site.url, scriptedThread, { autoPong: false }),
      await Talk.open(site.url, scriptedThread, {}),
    ];
    await mute.until(() => mute.closed !== null);
    expect([mute.closed, lively.closed]).toEqual([1006, null]);
    expect(isJsonObject(await lively.ask('state.get'))).toBe(true);
    lively.webSocket.terminate();
  });
});

test('upgrades to other protocols are ignored, and other paths answer as usual', async () => {
  await using site = await openProtocols();
  const h2c = await site.raw(
    'GET /acp/v0.2/agents/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
  );
  expect(await h2c.ended).toMatch(/^HTTP\/1\.1 404 /);
  const elsewhere = await site.raw(
    'GET /acp/v0.2/agents/x HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  );
  expect(await elsewhere.ended).toMatch(/^HTTP\/1\.1 404 /);
  const broken = await site.raw(
    `GET ${base}/${scriptedThread}/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
  );
  expect(await broken.ended).toMatch(/^HTTP\/1\.1 400 /);
  expect(site.app.openStreams).toBe(0);
});
