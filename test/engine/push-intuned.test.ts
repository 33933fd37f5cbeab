import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { intuned } from '../../adapters/intuned/adapter.ts';
import type { Connection } from '../../src/contract/adapter/adapter.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { createExpressionCompiler } from '../../src/mapping/expressions.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';
import { answer, startVendor, type Vendor } from '../upstream/vendor-server.ts';

const target = { project: 'shop', api: 'prices' };
const own = { type: 's3', bucket: 'mine', region: 'eu', accessKeyId: 'id-1', secretAccessKey: 'key-1' };

describe('the sink of an Intuned run', () => {
  let vendor: Vendor;
  let upstream: Upstream;
  let connection: Connection;

  beforeEach(async () => {
    vendor = await startVendor(answer(201, { runId: 'V1StGXR8_Z5jdHi6B-myT', status: 'pending' }));
    upstream = connectUpstream({ ...upstreamOptions, baseUrl: vendor.url });
    connection = intuned.connect(
      intuned.settings.parse({ workspaceId: 'w', apiKey: 'key-1' }),
      upstream.client,
      createExpressionCompiler(),
    );
  });
  afterEach(async () => {
    await upstream.close();
    await vendor.stop();
  });

  async function sentSink(sink: { readonly url: string } | undefined, config: JsonObject, more: JsonObject = {}) {
    const request = { target: { ...target, ...more }, input: {}, config, sink, runId: 'run-1' };
    await connection.start(request);
    return (JSON.parse(vendor.received.at(-1)?.body ?? '') as { sink?: unknown }).sink;
  }

  test('an Intuned run without a sink of its own gets ours', async () => {
    const ours = { url: 'https://runs.example/push/main/token' };
    expect(await sentSink(ours, {})).toEqual({ type: 'webhook', url: ours.url });
    expect(await sentSink(ours, { sink: null })).toEqual({ type: 'webhook', url: ours.url });
    expect(await sentSink(undefined, {})).toBeUndefined();
    expect(connection.ownsSink?.(target, {})).toBe(false);
  });

  test.each([
    ["the run's config", { sink: own }, {}],
    ["the run's configurable", { configurable: { sink: own } }, {}],
    ["the agent's target", {}, { sink: own }],
  ])('the sink of an Intuned run is left as %s has it', async (_name, config, more) => {
    expect(await sentSink({ url: 'https://runs.example/push/main/token' }, config, more)).toEqual(own);
    expect(connection.ownsSink?.({ ...target, ...more }, config)).toBe(true);
  });
});
