// Creates a run, waits for it and reads its result in each protocol, with openapi-fetch and the types that
// openapi-typescript made. It is copied beside them, checked by the compiler and then run.
// usage: openapi-fetch.mjs GATEWAY_URL
// @ts-check

import assert from 'node:assert/strict';
import createClient from 'openapi-fetch';

const gateway = process.argv[2] ?? '';
const input = { text: 'hello' };

async function acpV01() {
  /** @type {import('openapi-fetch').Client<import('./acp_v01.d.ts').paths>} */
  const client = createClient({ baseUrl: `${gateway}/acp/v0.1` });
  const { data: run } = await client.POST('/runs', { body: { agent_id: 'echo', input } });
  assert(run !== undefined && run.status === 'pending');
  const path = { run_id: run.run_id };
  const { data: output } = await client.GET('/runs/{run_id}/output', {
    params: { path, query: { block_timeout: 20 } },
  });
  assert(output?.type === 'result');
  return output.result;
}

async function acpV02() {
  /** @type {import('openapi-fetch').Client<import('./acp_v02.d.ts').paths>} */
  const client = createClient({ baseUrl: `${gateway}/acp/v0.2` });
  const { data: run } = await client.POST('/runs', { body: { agent_id: 'echo', input } });
  assert(run !== undefined);
  const { data: waited } = await client.GET('/runs/{run_id}/wait', { params: { path: { run_id: run.run_id } } });
  assert(waited?.output?.type === 'result');
  return waited.output.values;
}

async function agentProtocol() {
  /** @type {import('openapi-fetch').Client<import('./agent_protocol.d.ts').paths>} */
  const client = createClient({ baseUrl: `${gateway}/agent-protocol` });
  const { data: run } = await client.POST('/runs', { body: { agent_id: 'echo', input } });
  assert(run !== undefined);
  const { data: waited } = await client.GET('/runs/{run_id}/wait', { params: { path: { run_id: run.run_id } } });
  return waited?.values;
}

for (const protocol of [acpV01, acpV02, agentProtocol]) {
  assert.deepEqual(await protocol(), input);
  process.stdout.write(`ok ${protocol.name}\n`);
}
