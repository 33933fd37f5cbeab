import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, ask, keyOf, openAuthSite } from '../access/auth-site.ts';
import { noBrowser, openBrowser, openPage } from './browser.ts';

const samples = [{ name: 'fail', backend: 'intuned', target: { project: 'samples', api: 'fail' } }];
const patience = { timeout: 20_000, interval: 50 };

// Skipped where there is no Chromium; CI installs one.
describe.skipIf(noBrowser !== null)('the console in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });

  const create = async (site: AuthSite, agent: string, input: JsonObject = {}, key: string | null = null) => {
    const { body } = await ask(site.url, key, 'POST', '/runs', { agent_id: agent, input });
    return String((body as JsonObject).run_id);
  };

  test('the first page shows a run as it is made and as it ends, without a reload, on a gateway without auth', async () => {
    await using site = await openAuthSite({ agents: samples });
    const { page, faults } = await openPage(browser);
    const loads: string[] = [];
    await page.goto(`${site.url}/`);
    await page.getByRole('link', { name: 'console' }).click();
    await page.getByText('● live').waitFor();
    await page.getByText('Nothing needs a person.').waitFor();
    await page.getByText('No run yet').waitFor();
    page.on('load', () => loads.push(page.url()));
    const runId = await create(site, 'scrape', { url: 'https://shop.example', delayMs: 1500 });
    const row = page.locator(`tr[data-id="${runId}"]`);
    await row.getByText('running').waitFor();
    await row.getByText('success').waitFor();
    expect(loads).toEqual([]);
    expect(faults).toEqual([]);
    await page.close();
  });

  test('buttons for newcomers make an echo, a failing run and one that asks', async () => {
    await using site = await openAuthSite({ agents: samples });
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console`);
    await page.getByRole('button', { name: 'Make an echo' }).click();
    await page.locator('tr[data-id]').getByText('success').waitFor();
    await page.getByRole('button', { name: 'Make a failing run' }).click();
    await page.waitForURL(/\/console\/runs\/[\da-f-]{36}$/);
    await page.goto(`${site.url}/console`);
    await page.getByRole('button', { name: 'Make a run that asks you' }).click();
    await page.waitForURL(/\/console\/runs\/[\da-f-]{36}$/);
    await page.goto(`${site.url}/console`);
    await page.locator('.needs li.interrupted').waitFor();
    const { body } = await ask(site.url, null, 'GET', '/admin/v1/runs');
    expect((body as { runs: JsonObject[] }).runs.map(({ agent }) => agent)).toEqual(['approval', 'fail', 'echo']);
    expect(faults).toEqual([]);
    await page.close();
  });

  test('a reader logs in with a key that has a role, and the log-out takes the session from the browser', async () => {
    const [ops, plain] = [keyOf('ops', { role: 'operator' }), keyOf('plain')];
    await using site = await openAuthSite({ sections: { auth: { keys: [ops.entry, plain.entry] } } });
    const { page } = await openPage(browser);
    await page.goto(`${site.url}/console`);
    const field = page.getByLabel('Key with the role');
    await field.fill('rungate_wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('a key or a token that the gateway knows is required').waitFor();
    await field.fill(plain.key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('it takes the role viewer or operator').waitFor();
    await field.fill(ops.key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('Nothing needs a person.').waitFor();
    const [cookie] = await page.context().cookies(`${site.url}/admin/v1/`);
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict', path: '/admin/v1' });
    expect(cookie?.value).not.toContain(ops.key);
    await page.getByText('● live').waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await field.waitFor();
    await page.reload();
    await field.waitFor();
    expect(await page.context().cookies(`${site.url}/admin/v1/`)).toEqual([]);
    await page.close();
    await vi.waitFor(() => expect(site.log()).not.toContain(ops.key), patience);
  });
});
