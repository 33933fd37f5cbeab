import { hashKey } from '../../src/access/key-ring.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { mappingAgents } from './attacks/poisoned-mappings.ts';
import { schemaAgents } from './attacks/poisoned-schemas.ts';

/** Clients of the siege, one tenant each. The first two are the others, from whom nothing may be taken. */
export const tenants = ['north', 'south', 'mallory', 'limited', 'cutter'] as const;
export type Tenant = (typeof tenants)[number];

export function keyOf(tenant: Tenant): string {
  return `rungate_siege-${tenant}`;
}

/** An agent whose vendor does what `api` says; see vendor.ts. */
function agentOf(name: string, api: string, more: JsonObject = {}): JsonObject {
  return { name, backend: 'calm', target: { project: 'siege', api }, timeoutSeconds: 60, ...more };
}

export const oddAnswers: readonly (readonly [status: number, retryAfter: string])[] = [
  [404, '120'],
  [500, '120'],
  [409, '3600'],
  [425, '86400'],
  [403, 'Fri, 31 Dec 2100 23:59:59 GMT'],
  [502, '999999999999'],
  [400, '-1'],
];

export function oddAgent(status: number, retryAfter: string): string {
  return `odd-${status}-${oddAnswers.findIndex(([, each]) => each === retryAfter)}`;
}

export type ConfigOptions = { readonly storeUrl: string; readonly vendorUrl: string };

/** The gateway of everybody: agents of the others and of the attacker, on accounts that they share. */
export function makeConfig({ storeUrl, vendorUrl }: ConfigOptions): Json {
  const account = {
    adapter: 'intuned',
    baseUrl: `${vendorUrl}/api/v1/workspace`,
    workspaceId: 'siege',
    apiKey: 'calm',
  };
  return {
    server: { host: '127.0.0.1', port: 0 },
    store: { url: storeUrl },
    log: { level: 'info' },
    auth: {
      keys: tenants.map((name) => ({
        name,
        tenant: name,
        sha256: hashKey(keyOf(name)),
        // Counted by a clock, which is stepped.
        limits: { requestsPerSecond: 5000 },
      })),
    },
    backends: {
      calm: account,
      // Pauses end soon, so that one attack does not spoil the next.
      shared: {
        ...account,
        maxPauseSeconds: 4,
        credentialsByTenant: Object.fromEntries(tenants.map((name) => [name, { apiKey: name }])),
      },
      probed: { ...account, apiKey: 'probed', maxPauseSeconds: 1 },
      desk: { adapter: 'restack', baseUrl: vendorUrl },
    },
    agents: [
      agentOf('quick', 'quick'),
      agentOf('shared', 'quick', { backend: 'shared' }),
      { name: 'desk', backend: 'desk', target: { agent: 'quick' }, timeoutSeconds: 60 },
      agentOf('patient', 'quick', { timeoutSeconds: 15 }),
      agentOf('big', 'big'),
      agentOf('probed', 'limited-once', { backend: 'probed' }),
      agentOf('essay-error', 'essay-error'),
      agentOf('essay-status', 'essay-status', { timeoutSeconds: 4 }),
      agentOf('essay-refusal', 'essay-refusal'),
      agentOf('essay-list', 'essay-list'),
      { name: 'shower', backend: 'desk', target: { agent: 'shower' }, timeoutSeconds: 60 },
      {
        name: 'asker',
        backend: 'desk',
        target: { agent: 'asker' },
        timeoutSeconds: 60,
        mapping: { interrupt: 'output.interrupt' },
        schemas: {
          interrupts: [
            {
              interrupt_type: 'approval',
              resume_payload: { type: 'object', properties: { s: { type: 'string', pattern: '^(a+)+$' } } },
            },
          ],
        },
      },
      ...oddAnswers.map(([status, retryAfter]) => agentOf(oddAgent(status, retryAfter), `odd ${status} ${retryAfter}`)),
      ...schemaAgents,
      ...mappingAgents,
    ],
  };
}

/** A gateway without `auth`, of which only this machine may run the agents. */
export function makeOpenConfig({ vendorUrl }: { readonly vendorUrl: string }): Json {
  return {
    server: { host: '127.0.0.1', port: 0 },
    store: { url: 'sqlite::memory:' },
    backends: {
      calm: { adapter: 'intuned', baseUrl: `${vendorUrl}/api/v1/workspace`, workspaceId: 'siege', apiKey: 'calm' },
    },
    agents: [{ name: 'quick', backend: 'calm', target: { project: 'open', api: 'quick' } }],
    defaultAgent: 'quick',
  };
}
