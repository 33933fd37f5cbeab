import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { agentcore } from '../../adapters/agentcore/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, cutShort, hangUp, type Reply, silence, startVendor, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf } from './adapter-contract.ts';
import { signatureOf } from './aws-signature.ts';

const arn = 'arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/support-AbCdEf1234';
const path = '/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aeu-central-1%3A123456789012%3Aruntime%2Fsupport-AbCdEf1234';
const keys = { region: 'eu-central-1', accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret-key-of-the-test' };
const runId = '0199c5a0-0000-7000-8000-000000000001';
const sessionHeader = 'x-amzn-bedrock-agentcore-runtime-session-id';

let vendor: Vendor;
let upstream: Upstream;

beforeEach(async () => {
  vendor = await startVendor(answer(200, { answer: 42 }, { [sessionHeader]: runId }));
});
afterEach(async () => {
  await vendor.stop();
  await upstream.close();
});

function connect(settings: JsonObject = keys): Connection {
  const parsed = agentcore.settings.parse(settings);
  const secrets = agentcore.secretsOf(parsed);
  upstream = connectUpstream({ ...upstreamOptions, timeoutMs: 500, secrets, baseUrl: vendor.url });
  return agentcore.connect(parsed, upstream.client, createExpressionCompiler());
}

const targetOf = (target: JsonObject = {}) =>
  agentcore.target.parse({ agentRuntimeArn: arn, maxSeconds: 1, ...target });

function start(target: JsonObject = {}, connection = connect()) {
  return connection.start({ target: targetOf(target), input: { prompt: 'why?' }, config: {}, runId });
}

function stream(events: readonly Json[]): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
  };
}

const ended = (status: string, raw: Json) => ({ upstream: null, observation: { status, raw } });

test('an invocation carries the payload, and the id of the run as that of its session', async () => {
  expect(await start({ qualifier: 'PROD 1', userId: 'user-7' })).toEqual(
    ended('completed', { response: { answer: 42 }, sessionId: runId }),
  );
  expect(vendor.received).toMatchObject([
    {
      method: 'POST',
      path: `${path}/invocations?qualifier=PROD+1`,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        [sessionHeader]: runId,
        'x-amzn-bedrock-agentcore-runtime-user-id': 'user-7',
      },
      body: '{"prompt":"why?"}',
    },
  ]);
});

test('an id that is too short for a session is made longer', async () => {
  await connect().start({ target: targetOf(), input: 1, config: {}, runId: 'run-1' });
  expect(vendor.received[0]?.headers[sessionHeader]).toBe('run-1----------------------------');
});

describe('the answer of an agent', () => {
  test.each<[string, Reply, string, Json]>([
    ['is JSON', answer(200, [1]), 'completed', { response: [1] }],
    ['is null', answer(200, 'null', { 'content-type': 'application/json' }), 'completed', { response: null }],
    ['is a text', answer(200, 'because', { 'content-type': 'text/plain' }), 'completed', { response: 'because' }],
    ['is empty', answer(200, ''), 'completed', { response: null }],
    ['is a stream', stream(['be', 'cause', { done: true }]), 'completed', { events: ['be', 'cause', { done: true }] }],
    [
      'is a stream that ends with a failure',
      stream(['be', { error: 'no such tool', error_type: 'KeyError', message: 'An error occurred during streaming' }]),
      'failed',
      {
        events: [
          'be',
          { error: 'no such tool', error_type: 'KeyError', message: 'An error occurred during streaming' },
        ],
        error: { error: 'no such tool', error_type: 'KeyError', message: 'An error occurred during streaming' },
      },
    ],
    [
      'is a 424 of the vendor',
      answer(424, { message: 'Received error (500) from runtime.' }),
      'failed',
      {
        error: {
          error_type: 'RuntimeClientError',
          error: 'Received error (500) from runtime.',
          answer: { message: 'Received error (500) from runtime.' },
        },
      },
    ],
  ])('an answer of an agent that %s ends the run', async (_, reply, status, raw) => {
    vendor.reply = reply;
    expect(await start()).toEqual(ended(status, raw));
  });
});

test.each<[string, Reply, string, number | null]>([
  ['400', answer(400, { message: 'no such thing' }), 'rejected', null],
  ['402 for a quota', answer(402, { message: 'too many sessions' }), 'retry', null],
  ['403', answer(403, { message: 'no' }), 'rejected', null],
  ['404', answer(404, { message: 'no agent' }), 'rejected', null],
  ['409 for a session that changes', answer(409, { message: 'again' }), 'retry', null],
  ['429', answer(429, { message: 'slower' }), 'retry', null],
  ['429 with Retry-After', answer(429, {}, { 'retry-after': '7' }), 'retry', 7000],
  ['500', answer(500, { message: 'ours' }), 'unknown', null],
  ['502', answer(502, '<html></html>'), 'unknown', null],
  ['503 of a proxy', answer(503, '<html></html>'), 'unknown', null],
  ['cut', cutShort(200), 'unknown', null],
  ['hung up', hangUp, 'unknown', null],
  ['not JSON', answer(200, '<html></html>'), 'unknown', null],
  ['not there in time', silence, 'unknown', null],
])(
  'an invocation whose answer is %s means what the table says, and is sent once',
  async (_, reply, consequence, retryAfterMs) => {
    vendor.reply = reply;
    expect(await faultOf(start())).toMatchObject({ consequence, retryAfterMs });
    expect(vendor.received).toHaveLength(1);
  },
);

test('an invocation has as much time as its target says, in addition to that of the backend', async () => {
  vendor.reply = (response) => {
    setTimeout(() => response.writeHead(200, { 'content-type': 'application/json' }).end('1'), 900);
  };
  expect(await start({ maxSeconds: 2 })).toMatchObject({ upstream: null });
});

test('a cancel stops the session of the run', async () => {
  const connection = connect();
  const ref = connection.adoption?.refOf?.(targetOf(), runId);
  await connection.cancel?.(targetOf({ qualifier: 'PROD' }), ref ?? { runId: '' });
  expect(vendor.received).toMatchObject([
    {
      method: 'POST',
      path: `${path}/stopruntimesession?qualifier=PROD`,
      headers: { [sessionHeader]: runId },
      body: `{"clientToken":"${runId}"}`,
    },
  ]);
});

test.each([
  [404, 'gone'],
  [409, 'rejected'],
  [500, 'retry'],
])('a cancel that is answered %i is %s', async (status, consequence) => {
  vendor.reply = answer(status, {});
  expect(await faultOf(connect().cancel?.(targetOf(), { runId }) as Promise<void>)).toMatchObject({ consequence });
});

describe('credentials', () => {
  test.each(['', 'a-session-token'])(
    'an access key signs the request that arrives, with the session token %j',
    async (sessionToken) => {
      await start({ qualifier: 'PROD' }, connect({ ...keys, sessionToken }));
      const [received] = vendor.received;
      if (received === undefined) throw new Error('nothing was sent');
      expect(received.headers.authorization).toMatch(
        new RegExp(`Signature=${signatureOf(received, { ...keys, service: 'bedrock-agentcore' })}$`),
      );
      expect(received.headers.authorization).toContain(sessionHeader);
      expect(received.headers['x-amz-security-token']).toBe(sessionToken === '' ? undefined : sessionToken);
    },
  );

  test('a bearer token is sent as it is', async () => {
    await start({}, connect({ bearerToken: 'a.jwt.token' }));
    expect(vendor.received[0]?.headers.authorization).toBe('Bearer a.jwt.token');
  });

  test('a token is fetched for the invocation, by the credentials of the client', async () => {
    let fetched = 0;
    vendor.reply = (response, received) => {
      if (received.path === '/token') return answer(200, { access_token: `t-${++fetched}` })(response, received);
      const isGood = received.headers.authorization === 'Bearer t-1';
      return answer(isGood ? 200 : 401, {})(response, received);
    };
    const oauth2 = {
      tokenUrl: `${vendor.url}/token`,
      clientId: 'us',
      clientSecret: 'the-client-secret',
      scope: 'agents',
    };
    await start({}, connect({ oauth2 }));
    expect(vendor.received.map(({ path: sent }) => sent)).toEqual(['/token', `${path}/invocations`]);
    expect(vendor.received[0]?.body).toBe(
      'grant_type=client_credentials&client_id=us&client_secret=the-client-secret&scope=agents',
    );
  });

  test.each([
    {},
    { region: 'eu-central-1' },
    { ...keys, bearerToken: 'x' },
    { accessKeyId: 'x', bearerToken: 'y' },
    { ...keys, regio: 'x' },
  ])('the settings %j are refused', (wrong) => {
    upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url });
    expect(agentcore.settings.safeParse(wrong).success).toBe(false);
  });

  test('every secret of the settings is known', () => {
    upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url });
    const secretsOf = (settings: JsonObject) => agentcore.secretsOf(agentcore.settings.parse(settings));
    expect(secretsOf({ ...keys, sessionToken: 'temporary' })).toEqual([keys.secretAccessKey, 'temporary']);
    expect(secretsOf({ bearerToken: 'a.jwt.token' })).toEqual(['a.jwt.token']);
  });
});
