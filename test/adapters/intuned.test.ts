import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { intuned } from '../../adapters/intuned/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, startVendor, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf, testAdapter } from './adapter-contract.ts';

const apiKey = 'intuned-key-1234567890';
const settings = { workspaceId: 'work space/1', apiKey };
const runId = 'V1StGXR8_Z5jdHi6B-myT';

describe('the contract', () => {
  testAdapter({
    adapter: intuned,
    settings,
    secret: apiKey,
    target: { project: 'shop #1', api: 'prices/scrape', saveTrace: false, retry: { maximumAttempts: 2 } },
    input: { url: 'https://shop.example/?q=ä' },
    config: { requestTimeout: 30, retry: { maximumAttempts: 5 }, unknown: true },
    start: {
      wire: {
        method: 'POST',
        path: '/work%20space%2F1/projects/shop%20%231/run/start',
        headers: { 'x-api-key': apiKey, accept: 'application/json' },
        body: {
          api: 'prices/scrape',
          parameters: { url: 'https://shop.example/?q=ä' },
          retry: { maximumAttempts: 5 },
          requestTimeout: 30,
          saveTrace: false,
        },
      },
      answer: [201, { runId, status: 'pending' }],
      upstream: { runId },
    },
    observe: {
      wire: {
        method: 'GET',
        path: `/work%20space%2F1/projects/shop%20%231/run/${runId}/result`,
        headers: { 'x-api-key': apiKey },
        body: undefined,
      },
      answer: { runId, status: 'completed', result: [1, null, 'ü'], extendedPayloads: [], new_field: {} },
      status: 'completed',
    },
    errorBodies: [{ message: 'no such thing' }, { error: { message: 'no such thing' } }, { error: 'no such thing' }],
  });
});

describe('the contract of a job', () => {
  const jobRunId = '0199f0c0-0000-7000-8000-000000000001';
  const path = '/work%20space%2F1/projects/shop%20%231/jobs/nightly%2Fprices';
  testAdapter({
    adapter: intuned,
    settings,
    secret: apiKey,
    target: { project: 'shop #1', job: 'nightly/prices' },
    input: {},
    config: { unknown: true },
    start: {
      wire: { method: 'POST', path: `${path}/trigger`, headers: { 'x-api-key': apiKey }, body: undefined },
      answer: [200, { jobRunId, message: 'triggered' }],
      upstream: { runId: jobRunId },
    },
    observe: {
      wire: { method: 'GET', path: `${path}/runs/${jobRunId}`, headers: { 'x-api-key': apiKey }, body: undefined },
      answer: { jobRun: { id: jobRunId, status: 'PENDING', payloads: null }, results: null },
      status: 'PENDING',
    },
    namesRuns: false,
    errorBodies: [{ code: 'not-found', category: 'user', message: 'no such thing', retirable: false }],
  });
});

describe('the contract of a web task', () => {
  const webTaskId = '0199f0c0-0000-7000-8000-000000000002';
  testAdapter({
    adapter: intuned,
    settings,
    secret: apiKey,
    target: { webTask: { task: 'Read the prices', startUrl: 'https://shop.example', model: 'haiku' } },
    input: { page: 2 },
    config: { webTask: { model: 'opus', outputSchema: { type: 'array' } } },
    start: {
      wire: {
        method: 'POST',
        path: '/work%20space%2F1/web-tasks/start',
        headers: { 'x-api-key': apiKey },
        body: {
          task: 'Read the prices',
          parameters: { page: 2 },
          startUrl: 'https://shop.example',
          model: 'opus',
          outputSchema: { type: 'array' },
        },
      },
      answer: [200, { webTaskId, status: 'pending' }],
      upstream: { runId: webTaskId },
    },
    observe: {
      wire: {
        method: 'GET',
        path: `/work%20space%2F1/web-tasks/${webTaskId}/result`,
        headers: { 'x-api-key': apiKey },
        body: undefined,
      },
      answer: { webTaskId, status: 'completed', outcome: 'failed', cost: {} },
      status: 'completed',
    },
    namesRuns: false,
    errorBodies: [{ code: 'not-found', category: 'user', message: 'no such thing', retirable: false }],
  });
});

describe('run options', () => {
  let vendor: Vendor;
  let upstream: Upstream;
  let connection: Connection;

  beforeEach(async () => {
    vendor = await startVendor(answer(201, { runId, status: 'pending' }));
    upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url });
    connection = intuned.connect(
      intuned.settings.parse({ workspaceId: 'w', apiKey }),
      upstream.client,
      createExpressionCompiler(),
    );
  });
  afterEach(async () => {
    await vendor.stop();
    await upstream.close();
  });

  function start(target: JsonObject, config: JsonObject, input: Json = {}) {
    const request = {
      target: intuned.target.parse({ project: 'p', api: 'a', ...target }),
      input,
      config,
      runId: 'run-1',
    };
    return connection.start(request);
  }

  async function sentBy(target: JsonObject, config: JsonObject): Promise<unknown> {
    await start(target, config);
    return JSON.parse(vendor.received[0]?.body ?? '');
  }

  const every = {
    retry: { maximumAttempts: 3 },
    requestTimeout: 60,
    proxy: 'http://user:password@proxy.example:3128',
    saveTrace: true,
    authSession: { id: 'session', autoRecreate: true, checkAttempts: 2, createAttempts: 1, later: 1 },
    sink: { type: 'webhook', url: 'https://hook.example/', headers: { a: 'b' }, skipOnFail: true, apisToSend: ['a'] },
  };

  test('all of them come from the target', async () => {
    expect(await sentBy(every, {})).toStrictEqual({ api: 'a', parameters: {}, ...every });
  });

  test('all of them come from the config', async () => {
    expect(await sentBy({}, every)).toStrictEqual({ api: 'a', parameters: {}, ...every });
  });

  test('all of them come from configurable', async () => {
    expect(await sentBy({}, { configurable: every })).toStrictEqual({ api: 'a', parameters: {}, ...every });
  });

  test('the config goes before configurable, and that before the target, each option as a whole', async () => {
    const body = await sentBy(
      { requestTimeout: 1, saveTrace: true, authSession: { id: 'of-target', autoRecreate: true } },
      { requestTimeout: 3, configurable: { requestTimeout: 2, authSession: { runtimeInput: { user: 'x' } } } },
    );
    expect(body).toStrictEqual({
      api: 'a',
      parameters: {},
      requestTimeout: 3,
      saveTrace: true,
      authSession: { runtimeInput: { user: 'x' } },
    });
  });

  test('null is the same as left out', async () => {
    expect(await sentBy({ saveTrace: false }, { saveTrace: null, proxy: null, configurable: null })).toStrictEqual({
      api: 'a',
      parameters: {},
      saveTrace: false,
    });
  });

  test.each<JsonObject>([
    { retry: 3 },
    { requestTimeout: '60' },
    { proxy: {} },
    { saveTrace: 'no' },
    { authSession: 'id' },
    { authSession: {} },
    { authSession: { runtimeInput: 'robot' } },
    { authSession: { runtimeInput: ['robot'] } },
    { authSession: { id: 'a', proxy: { server: 'http://proxy.example' } } },
    { authSession: { id: 'a', requestTimeout: '60' } },
    { sink: { type: 'webhook' } },
    { sink: { type: 'webhook', url: '' } },
    { sink: { type: 's3', bucket: 'b', region: 'r', accessKeyId: 'i' } },
    { webTask: { startUrl: 7 } },
  ])('a wrong type is refused: %j', async (config) => {
    expect(intuned.runConfig.safeParse(config).success).toBe(false);
    expect(intuned.runConfig.safeParse({ configurable: config }).success).toBe(false);
    const fault = await faultOf(start({}, config));
    expect(fault.consequence).toBe('rejected');
    expect(fault.message).toContain(Object.keys(config)[0]);
    expect(vendor.received).toEqual([]);
  });

  test.each([
    ['a job', { project: 'p', job: 'j' }, {}, { proxy: 'http://proxy.example' }, 'proxy, which a job'],
    ['a job', { project: 'p', job: 'j' }, {}, { configurable: { saveTrace: true } }, 'saveTrace, which a job'],
    ['a job', { project: 'p', job: 'j' }, { a: 1 }, {}, 'takes no input'],
    ['a job', { project: 'p', job: 'j' }, 'text', {}, 'takes no input'],
    ['a web task', { webTask: { task: 't' } }, {}, { retry: {} }, 'retry, which a web task'],
    ['a web task', { webTask: {} }, {}, {}, 'the input is no task'],
    ['a web task', { webTask: {} }, { task: '' }, {}, 'the input is no task'],
    ['a web task', { webTask: {} }, null, {}, 'the input is no task'],
  ] as const)('%s refuses what it has no use for: %j, %j, %j', async (_kind, target, input, config, words) => {
    const request = { target: intuned.target.parse(target), input: input as Json, config, runId: 'run-1' };
    const fault = await faultOf(connection.start(request));
    expect(fault.consequence).toBe('rejected');
    expect(fault.message).toContain(words);
    expect(vendor.accepted).toBe(0);
  });

  test.each([
    [{ task: 't' }, 'text', { task: 't', parameters: { input: 'text' } }],
    [{ task: 't' }, { a: 1 }, { task: 't', parameters: { a: 1 } }],
    [{ task: 't', reuseKey: null }, {}, { task: 't', parameters: {} }],
    [{}, 'Read the prices', { task: 'Read the prices' }],
    [{}, { task: 'Read', page: 2 }, { task: 'Read', parameters: { page: 2 } }],
    [{ reuseKey: 'k' }, { task: 'Read' }, { task: 'Read', reuseKey: 'k' }],
  ])('a web task with the target %j and the input %j sends %j', async (webTask, input, sent) => {
    vendor.reply = answer(200, { webTaskId: 'w1', status: 'pending' });
    const request = { target: intuned.target.parse({ webTask }), input, config: {}, runId: 'run-1' };
    expect(await connection.start(request)).toEqual({ upstream: { runId: 'w1' } });
    expect(JSON.parse(vendor.received[0]?.body ?? '')).toStrictEqual(sent);
  });

  test.each([
    [{ project: 'p', job: 'j' }, { jobRun: { id: 'other', status: 'SUCCESS' } }],
    [{ webTask: {} }, { webTaskId: 'other', status: 'completed' }],
  ])('an observation of %j that names another run is refused', async (target, body) => {
    vendor.reply = answer(200, body);
    const { signal } = new AbortController();
    const fault = await faultOf(connection.observe(intuned.target.parse(target), { runId: 'mine' }, signal));
    expect(fault).toMatchObject({ consequence: 'retry', kind: 'malformed' });
    expect(fault.message).toContain('other');
  });

  test.each([
    [200, null],
    [404, 'gone'],
    [409, 'rejected'],
    [500, 'retry'],
  ])('the run of a job is terminated, and the answer %i means %s', async (status, consequence) => {
    vendor.reply = answer(status, { message: 'as the vendor says' });
    const stop = connection.cancel?.(intuned.target.parse({ project: 'p', job: 'j' }), { runId: 'r1' });
    if (stop === undefined) throw new Error('no cancel');
    if (consequence === null) expect(await stop).toBeUndefined();
    else expect(await faultOf(stop)).toMatchObject({ consequence, message: 'as the vendor says' });
    expect(vendor.received).toMatchObject([
      { method: 'POST', path: '/w/projects/p/jobs/j/runs/r1/terminate', body: '' },
    ]);
  });

  test.each([{ project: 'p', api: 'a' }, { webTask: {} }])('%j cannot be cancelled', async (target) => {
    const stop = connection.cancel?.(intuned.target.parse(target), { runId: 'r1' });
    if (stop === undefined) throw new Error('no cancel');
    expect((await faultOf(stop)).consequence).toBe('rejected');
    expect(vendor.accepted).toBe(0);
  });

  test.each([
    [409, { code: 'auth-session-already-in-use', message: 'in use' }, 'retry'],
    [423, { code: 'auth-session-already-in-use', message: 'in use' }, 'retry'],
    [400, { error: { code: 'auth-session-already-in-use', message: 'in use' } }, 'retry'],
    [409, { code: 'conflict', message: 'in use' }, 'rejected'],
    [409, { code: 'auth-session-not-ready', message: 'in use' }, 'rejected'],
    [500, { code: 'auth-session-already-in-use', message: 'in use' }, 'unknown'],
  ])('a start that is answered %i with %j is %s', async (status, body, consequence) => {
    vendor.reply = answer(status, body, { 'retry-after': '3' });
    expect(await faultOf(start({}, {}))).toMatchObject({ consequence, message: 'in use', httpStatus: status });
  });

  test.each([['text'], [null], [[1]], [7]])(
    'an input that is no object is the parameter "input": %j',
    async (input) => {
      await start({}, {}, input);
      expect(JSON.parse(vendor.received[0]?.body ?? '')).toMatchObject({ parameters: { input } });
    },
  );
});

describe('the URLs in the config of a run', () => {
  const inside = 'http://10.0.0.1:8080/';
  test.each<readonly [JsonObject, readonly string[]]>([
    [{ proxy: inside }, ['proxy!']],
    [{ proxy: '10.0.0.1:8080' }, ['proxy!']],
    [{ authSession: { id: 'a', proxy: inside } }, ['authSession/proxy!']],
    [{ configurable: { authSession: { id: 'a', proxy: inside } } }, ['configurable/authSession/proxy!']],
    [{ authSession: { id: 'a', later: { proxies: [{ at: inside }] } } }, ['authSession/later/proxies/0/at']],
    [{ authSession: { id: 'a', ownProxy: { host: inside } } }, ['authSession/ownProxy/host!']],
    [{ sink: { type: 'webhook', url: inside } }, ['sink/url']],
    [
      { sink: { type: 'webhook', url: 'https://a.example', fallbackUrls: [inside] } },
      ['sink/url', 'sink/fallbackUrls/0'],
    ],
    [{ sink: { type: 'later', endpoint: 'minio.internal' } }, ['sink/endpoint']],
    [{ sink: { type: 'later', to: { bucket: 'S3://minio.internal' } } }, ['sink/to/bucket']],
    [{ retry: { maximumAttempts: 1, notify: 'http:10.0.0.1' } }, ['retry/notify']],
    [{ webTask: { startUrl: '10.0.0.1' } }, ['webTask/startUrl']],
    [{ configurable: { webTask: { startUrl: inside } } }, ['configurable/webTask/startUrl']],
    // Data to the vendor, as an input is.
    [{ authSession: { runtimeInput: { login: inside } } }, []],
    [{ webTask: { outputSchema: { $schema: inside } } }, []],
    [{ sink: { type: 'later', headers: { referer: inside } } }, []],
    // Nothing that the adapter sends.
    [{ mine: inside, configurable: { mine: inside } }, []],
  ])('%j are found at %j', (config, places) => {
    const found = intuned.urlsOf?.(config) ?? [];
    expect(found.map(({ path, isProxy }) => `${path}${isProxy ? '!' : ''}`)).toEqual(places);
  });
});

describe('the config', () => {
  test.each([
    { workspaceId: 'w' },
    { workspaceId: '', apiKey },
    { workspaceId: '..', apiKey },
    { workspaceId: 'w', apiKey: 'line\nbreak' },
    { workspaceId: 'w', apiKey, apikey: 'x' },
  ])('settings %j are refused', (wrong) => {
    expect(intuned.settings.safeParse(wrong).success).toBe(false);
  });

  test.each([
    { project: 'p' },
    { project: '.', api: 'a' },
    { project: 'p', api: '' },
    { project: 'p', api: 'a', x: 1 },
    { project: 'p', api: 'a', job: 'j' },
    { project: 'p', api: 'a', webTask: { task: 't' } },
    { api: 'a' },
    { job: 'j' },
    { project: 'p', job: '..' },
    { project: 'p', job: 'j', saveTrace: true },
    { project: 'p', webTask: { task: 't' } },
    { webTask: { task: '' } },
    { webTask: { task: 't', startURL: 'https://a.example' } },
    { webTask: { task: 't' }, proxy: 'http://proxy.example' },
    {},
  ])('the target %j is refused', (wrong) => {
    expect(intuned.target.safeParse(wrong).success).toBe(false);
  });

  test.each([
    [{ project: 'p', api: 'a' }, 'intuned', { cancel: false, push: true, adopt: 'push' }],
    [{ project: 'p', job: 'j' }, 'intuned-job', { cancel: true, push: false, adopt: 'none' }],
    [{ webTask: {} }, 'intuned-web-task', { cancel: false, push: false, adopt: 'none' }],
  ])('the target %j has the mapping %s and can %j', (given, mapping, able) => {
    const target = intuned.target.parse(given);
    expect(intuned.mappingOf?.(target)).toBe(mapping);
    const capabilities = { ...intuned.capabilities, ...intuned.capabilitiesOf?.(target) };
    expect(capabilities).toEqual({ resume: false, session: false, ...able });
  });
});
