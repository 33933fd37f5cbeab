import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { adapters } from '../../adapters/index.ts';
import { listKeys } from '../../schema/generate/config-page.ts';
import { describeConfig } from '../../src/config/config.ts';
import { describeParts } from '../../src/config/config-parts.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import { authority, clientMaterial } from '../upstream/tls-material.ts';
import { findOffKeys, uncomment } from './uncomment.ts';

const file = fileURLToPath(new URL('../../rungate.example.yaml', import.meta.url));
const text = await readFile(file, 'utf8');
const env = { INTUNED_WORKSPACE_ID: 'ws-1', INTUNED_API_KEY: 'in-secret-1', RESTACK_API_BEARER_TOKEN: 're-secret-1' };
/** For the keys that are commented out. */
const fullEnv = {
  ...env,
  RUNGATE_KEY_SHA256: 'a'.repeat(64),
  RUNGATE_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  ACME_INTUNED_API_KEY: 'in-secret-2',
  PROXY_PASSWORD: 'proxy-secret-1',
  MCP_API_KEY: 'mcp-secret-1',
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: authority,
  TEMPORAL_TLS_CLIENT_CERT_DATA: clientMaterial.cert,
  TEMPORAL_TLS_CLIENT_KEY_DATA: clientMaterial.key,
};
const offKeys = findOffKeys(text);

async function check(yaml: string): Promise<void> {
  await parseConfig(yaml, { file, env: fullEnv, registry: adapters });
}

describe('rungate.example.yaml', () => {
  test('the example is accepted as it stands', async () => {
    const config = await loadConfig(file, env, adapters);
    expect(describeConfig(config)).toMatchObject({
      defaultAgent: 'price-scraper',
      backends: {
        'intuned-main': { adapter: 'intuned', settings: { workspaceId: 'ws-1', apiKey: '[redacted]' } },
        'restack-main': { adapter: 'restack', baseUrl: 'http://localhost:6233', settings: { token: '[redacted]' } },
      },
      agents: [
        {
          name: 'price-scraper',
          timeoutMs: 900_000,
          target: { project: 'shop', api: 'scrape-prices', retry: { maximumAttempts: 2 } },
          capabilities: { resume: false },
          interrupts: false,
        },
        { name: 'nightly-prices', target: { job: 'nightly-prices' }, capabilities: { cancel: true } },
        { name: 'price-reader', capabilities: { cancel: false } },
        { name: 'support', capabilities: { resume: true }, interrupts: true },
        { name: 'chat', target: { agent: 'ChatAgent', mode: 'thread' }, capabilities: { session: true } },
        { name: 'fulfil-order', target: { workflow: 'OrderFulfillmentWorkflow' }, interrupts: false },
        { name: 'dify-agent', target: { app: 'workflow' } },
        { name: 'agentcore-agent', capabilities: { cancel: true } },
        { name: 'mcp-agent', target: { tool: 'research' } },
        { name: 'temporal-agent', target: { workflow: 'Greet' } },
      ],
    });
    expect(config.secrets).toEqual(expect.arrayContaining(['in-secret-1', 're-secret-1']));
    const [scraper] = config.agents;
    expect(scraper?.checkInput({})).toEqual({ path: 'input/url', message: 'is required' });
  });

  test('the example reads port and host from the environment', async () => {
    const outside = { ...env, RUNGATE_HOST: '0.0.0.0', RUNGATE_PORT: '0' };
    await expect(loadConfig(file, outside, adapters)).rejects.toThrow(/server\.host: lets other machines in/);
    const open = text.replace(/^auth:$/m, 'auth: none');
    const config = await parseConfig(open, { file, env: outside, registry: adapters });
    expect(config.server).toMatchObject({ host: '0.0.0.0', port: 0 });
    expect(config.auth).toBe('none');
  });

  test('the example names every variable that it needs', async () => {
    const refused = loadConfig(file, {}, adapters);
    await expect(refused).rejects.toThrow(/has 2 problems/);
    await expect(refused).rejects.toThrow(/backends\.intuned-main\.workspaceId: .*INTUNED_WORKSPACE_ID/);
    await expect(refused).rejects.toThrow(/backends\.intuned-main\.apiKey: .*INTUNED_API_KEY/);
  });

  test.each(offKeys.map((key) => ({ ...key, key, line: key.first + 1 })))(
    'the example is accepted with the key $name of line $line uncommented',
    async ({ key, name }) => {
      const changed = uncomment(text, [key]);
      expect(countKeys(changed, name)).toBe(countKeys(text, name) + 1);
      await check(changed);
    },
  );

  test('the example is accepted with every key uncommented', async () => {
    await check(uncomment(text, offKeys));
  });

  test('the example with every key uncommented has every key of the config', () => {
    const shown = new Set(pathsOf(parseYaml(uncomment(text, offKeys)) as Json, ''));
    const missing = listKeys(describeParts(adapters)).filter((key) => !shown.has(key));
    expect(missing).toEqual([]);
    // Without the keys behind a #, most are not there: the comparison sees what it compares.
    expect(new Set(pathsOf(parseYaml(text) as Json, '')).size).toBeLessThan(shown.size - offKeys.length + 1);
  });

  test('a key behind a # shows the default of the key where it has one', async () => {
    const before = await parseConfig(text, { file, env: fullEnv, registry: adapters });
    const sections = ['limits', 'pacing', 'retention', 'replicas', 'log'] as const;
    const keys = offKeys.filter(({ first }) => /^(limits|pacing|retention|replicas|log):$/m.test(sectionAt(first)));
    expect(keys.length).toBeGreaterThan(18);
    const after = await parseConfig(uncomment(text, keys), { file, env: fullEnv, registry: adapters });
    for (const section of sections) expect(after[section]).toEqual(before[section]);
  });
});

/** How often a key stands in the text outside of comments. */
function countKeys(yaml: string, name: string): number {
  return [...yaml.matchAll(new RegExp(`^ *(- )?${name}:`, 'gm'))].length;
}

function sectionAt(line: number): string {
  return (
    text
      .split('\n')
      .slice(0, line)
      .findLast((each) => /^\w+:/.test(each)) ?? ''
  );
}

/** Paths as docs/config.md writes them: `agents[].name`, and `backends.NAME` for whatever name. */
function pathsOf(value: Json, path: string): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => pathsOf(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => {
    const place = path === '' ? key : `${path}.${path === 'backends' ? 'NAME' : key}`;
    return [place, ...pathsOf(member, place)];
  });
}
