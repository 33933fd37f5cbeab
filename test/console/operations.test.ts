import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adapters } from '../../adapters/index.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { ask, openAuthSite } from '../access/auth-site.ts';
import { noBrowser, openBrowser, openPage } from './browser.ts';

// Skipped where there is no Chromium; CI installs one.
describe.skipIf(noBrowser !== null)('the operations in Chromium', { timeout: 90_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });

  /** A gateway with the sandbox's sample config, from a file. */
  async function openSample() {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-console-'));
    const file = join(folder, 'rungate.yaml');
    const sandbox = await startSandbox();
    const sample = sampleConfig(sandbox).replace('port: 8080', 'port: 0').replace('./data/', `${folder}/`);
    writeFileSync(file, sample);
    const load = () => loadConfig(file, {}, adapters);
    const config = await load();
    const log = createLog({ level: 'warn', secrets: config.secrets, destination: { write: () => {} } });
    const gateway = await startGateway(config, log, { read: load });
    return {
      url: gateway.url,
      edit: (from: string, to: string) => writeFileSync(file, readFileSync(file, 'utf8').replace(from, to)),
      admin: async (path: string) => (await ask(gateway.url, null, 'GET', `/admin/v1${path}`)).body as JsonObject,
      [Symbol.asyncDispose]: async () => {
        await gateway.stop();
        await sandbox.close();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }

  test('a backend is paused with a reason, which all pages show, and resumed', async () => {
    await using site = await openAuthSite();
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console/backends`);
    const card = page.locator('[data-backend="intuned"]');
    await card.getByRole('button', { name: 'Pause' }).click();
    await page.getByLabel('Why?').fill('it costs too much');
    await page.getByRole('button', { name: 'Pause it' }).click();
    await card.getByText('“it costs too much”').waitFor();
    const { body } = await ask(site.url, null, 'GET', '/admin/v1/stops');
    expect(body).toMatchObject({ stops: [{ kind: 'backend', name: 'intuned', reason: 'it costs too much' }] });
    await page.keyboard.press('1');
    await page.getByText('backend intuned starts nothing').waitFor();
    await page.keyboard.press('4');
    await page.getByText('it costs too much').waitFor();
    await page.keyboard.press('3');
    await card.getByRole('button', { name: 'Resume' }).click();
    await card.getByText('ok').waitFor();
    await card.getByRole('button', { name: 'Probe' }).click();
    await page.getByText('The next call to intuned goes at once.').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  test('a reload that is refused says why and changes nothing; one that is right is in force', async () => {
    await using site = await openSample();
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console/config`);
    const hash = page.locator('[data-hash]');
    const before = await hash.textContent();
    site.edit('description: Answers with its input.', 'description: Says what it is told.');
    await page.getByRole('button', { name: 'Check the file' }).click();
    await page.getByText('It would be taken, with 1 change.').waitFor();
    await page.getByText('agents.echo.description').waitFor();
    site.edit('backend: restack-sandbox', 'backend: restack-sandbx');
    await page.getByRole('button', { name: 'Reload', exact: true }).click();
    await page.getByText('✕ Refused; the old config stays in force.').waitFor();
    await page.locator('pre.problem').getByText('restack-sandbx').first().waitFor();
    expect(await hash.textContent()).toBe(before);
    site.edit('backend: restack-sandbx', 'backend: restack-sandbox');
    await page.getByRole('button', { name: 'Reload', exact: true }).click();
    await page.getByText('Reloaded.').waitFor();
    await expect.poll(() => hash.textContent()).not.toBe(before);
    const history = page.locator('[data-history] tbody tr');
    await expect.poll(() => history.count()).toBe(3);
    expect(await history.nth(0).textContent()).toMatch(
      new RegExp(`applied.*the operator .*${before} → ${await hash.textContent()}`),
    );
    expect(await history.nth(1).textContent()).toMatch(/refused.*the operator .*restack-sandbx/s);
    expect(await history.nth(2).textContent()).toMatch(/started.*the start of the process/);
    await page.keyboard.press('6');
    await page.getByText('Says what it is told.').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  test('the page of queues shows what caps have used and when a full one has room again, and follows a reload of them', async () => {
    await using site = await openSample();
    const { page, faults } = await openPage(browser);
    const create = async () => (await ask(site.url, null, 'POST', '/runs', { agent_id: 'echo', input: {} })).status;
    const reload = async () => {
      const { body } = await ask(site.url, null, 'POST', '/admin/v1/config:reload');
      expect(body).toMatchObject({ applied: true });
    };
    const row = (limit: string) => page.locator('tr', { hasText: 'agent echo' }).filter({ hasText: limit });
    const cellsOf = async (limit: string) => await row(limit).locator('td').allTextContents();
    await page.goto(`${site.url}/console/queues`);
    await page.getByText('● live').waitFor();
    expect(await page.getByRole('heading', { name: 'Caps' }).count()).toBe(0);
    site.edit('agents:\n', 'caps: [{ agent: echo, runsPerHour: 2, runsPerDay: 40 }]\nagents:\n');
    await reload();
    await row('runs an hour').waitFor();
    expect(await cellsOf('runs an hour')).toEqual(['agent echo', 'runs an hour', '0', '2', '']);
    expect([await create(), await create(), await create()]).toEqual([200, 200, 429]);
    await page.reload();
    await row('runs an hour').getByText('no room; again in').waitFor();
    expect((await cellsOf('runs an hour')).slice(0, 4)).toEqual(['agent echo', 'runs an hour', '2', '2']);
    expect(await cellsOf('runs a day')).toEqual(['agent echo', 'runs a day', '2', '40', '']);
    site.edit('runsPerHour: 2', 'runsPerHour: 3');
    await reload();
    await expect.poll(() => cellsOf('runs an hour')).toEqual(['agent echo', 'runs an hour', '2', '3', '']);
    expect([await create(), await create()]).toEqual([200, 429]);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("an agent is run from a form of its schema, and its question is answered from the interrupt's", async () => {
    await using site = await openSample();
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console/agents/approval`);
    await page.getByLabel('question').fill('Really?');
    expect(await page.locator('[data-curl]').textContent()).toContain('{"input":{"question":"Really?"}}');
    await page.getByRole('button', { name: 'Run it' }).click();
    await page.getByRole('button', { name: 'Show the question and answer it' }).click();
    await page.getByText('Really?').first().waitFor();
    await page.getByLabel('approved').check();
    await page.getByRole('button', { name: 'Answer', exact: true }).click();
    await page.getByText('It ended well').waitFor();
    const { runs } = (await site.admin('/runs?agent=approval')) as { readonly runs: readonly JsonObject[] };
    const run = await site.admin(`/runs/${runs[0]?.run_id}?reveal=output`);
    expect(run).toMatchObject({ status: 'success', output: { value: { approved: true } } });
    expect(faults).toEqual([]);
    await page.close();
  });

  test('a mapping is edited in the workbench, which shows what it makes of an answer before a reload', async () => {
    await using site = await openSample();
    await ask(site.url, null, 'POST', '/runs', { agent_id: 'support', input: { message: 'Where is it?' } });
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console/agents/support`);
    const bench = page.locator('[data-workbench]');
    const mapped = bench.locator('[data-mapped]');
    await bench.getByLabel('status').fill('completed');
    await bench.getByLabel('raw').fill('{"status":"completed","output":{"response":"On its way."}}');
    await bench.getByRole('button', { name: 'Try it' }).click();
    await mapped.getByText('"reply": "On its way."').waitFor();
    await bench.getByLabel('Parts').fill('{"output": "output.{ \'text\': response & \'!\' }"}');
    await bench.getByRole('button', { name: 'Try it' }).click();
    await mapped.getByText('"text": "On its way.!"').waitFor();
    await bench.getByLabel('Parts').fill('{"output": "output.{"}');
    await bench.getByRole('button', { name: 'Try it' }).click();
    await mapped.locator('pre.problem').getByText('output').waitFor();
    await bench.getByLabel('Parts').fill('{"output": ');
    await bench.getByText('The mapping is not JSON').waitFor();
    expect(await bench.getByRole('button', { name: 'Try it' }).isDisabled()).toBe(true);
    expect(faults).toEqual([]);
    await page.close();
  });

  test('every page is shown on a phone without a fault, and none is wider than the screen', async () => {
    await using site = await openSample();
    await ask(site.url, null, 'POST', '/runs', { agent_id: 'echo', input: {} });
    const { page, faults } = await openPage(browser, { viewport: { width: 390, height: 800 } });
    for (const name of ['now', 'runs', 'backends', 'queues', 'webhooks', 'agents', 'replicas', 'config']) {
      await page.goto(`${site.url}/console/${name}`);
      await page.getByText('● live').waitFor();
      await page.locator('main section').first().waitFor();
      const width = await page.evaluate('document.documentElement.scrollWidth');
      expect([name, width]).toEqual([name, 390]);
    }
    await page.goto(`${site.url}/console/replicas`);
    await page.getByText('takes runs').waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });
});
