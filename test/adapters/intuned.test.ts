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
  ])('a wrong type is refused: %j', async (config) => {
    expect(intuned.runConfig.safeParse(config).success).toBe(false);
    expect(intuned.runConfig.safeParse({ configurable: config }).success).toBe(false);
    const fault = await faultOf(start({}, config));
    expect(fault.consequence).toBe('rejected');
    expect(fault.message).toContain(Object.keys(config)[0]);
    expect(vendor.received).toEqual([]);
  });

  test.each([['text'], [null], [[1]], [7]])(
    'an input that is no object is the parameter "input": %j',
    async (input) => {
      await start({}, {}, input);
      expect(JSON.parse(vendor.received[0]?.body ?? '')).toMatchObject({ parameters: { input } });
    },
  );
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
  ])('the target %j is refused', (wrong) => {
    expect(intuned.target.safeParse(wrong).success).toBe(false);
  });

  test('capabilities', () => {
    expect(intuned.capabilitiesOf).toBeUndefined();
    expect(intuned.capabilities).toEqual({ resume: false, cancel: false, push: true, session: false, adopt: 'push' });
  });
});
