// Drives Agent Chat UI in a headless Chromium against the gateway: says something, gets an answer, approves what an agent asks,
// reloads in the middle of a run and goes on. The page is in no registry: AGENT_CHAT_UI names a folder with its sources, in which
// it is built once.
//
//   AGENT_CHAT_UI=FOLDER npm run test:chat-ui [-- --screenshot]       --screenshot writes the picture of docs/protocols
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { openBrowser, openPage } from '../../console/browser.ts';
import { serveAgents } from './gateway.ts';
import { servePage } from './page.ts';

const picture = join(import.meta.dirname, '../../../docs/protocols/agent-chat-ui.png');
const { values: options } = parseArgs({ options: { screenshot: { type: 'boolean' } } });
const folder = process.env.AGENT_CHAT_UI;
if (folder === undefined) throw new Error('AGENT_CHAT_UI names no folder with the sources of Agent Chat UI');

const scratch = mkdtempSync(join(tmpdir(), 'rungate-chat-ui-'));
const ui = await servePage(folder);
const gateway = await serveAgents(ui.url, scratch);
const browser = await openBrowser();
const { page, faults } = await openPage(browser);
try {
  const openChat = async (agent: string): Promise<void> => {
    const query = new URLSearchParams({ apiUrl: `${gateway.url}/langgraph`, assistantId: agent });
    await page.goto(`${ui.url}/?${query}`);
  };
  await step('says something and gets an answer', async () => {
    await openChat('chat');
    await say(page, 'My name is Ada.');
    await page.getByText('(1) You said: My name is Ada.').waitFor();
  });
  await step('goes on in the same thread', async () => {
    await say(page, 'What is my name?');
    await page.getByText('(2) You said: What is my name?').waitFor();
  });
  await step('shows what was said after a reload', async () => {
    await page.reload();
    await page.getByText('(1) You said: My name is Ada.').waitFor();
    await page.getByText('(2) You said: What is my name?').waitFor();
  });
  await step('lists the thread in the history', async () => {
    await page.goto(`${page.url()}&chatHistoryOpen=true`);
    await page.getByRole('button', { name: 'My name is Ada.' }).first().waitFor();
  });
  await step('shows a question, also after a reload', async () => {
    await openChat('approval');
    await say(page, 'Shall I buy a kettle?');
    await page.getByText('place_order').first().waitFor();
    await page.reload();
    await page.getByText('place_order').first().waitFor();
    if (options.screenshot === true) await page.screenshot({ path: picture });
  });
  await step('approves, and the run goes on to its end', async () => {
    await page.getByRole('button', { name: 'Approve', exact: true }).click();
    await page.getByText('The order is placed.').waitFor();
  });
  await step('reloads in the middle of a run and goes on', async () => {
    await openChat('slow');
    await say(page, 'Where is my order?');
    await page.getByRole('button', { name: 'Cancel' }).waitFor();
    await page.waitForURL(/threadId=/);
    const thread = new URL(page.url()).searchParams.get('threadId');
    await page.reload();
    await page.getByText('Where is my order?').waitFor();
    await untilIdle(`${gateway.url}/langgraph/threads/${thread}`);
    await say(page, 'Thank you.');
    await page.getByText('You wrote: Thank you.').waitFor();
    await page.getByText('You wrote: Where is my order?').waitFor();
  });
  await step('stops a run', async () => {
    await openChat('slow');
    await say(page, 'Never mind.');
    await page.waitForURL(/threadId=/);
    const thread = new URL(page.url()).searchParams.get('threadId');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Send' }).waitFor();
    await untilIdle(`${gateway.url}/langgraph/threads/${thread}`);
  });
} finally {
  await browser.close();
  await gateway.stop();
  await ui.stop();
  rmSync(scratch, { recursive: true, force: true });
}
process.exit();

async function step(name: string, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const seen = await page.locator('body').innerText();
    throw new Error(`Agent Chat UI ${name}: ${String(error)}\n${seen}\n${faults.join('\n')}`);
  }
  process.stdout.write(`ok  ${name}\n`);
}

async function say(where: Page, text: string): Promise<void> {
  await where.getByPlaceholder('Type your message...').fill(text);
  await where.getByRole('button', { name: 'Send' }).click();
}

async function untilIdle(url: string): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  for (;;) {
    const { status } = (await (await fetch(url)).json()) as { readonly status: string };
    if (status !== 'busy') return;
    if (performance.now() > deadlineMs) throw new Error(`the thread stays ${status}`);
    await page.waitForTimeout(100);
  }
}
