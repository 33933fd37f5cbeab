import { afterAll, beforeAll, expect, test } from 'vitest';
import { adapters } from '../../adapters/index.ts';
import type { Config } from '../../src/config/config.ts';
import { parseConfig } from '../../src/config/load.ts';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';

let sandbox: Sandbox;
let config: Config;
let gateway: Gateway;

beforeAll(async () => {
  sandbox = await startSandbox();
  const text = sampleConfig(sandbox)
    .replace('port: 8080', 'port: 0')
    .replace('sqlite:./data/rungate.db', 'sqlite::memory:');
  config = await parseConfig(text, { file: 'sample.yaml', env: {}, registry: adapters });
  gateway = await startGateway(config, createLog({ level: 'silent', secrets: [] }));
});

afterAll(async () => {
  await gateway.stop();
  await sandbox.close();
});

/** Waits for the end of a run, or until it asks. */
async function run(agent: string, input: unknown): Promise<unknown> {
  const response = await fetch(`${gateway.url}/acp/v0.2/runs/wait`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agent_id: agent, input }),
  });
  const { run, output } = (await response.json()) as {
    readonly run?: { readonly status: string };
    readonly output?: unknown;
  };
  return { status: run?.status, output };
}

test('every agent that npm start serves takes its example input, and ends as it should', async () => {
  const unlike: Readonly<Record<string, string>> = {
    fail: 'error',
    approval: 'interrupted',
    'sign-off': 'interrupted',
  };
  const ended = await Promise.all(
    config.agents.map(async ({ name, schemas }) => {
      const { examples } = schemas.input as { readonly examples: readonly unknown[] };
      return { name, ...((await run(name, examples[0])) as object) };
    }),
  );
  expect(ended).toEqual(
    config.agents.map(({ name }) => ({ name, status: unlike[name] ?? 'success', output: expect.anything() })),
  );
  const vendors = new Set(config.agents.map(({ backend }) => backend));
  expect(vendors.size).toBe(11);
  expect(sandbox.stats().starts).toBe(16);
});
