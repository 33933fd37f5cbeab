import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type AuthSite, ask, openAuthSite } from '../access/auth-site.ts';
import { noBrowser, openBrowser, openPage } from './browser.ts';

const agents = [
  { name: 'fail', backend: 'intuned', target: { project: 'samples', api: 'fail' } },
  { name: 'hang', backend: 'intuned', target: { project: 'samples', api: 'hang' } },
];

// Skipped where there is no Chromium; CI installs one.
describe.skipIf(noBrowser !== null)('the runs in Chromium', { timeout: 90_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });

  const create = async (site: AuthSite, agent: string, input: JsonObject = {}) => {
    const { body } = await ask(site.url, null, 'POST', '/runs', { agent_id: agent, input });
    return String((body as JsonObject).run_id);
  };
  const admin = async (site: AuthSite, path: string) =>
    (await ask(site.url, null, 'GET', `/admin/v1${path}`)).body as JsonObject;

  test('a stuck run is found by its backend and its phase, and says what it waits for', async () => {
    await using site = await openAuthSite({ agents });
    await ask(site.url, null, 'POST', '/admin/v1/backends/intuned/pause', { reason: 'the vendor asked' });
    const stuck = await create(site, 'echo');
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console`);
    await page.getByText('backend intuned starts nothing').waitFor();
    await page.getByRole('link', { name: 'Show' }).click();
    await page.waitForURL(/\/console\/runs\?phase=queued$/);
    await page.getByLabel('backend').selectOption('intuned');
    await page.waitForURL(/phase=queued&backend=intuned$/);
    await page.locator(`tr[data-id="${stuck}"]`).waitFor();
    // By the keyboard alone.
    await page.getByLabel('backend').blur();
    await page.keyboard.press('j');
    await page.keyboard.press('Enter');
    await page.waitForURL(`**/console/runs/${stuck}`);
    await page.locator('[data-verdict]').getByText('It waits:').waitFor();
    expect(await page.locator('[data-verdict]').textContent()).toMatch(/stopped/);
    expect(faults).toEqual([]);
    await page.close();
  });

  test("a failed run says whose fault it was in the words of the vendor, links to the vendor's page, and shows its timeline", async () => {
    const backend = { consoleUrl: 'http://console.vendor.example/runs/{runId}?from=rungate' };
    await using site = await openAuthSite({ agents, backend });
    const failed = await create(site, 'fail', { message: 'The page did not load.', code: 'ERR_PAGE' });
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console/runs/${failed}`);
    const verdict = page.locator('[data-verdict]');
    await verdict.getByText('the vendor’s fault').waitFor();
    expect(await verdict.textContent()).toContain('The page did not load.');
    const link = page.locator('[data-vendor-page]');
    const { vendor_ids: ids } = (await admin(site, `/runs/${failed}`)) as { readonly vendor_ids: JsonObject };
    expect(await link.getAttribute('href')).toBe(`http://console.vendor.example/runs/${ids.runId}?from=rungate`);
    expect([await link.getAttribute('rel'), await link.getAttribute('target')]).toEqual([
      'noopener noreferrer',
      '_blank',
    ]);
    for (const kind of ['accepted', 'start', 'end']) await page.locator(`tr[data-kind="${kind}"]`).first().waitFor();
    // Payloads are hidden until they are asked for, and the log has who asked.
    expect(await page.locator('pre', { hasText: 'ERR_PAGE' }).count()).toBeLessThan(2);
    expect(site.log()).not.toContain('payloads shown');
    await page.getByRole('button', { name: 'Show the input' }).click();
    await page.getByRole('heading', { name: 'Input' }).waitFor();
    expect(site.log()).toContain('payloads shown');
    expect(faults).toEqual([]);
    await page.close();
  });

  test('a hundred runs are counted, then cancelled after a yes, and none before it', async () => {
    await using site = await openAuthSite({ agents });
    await Promise.all(Array.from({ length: 100 }, () => create(site, 'hang')));
    const other = await create(site, 'scrape', { url: 'https://shop.example', delayMs: 60_000 });
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console/runs?live=true&agent=hang`);
    await page.locator('[data-count="100"]').waitFor();
    const cancel = page.getByRole('button', { name: 'Cancel all that match' });
    await cancel.click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('heading', { name: 'Cancel 100 runs?' }).waitFor();
    await dialog.getByRole('button', { name: 'No, leave it' }).click();
    expect(await admin(site, '/runs:count?live=true')).toMatchObject({ count: 101 });
    await cancel.click();
    await dialog.getByRole('button', { name: 'Cancel 100 runs' }).click();
    await page.getByText('100 runs cancelled.').waitFor();
    await page.locator('[data-count="0"]').waitFor();
    expect(await admin(site, '/runs:count?live=true')).toMatchObject({ count: 1, by_agent: { scrape: 1 } });
    expect(await admin(site, `/runs/${other}`)).toMatchObject({ status: 'pending' });
    expect(faults).toEqual([]);
    await page.close();
  });

  test('chosen runs alone are acted on, and a replay leads to the new run', async () => {
    await using site = await openAuthSite({ agents });
    const [first, second] = [await create(site, 'hang'), await create(site, 'hang')];
    const { page, faults } = await openPage(browser);
    await page.goto(`${site.url}/console/runs`);
    await page.locator(`tr[data-id="${first}"]`).focus();
    await page.keyboard.press('x');
    await page.keyboard.press('c');
    await page.getByRole('button', { name: 'Cancel 1 run', exact: true }).click();
    await page.locator(`tr[data-id="${first}"]`).getByText('error').waitFor();
    expect(await admin(site, `/runs/${second}`)).toMatchObject({ status: 'pending' });
    await page.goto(`${site.url}/console/runs/${first}`);
    await page.getByText('an operator’s doing').first().waitFor();
    await page.getByRole('button', { name: 'Replay' }).click();
    await page.getByText('replay of').waitFor();
    expect(await admin(site, '/runs?live=true')).toMatchObject({ runs: [{ metadata: { replay_of: first } }, {}] });
    expect(faults).toEqual([]);
    await page.close();
  });
});
