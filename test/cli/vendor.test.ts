import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Exit, RungateProcess } from '../gateway/process.ts';
import { answer, startVendor, type Vendor } from '../upstream/vendor-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'rungate-vendor-'));
const opened: Vendor[] = [];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(async () => {
  for (const vendor of opened.splice(0)) await vendor.stop();
});

async function vendor(...words: readonly string[]): Promise<Exit> {
  return await new RungateProcess(['vendor', ...words], folder).exit();
}

const target = ['--target', '{"agent":"w/r"}'];

beforeAll(async () => {
  expect((await vendor('init', 'acme.yaml')).code).toBe(0);
});

test('a vendor file to begin with passes its cases', async () => {
  expect(await vendor('check', 'acme.yaml')).toMatchObject({ code: 0, out: 'acme.yaml: 4 cases, nothing wrong\n' });
});

test('a file that is there is not overwritten', async () => {
  const before = readFileSync(join(folder, 'acme.yaml'), 'utf8');
  const { code, err } = await vendor('init', 'acme.yaml');
  expect([code, err]).toEqual([1, 'rungate: acme.yaml exists, and nothing is overwritten\n']);
  expect(readFileSync(join(folder, 'acme.yaml'), 'utf8')).toBe(before);
});

test('the requests of a file are printed, and nothing is sent', async () => {
  const { code, out } = await vendor('try', 'acme.yaml', ...target, '--input', '{"topic":"rain"}');
  expect(code).toBe(0);
  expect(out).toContain('POST https://api.acme.example/agents/w%2Fr/runs\n');
  expect(out).toContain('\n\n{"input":{"topic":"rain"}}\n');
  expect(out).toContain('# observe\nGET https://api.acme.example/runs/RUN-ID\n');
  expect(out).toContain('# cancel\nPOST https://api.acme.example/runs/RUN-ID/cancel\n');
});

test('the request of a search is printed, and those for results with the statuses that ask for them', async () => {
  const results = `results:
  items: { on: [succeeded], when: target.agent, path: "/runs/{upstream.runId}/sets/{run.set}", query: { most: "'9'" } }
  file: { on: [succeeded, failed], url: run.file, optional: true }
`;
  const find = 'find: { path: "/tags/{run.id}", id: body.id }\n';
  const base = readFileSync(join(folder, 'acme.yaml'), 'utf8').replace(
    "'input': input",
    "'input': input, 'tag': run.id",
  );
  writeFileSync(join(folder, 'lists.yaml'), `${base}\n${find}${results}`);
  const { code, out } = await vendor('try', 'lists.yaml', ...target);
  expect(code).toBe(0);
  expect(out).toContain('# find\nGET https://api.acme.example/tags/0199c5a0-0000-7000-8000-000000000001\n');
  expect(out).toContain(
    '# result items, on succeeded when target.agent\nGET https://api.acme.example/runs/RUN-ID/sets/RUN.SET?most=9\n',
  );
  expect(out).toContain(
    "# result file, on succeeded, failed\nGET the address that run.file has in the vendor's answer\n",
  );
});

test('a trial that fails after its start says at which step and with which status', async () => {
  const site = await startVendor();
  opened.push(site);
  site.reply = (response, received) =>
    (received.method === 'POST' ? answer(201, { id: 'r-1' }) : answer(404, { error: 'no such run' }))(
      response,
      received,
    );
  const words = [...target, '--settings', '{"token":"t"}', '--url', site.url, '--send'];
  const { code, out } = await vendor('try', 'acme.yaml', ...words);
  expect([code, out]).toEqual([1, 'started: {"runId":"r-1"}\nobserve failed (gone, HTTP 404): no such run\n']);
});

test.each([
  ['null', 'empty'],
  ['7', 'a number'],
])('an optional member of the target that is %s is told what it must be', async (value, kind) => {
  const written = readFileSync(join(folder, 'acme.yaml'), 'utf8').replace(
    '{ agent: part }',
    '{ agent: part, job: part? }',
  );
  writeFileSync(join(folder, 'jobs.yaml'), written);
  const { code, err } = await vendor('try', 'jobs.yaml', '--target', `{"agent":"w","job":${value}}`);
  expect([code, err]).toEqual([2, expect.stringContaining(`--target: job must be a string, is ${kind}`)]);
});

test('a case whose path has a query is told where the query goes', async () => {
  const cases = readFileSync(join(folder, 'acme.cases.yaml'), 'utf8');
  writeFileSync(join(folder, 'asks.yaml'), readFileSync(join(folder, 'acme.yaml'), 'utf8'));
  writeFileSync(
    join(folder, 'asks.cases.yaml'),
    cases.replace('sent: { path: /runs/r-1 }', "sent: { path: '/runs/r-1?a=1' }"),
  );
  const { code, err } = await vendor('check', 'asks.yaml');
  expect([code, err]).toEqual([
    1,
    expect.stringContaining('sent.path: "/runs/r-1?a=1" must have no query: that is "query"'),
  ]);
});

test('a secret is sent and not printed', async () => {
  const site = await startVendor();
  opened.push(site);
  site.reply = (response, received) =>
    (received.method === 'POST'
      ? answer(201, { id: 'r-1' })
      : answer(200, { status: 'succeeded', output: { echo: 'hush-hush-1' } }))(response, received);
  const settings = ['--settings', '{"token":"hush-hush-1"}'];
  const printed = await vendor('try', 'acme.yaml', ...target, ...settings);
  expect(printed.out).toContain('authorization: Bearer [redacted]');
  const sent = await vendor('try', 'acme.yaml', ...target, ...settings, '--url', site.url, '--send');
  expect(sent.code).toBe(0);
  expect(sent.out).toContain('started: {"runId":"r-1"}\n');
  expect(sent.out).toContain('succeeded -> {"kind":"success","output":{"echo":"[redacted]"}}\n');
  expect(printed.out + sent.out).not.toContain('hush-hush-1');
  expect(site.received.map(({ headers }) => headers.authorization)).toEqual(Array(2).fill('Bearer hush-hush-1'));
});

test('a run that the vendor refuses fails the trial', async () => {
  const site = await startVendor(answer(403, { error: 'no such token' }));
  opened.push(site);
  const words = [...target, '--settings', '{"token":"t"}', '--url', site.url, '--send'];
  expect(await vendor('try', 'acme.yaml', ...words)).toMatchObject({
    ...{ code: 1, out: 'start failed (rejected, HTTP 403): no such token\n' },
  });
});

test('a secret that is missing when a run is sent is named with its variable', async () => {
  const { code, err } = await vendor('try', 'acme.yaml', ...target, '--send');
  expect([code, err]).toEqual([2, expect.stringContaining('--settings: token is required, or set ACME_TOKEN')]);
});

test.each([
  [['try', 'acme.yaml', ...target, '--input', '{'], '--input takes JSON'],
  [['try', 'acme.yaml', '--target', '[]'], '--target takes a JSON object'],
  [['try', 'acme.yaml'], '--target: agent is required'],
  [['try'], 'vendor try takes the name of a file'],
  [['init', 'Acme.yaml'], 'vendor init takes NAME.yaml'],
  [['lint', 'acme.yaml'], 'vendor takes init or check or try or schema'],
])('the words %j are refused', async (words, problem) => {
  const { code, err } = await vendor(...words);
  expect([code, err]).toEqual([2, expect.stringContaining(problem)]);
});

test('a case that does not hold is a problem with its line, of the file and of a config that names it', async () => {
  const cases = readFileSync(join(folder, 'acme.cases.yaml'), 'utf8');
  writeFileSync(join(folder, 'wrong.yaml'), readFileSync(join(folder, 'acme.yaml'), 'utf8'));
  writeFileSync(join(folder, 'wrong.cases.yaml'), cases.replace('no more rain }\n', 'no rain }\n'));
  const problem = 'is "no more rain", and "no rain" is expected (in the case "a run that fails says why")';
  const { code, err } = await vendor('check', 'wrong.yaml');
  expect([code, err]).toEqual([1, expect.stringContaining(problem)]);
  const agent = '{ name: writer, backend: main, target: { agent: w } }';
  const config = (file: string) =>
    `vendors: [./${file}]\nbackends: { main: { adapter: acme, token: t } }\nagents: [${agent}]\n`;
  writeFileSync(join(folder, 'config.yaml'), config('wrong.yaml'));
  const checked = await new RungateProcess(['check', '--config', 'config.yaml'], folder).exit();
  expect([checked.code, checked.err]).toEqual([1, expect.stringContaining(`wrong.cases.yaml:30:`)]);
  writeFileSync(join(folder, 'config.yaml'), config('acme.yaml'));
  const right = await new RungateProcess(['check', '--config', 'config.yaml'], folder).exit();
  expect(right).toMatchObject({ code: 0, out: 'config.yaml: 1 agent over 1 backend, nothing wrong\n' });
});

test('a file without cases is a problem', async () => {
  writeFileSync(join(folder, 'bare.yaml'), readFileSync(join(folder, 'acme.yaml'), 'utf8'));
  const { code, err } = await vendor('check', 'bare.yaml');
  expect([code, err]).toEqual([1, expect.stringContaining('cannot be read: there is no such file')]);
});
