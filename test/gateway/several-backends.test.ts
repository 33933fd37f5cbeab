import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Answering, reply } from './manners.ts';
import { RungateProcess } from './process.ts';
import { openSite, type Site, type SiteOptions, scraper, writeConfig } from './site.ts';
import { IntunedStandIn, secrets } from './stand-ins.ts';

/** Two accounts at one kind of vendor; the second gets runs only while the first takes none. */
function pairOf(first: IntunedStandIn, second: IntunedStandIn): SiteOptions {
  const { backend: _one, ...agent } = scraper;
  const { baseUrl, workspace: workspaceId } = second;
  return {
    intuned: first,
    backends: { spare: { adapter: 'intuned', baseUrl, workspaceId, apiKey: secrets.apiKey } },
    agents: [{ ...agent, backends: [{ name: 'intuned' }, { name: 'spare', weight: 0 }] }],
  };
}

async function openPair(first: IntunedStandIn, second: IntunedStandIn): Promise<Site> {
  return await openSite(pairOf(first, second));
}

const startsOf = (vendor: IntunedStandIn): number => vendor.asked.filter(({ method }) => method === 'POST').length;
const completed = { status: 'completed', result: { ok: true } };

async function runAll(site: Site, count: number): Promise<readonly string[]> {
  const request = (index: number): JsonObject => ({ agent_id: 'price-scraper', input: { index } });
  const outputs = await Promise.all(Array.from({ length: count }, (_, index) => site.client.run(request(index))));
  return outputs.map(({ status }) => status);
}

test('runs of an agent go to its second account while the first refuses connections, each with one start', async () => {
  const first = await IntunedStandIn.open();
  await using second = await IntunedStandIn.open();
  second.plan = () => completed;
  await using site = await openPair(first, second);
  await first[Symbol.asyncDispose]();
  expect(await runAll(site, 20)).toEqual(Array(20).fill('success'));
  expect([second.runs.length, startsOf(second)]).toEqual([20, 20]);
});

test.each<[string, Answering]>([
  ['429 with Retry-After', reply(429, { message: 'later' }, { 'retry-after': '600' })],
  ['503 with Retry-After', reply(503, { message: 'later' }, { 'retry-after': '600' })],
  ["an error 503 in the vendor's form", reply(503, { message: 'later' })],
  ['401', reply(401, { message: 'who are you' })],
])('runs whose start the first account answers with %s are started once, at the second', async (_name, answering) => {
  await using first = await IntunedStandIn.open();
  await using second = await IntunedStandIn.open();
  first.twist = () => answering;
  second.plan = () => completed;
  await using site = await openPair(first, second);
  expect(await runAll(site, 10)).toEqual(Array(10).fill('success'));
  expect([first.runs.length, second.runs.length, startsOf(second)]).toEqual([0, 10, 10]);
});

test.each<[string, Answering]>([
  ['cut', (answer) => answer.socket?.destroy()],
  ["answered with a proxy's 503", reply(503, 'no healthy upstream')],
  ['answered with 500', reply(500, { message: 'oops' })],
])('a start that may have begun a run and is %s is sent to no other account', async (_name, answering) => {
  await using first = await IntunedStandIn.open();
  await using second = await IntunedStandIn.open();
  first.twist = (step) => (step === 'start' ? answering : null);
  second.plan = () => completed;
  await using site = await openPair(first, second);
  const output = await site.client.run({ agent_id: 'price-scraper', input: {} });
  expect(output).toMatchObject({ status: 'error', errcode: 1002 });
  expect([startsOf(first), startsOf(second)]).toEqual([1, 0]);
});

test('runs at the second account are found there by a gateway that was killed, although the first is well again', async () => {
  await using first = await IntunedStandIn.open();
  await using second = await IntunedStandIn.open();
  first.twist = (step) => (step === 'start' ? reply(503, { message: 'later' }, { 'retry-after': '600' }) : null);
  first.plan = () => completed;
  second.plan = () => ({ status: 'started' });
  const folder = mkdtempSync(join(tmpdir(), 'rungate-pair-'));
  const file = join(folder, 'rungate.yaml');
  writeFileSync(file, writeConfig({ ...pairOf(first, second), keeps: true }, folder));
  const serve = () => new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
  try {
    await using killed = serve();
    const before = await killed.client();
    const created = [];
    for (let index = 0; index < 8; index += 1) {
      created.push(await before.create({ agent_id: 'price-scraper', input: { index } }));
    }
    await second.bell.until(() => second.runs.length === 8 && second.asked.some(({ method }) => method === 'GET'));
    killed.kill('SIGKILL');
    await killed.exit();
    first.twist = () => null;
    for (const run of second.runs) run.say(completed);
    await using next = serve();
    const after = await next.client();
    const outputs = await Promise.all(created.map(({ run_id }) => after.output(run_id)));
    const known = outputs.filter(({ status }) => status === 'success');
    // A start whose answer was not recorded yet is of unknown outcome.
    expect(known.length).toBeGreaterThan(0);
    for (const { status, errcode } of outputs) if (status !== 'success') expect(errcode).toBe(1002);
    expect([first.runs.length, second.runs.length, startsOf(second)]).toEqual([0, 8, 8]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 60_000);
