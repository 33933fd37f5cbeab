import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { Sandbox } from '../../src/sandbox/sandbox.ts';
import { openOverSandbox } from '../gateway/over-sandbox.ts';
import { fixtures } from './fixtures.ts';

/** The config of a gateway whose agents are the fixtures, but for its store. */
export function fixtureConfig({ restackUrl, intunedUrl }: Sandbox): JsonObject {
  return {
    server: { port: 0 },
    pacing: { floorMs: 5, watchedCeilingMs: 20, ceilingMs: 40 },
    log: { level: 'error' },
    backends: {
      // The stand-in knows a start again, so that one whose answer dies with the gateway is sent again.
      restack: { adapter: 'restack', baseUrl: restackUrl, idempotencyHeader: 'Idempotency-Key' },
      intuned: { adapter: 'intuned', baseUrl: intunedUrl, workspaceId: 'sandbox', apiKey: 'sandbox-key' },
    },
    agents: fixtures,
  };
}

/** A gateway in this process whose tools are the fixtures. */
export async function openFixtureGateway() {
  return await openOverSandbox((sandbox) =>
    JSON.stringify({ ...fixtureConfig(sandbox), store: { url: 'sqlite::memory:' } }),
  );
}
