import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTemporal, type TemporalServer } from '../../src/sandbox/temporal/temporal-server.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { askOver, probes } from '../adapters/temporal-contract.ts';
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
