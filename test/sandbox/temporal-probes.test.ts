import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTemporal, type TemporalServer } from '../../src/sandbox/temporal/temporal-server.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { askOver, probes } from '../adapters/temporal-contract.ts';
import { connectTemporal, runProbes } from '../adapters/temporal-runs.ts';
import { upstreamOptions } from '../upstream/upstream-options.ts';

let server: TemporalServer;
let upstream: Upstream;
beforeAll(async () => {
  server = await startTemporal({ holdMs: 300 });
  upstream = connectUpstream({ ...upstreamOptions, baseUrl: server.grpcUrl });
});
afterAll(async () => {
  await upstream.close();
  await server.close();
});

test.each(probes)('the stand-in of Temporal answers as Temporal does: $name', async ({ run, expected }) => {
  expect(await run({ ask: askOver(upstream), makeId: randomUUID })).toEqual(expected);
});

describe.each(['grpc', 'http'] as const)('over %s', (transport) => {
  test.each(runProbes)('$name', async ({ run, expected }) => {
    const own = connectUpstream({
      ...upstreamOptions,
      baseUrl: transport === 'grpc' ? server.grpcUrl : server.httpUrl,
    });
    expect(await run(connectTemporal(own, transport)).finally(own.close)).toEqual(expected);
  });
});
