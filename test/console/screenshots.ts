import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { ask } from '../access/auth-site.ts';
import { openBrowser } from './browser.ts';

// `npm run screenshots` writes the pictures of docs/operate/console.md: a gateway over the sandbox with something to see.

const folder = resolve(import.meta.dirname, '../../docs/operate/console');
mkdirSync(folder, { recursive: true });
const place = mkdtempSync(join(tmpdir(), 'rungate-screenshots-'));
const sandbox = await startSandbox();
const text = sampleConfig(sandbox).replace('port: 8080', 'port: 0').replace('./data/', `${place}/`);
const config = await parseConfig(text, { file: join(place, 'rungate.yaml'), env: {}, registry: adapters });
const log = createLog({ level: 'error', secrets: config.secrets, destination: process.stderr });
const gateway = await startGateway(config, log);

async function create(agent: string, input: Json): Promise<string> {
  const { body } = await ask(gateway.url, null, 'POST', '/runs', { agent_id: agent, input });
  return String((body as JsonObject).run_id);
}

for (let count = 0; count < 8; count += 1) await create('echo', { count });
await create('support', { message: 'Where is my order?' });
const failed = await create('fail', { message: 'The page did not load.', code: 'ERR_PAGE' });
for (let count = 0; count < 3; count += 1) await create('scrape', { url: 'https://shop.example/kettles', seconds: 60 });
await create('approval', { question: 'Shall I place the order?' });
const stop = { reason: 'the vendor asked for an hour' };
await ask(gateway.url, null, 'POST', '/admin/v1/backends/openai-sandbox/pause', stop);
// Long enough for the sandbox to end what ends.
await wait(3000);

const browser = await openBrowser();
const pages = { now: '', runs: '/runs?live=true', run: `/runs/${failed}`, agent: '/agents/scrape' };
for (const colorScheme of ['light', 'dark'] as const) {
  const page = await browser.newPage({ colorScheme, viewport: { width: 1080, height: 660 } });
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(`${gateway.url}/console${path}`);
    await page.getByText('● live').waitFor();
    await page.locator('main section').first().waitFor();
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`) });
  }
  await page.close();
}
await browser.close();
await gateway.stop();
await sandbox.close();
rmSync(place, { recursive: true, force: true });
