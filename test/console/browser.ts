import { existsSync } from 'node:fs';
import { type Browser, chromium, type Page } from 'playwright-core';

/** Where a Chromium is looked for, unless `CHROMIUM` names one. */
const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const executablePath = process.env.CHROMIUM ?? places.find((place) => existsSync(place));

/** Null: tests that need a browser can be run; otherwise why they cannot. */
export const noBrowser: string | null = executablePath === undefined ? `no Chromium at ${places.join(', ')}` : null;

/** A headless Chromium. Containers have no sandbox for it, and little shared memory. */
export async function openBrowser(): Promise<Browser> {
  if (executablePath === undefined) throw new Error(noBrowser ?? '');
  return await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page that keeps what went wrong in it: errors of scripts, and what its policy or the gateway refused to load. */
export async function openPage(
  browser: Browser,
  options: Parameters<Browser['newPage']>[0] = {},
): Promise<{ readonly page: Page; readonly faults: readonly string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 860 }, ...options });
  page.setDefaultTimeout(20_000);
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  return { page, faults };
}
