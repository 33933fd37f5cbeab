import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ask, openAuthSite } from '../access/auth-site.ts';
import { startCuttingProxy } from '../docs/cutting-proxy.ts';
import { noBrowser, openBrowser, openPage } from './browser.ts';

// Skipped where there is no Chromium; CI installs one.
describe.skipIf(noBrowser !== null)('the stream of changes in Chromium', { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
  });

  /** What Chromium says of a tab that is put behind another; headless tabs are never behind. */
  const hide = (isHidden: boolean) =>
    `Object.defineProperty(document, 'hidden', { value: ${isHidden}, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'))`;

  test('all pages have one stream, a burst of runs makes a bounded number of requests, and a hidden tab none', async () => {
    await using site = await openAuthSite();
    const { page, faults } = await openPage(browser);
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    const streams = () => asked.filter((path) => path === '/admin/v1/stream').length;
    await page.goto(`${site.url}/console/runs`);
    await page.getByText('● live').waitFor();
    await page.keyboard.press('1');
    await page.getByText('Nothing needs a person.').waitFor();
    await page.keyboard.press('2');
    await page.getByText('0 runs').waitFor();
    expect(streams()).toBe(1);

    asked.length = 0;
    const startedMs = performance.now();
    const create = () => ask(site.url, null, 'POST', '/runs', { agent_id: 'echo', input: {} });
    for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 10 }, create));
    await page.locator('[data-count="100"]').waitFor();
    const seconds = (performance.now() - startedMs) / 1000;
    // Three hundred changes and more; the list is asked for once a second.
    expect(asked.filter((path) => path === '/admin/v1/runs').length).toBeLessThanOrEqual(seconds + 2);

    await page.evaluate(hide(true));
    await page.getByText('○ not live').waitFor();
    asked.length = 0;
    await Promise.all(Array.from({ length: 5 }, create));
    expect(asked).toEqual([]);
    await page.evaluate(hide(false));
    await page.locator('[data-count="105"]').waitFor();
    expect(streams()).toBe(1);
    expect(faults).toEqual([]);
    await page.close();
  });

  test('a stream that is cut is opened again from its last change, and no run is missed', async () => {
    await using site = await openAuthSite();
    await using proxy = await startCuttingProxy(site.url);
    const { page } = await openPage(browser);
    await page.goto(`${proxy.url}/console/runs`);
    await page.getByText('● live').waitFor();
    await ask(site.url, null, 'POST', '/runs', { agent_id: 'echo', input: {} });
    await page.getByText('○ not live').waitFor();
    await ask(site.url, null, 'POST', '/runs', { agent_id: 'echo', input: {} });
    await page.locator('[data-count="2"]').waitFor();
    await page.getByText('● live').waitFor();
    expect(proxy.lastIds.slice(0, 2)).toEqual(['undefined', expect.stringMatching(/^\d+$/)]);
    await page.close();
  });
});
