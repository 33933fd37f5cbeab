import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { adapters } from '../../adapters/index.ts';
import { describeConfig } from '../../src/config/config.ts';
import { loadConfig, parseConfig } from '../../src/config/load.ts';

const file = fileURLToPath(new URL('../../rungate.example.yaml', import.meta.url));
const env = { INTUNED_WORKSPACE_ID: 'ws-1', INTUNED_API_KEY: 'in-secret-1', RESTACK_API_BEARER_TOKEN: 're-secret-1' };

describe('rungate.example.yaml', () => {
  test('is taken', async () => {
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
        { name: 'support', capabilities: { resume: true }, interrupts: true },
        { name: 'fulfil-order', target: { workflow: 'OrderFulfillmentWorkflow' }, interrupts: false },
      ],
    });
    expect(config.secrets).toEqual(['in-secret-1', 're-secret-1']);
    const [scraper] = config.agents;
    expect(scraper?.checkInput({})).toEqual({ path: 'input/url', message: 'is required' });
  });

  test('reads port and host from the environment', async () => {
    const outside = { ...env, RUNGATE_HOST: '0.0.0.0', RUNGATE_PORT: '0' };
    await expect(loadConfig(file, outside, adapters)).rejects.toThrow(/server\.host: lets other machines in/);
    const text = `${await readFile(file, 'utf8')}\nauth: none\n`;
    const config = await parseConfig(text, { file, env: outside, registry: adapters });
    expect(config.server).toMatchObject({ host: '0.0.0.0', port: 0 });
  });

  test('says which variables it needs', async () => {
    const refused = loadConfig(file, {}, adapters);
    await expect(refused).rejects.toThrow(/has 2 problems/);
    await expect(refused).rejects.toThrow(/backends\.intuned-main\.workspaceId: .*INTUNED_WORKSPACE_ID/);
    await expect(refused).rejects.toThrow(/backends\.intuned-main\.apiKey: .*INTUNED_API_KEY/);
  });

  test('shows the real defaults in its comments', async () => {
    const text = await readFile(file, 'utf8');
    const bare = await loadConfig(file, env, adapters);
    // Every commented line of the form `key: value` is put in force, and must change nothing.
    const active = text.replaceAll(/^( *)# ( *\w+:(?: +[\w.-]+)?)( +#.*)?$/gm, '$1$2');
    expect(active.match(/^ *(drainSeconds|floorMs|days|level|maxConnections): \w+/gm)).toHaveLength(6);
    const full = await parseConfig(active, { file, env, registry: adapters });
    expect(describeConfig(full)).toEqual(describeConfig(bare));
  });
});
