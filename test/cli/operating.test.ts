import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readListeners } from '../../src/config/listeners.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { startSandbox } from '../../src/sandbox/sandbox.ts';
import { openAuthSite } from '../access/auth-site.ts';
import { RungateProcess } from '../gateway/process.ts';
import { captured } from './captured.ts';

// The commands over a gateway that is a process of its own. Where the exit code matters to a shell, they are one too.

const folder = mkdtempSync(join(tmpdir(), 'rungate-operating-'));
let gateway: RungateProcess;
let url = '';

beforeAll(async () => {
  gateway = new RungateProcess(['serve', '--sandbox', '--port', '0'], folder);
  ({ url } = await gateway.client());
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function rungate(...words: readonly string[]) {
  return await captured([...words, '--url', url]);
}

async function detached(agent: string, input: object): Promise<string> {
  const { code, out } = await rungate('run', agent, '-i', JSON.stringify(input), '--detach');
  expect([code, out]).toEqual([0, expect.stringMatching(/^[\da-f-]{36}\n$/)]);
  return out.trim();
}

test('a run from a shell prints its output with exact numbers, and exits with 0', async () => {
  const input = '{"a":12345678901234567890.5}';
  const { code, out, err } = await new RungateProcess(['run', 'echo', '-i', input, '--url', url], folder).exit();
  expect([code, out.replaceAll(/\s/g, '')]).toEqual([0, input]);
  expect(err).toMatch(/^run [\da-f-]{36}\n$/);
});

test('a run that fails exits with 10 and shows what its vendor said without escape sequences', async () => {
  const { code, out, err } = await rungate('run', 'fail', '-i', '{"message":"no \\u001b[31mred"}');
  expect([code, out]).toEqual([10, '']);
  expect(err).toMatch(/error 2020: no red\n$/);
});

test('a run that asks something exits with 12 and prints the question', async () => {
  const { code, out } = await rungate('run', 'approval', '-i', '{"question":"sure?"}');
  expect([code, (JSON.parse(out) as { question: string }).question]).toEqual([12, 'sure?']);
});

test("a run is shown with a link to its vendor's page where its backend has one", async () => {
  await using site = await openAuthSite({ backend: { consoleUrl: 'https://console.vendor.example/{runId}' } });
  const { body } = await site.ask(null, 'POST', '/runs', { agent_id: 'echo', input: {} });
  const { run_id: id } = body as { readonly run_id: string };
  await site.ask(null, 'GET', `/runs/${id}/output?block_timeout=20`);
  const { out } = await captured(['runs', 'show', id, '--url', site.url]);
  const [, vendorId = ''] = /runId (\S+)/.exec(out) ?? [];
  expect(vendorId).not.toBe('');
  expect(out).toMatch(new RegExp(`^vendor's page +https://console\\.vendor\\.example/${vendorId}$`, 'm'));
});

test('a run that is watched prints its timeline once, and the exit code is that of its status', async () => {
  const id = await detached('scrape', { url: 'http://shop', seconds: 1 });
  const { code, out } = await rungate('runs', 'watch', id);
  expect(code).toBe(0);
  const kinds = out.split('\n').map((line) => line.split(/\s+/)[1] ?? line);
  expect(kinds.filter((kind) => kind !== 'partial').filter(Boolean)).toEqual([
    'accepted',
    'start',
    'running',
    'end',
    'success',
  ]);
  const again = await rungate('runs', 'watch', id);
  expect([again.code, again.out.trimEnd().split('\n').at(-1)]).toEqual([0, 'success']);
});

test('all runs that match are watched, live ones from their state on, and each to its end', async () => {
  const before = await detached('approval', { question: 'before' });
  await using watching = new RungateProcess(
    ['runs', 'watch', '--backend', 'restack-sandbox', '--json', '--url', url],
    folder,
  );
  const lineOf = (id: string, state: string) => new RegExp(`("run_id":"${id}".*${state})`);
  await watching.said(lineOf(before, '"phase":"interrupted"'));
  const other = await detached('scrape', { url: 'http://shop', seconds: 1 });
  await rungate('runs', 'watch', other);
  const during = await detached('approval', { question: 'during' });
  await watching.said(lineOf(during, '"phase":"interrupted"'));
  await rungate('runs', 'cancel', before, during, '--yes');
  await watching.said(lineOf(before, '"phase":"done"'));
  await watching.said(lineOf(during, '"phase":"done"'));
  watching.kill('SIGINT');
  const { code, out, err } = await watching.exit();
  expect([code, err]).toEqual([0, '']);
  expect(out).not.toContain(other);
  const shown = out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { run_id: string; phase: string; status: string });
  expect(shown.filter(({ run_id: id }) => id === before).map(({ phase, status }) => [phase, status])).toEqual([
    ['interrupted', 'interrupted'],
    ['done', 'error'],
  ]);
});

test('a run that a filter has chosen is shown to its end, though it does not match any more', async () => {
  const id = await detached('approval', { question: 'then?' });
  await using watching = new RungateProcess(['runs', 'watch', '--phase', 'interrupted', '--url', url], folder);
  await watching.said(new RegExp(`(${id}  approval of \\S+ +interrupted)`));
  await rungate('runs', 'cancel', id, '--yes');
  await watching.said(new RegExp(`(${id}  approval of \\S+ +error +1000 )`));
  watching.kill('SIGTERM');
  expect((await watching.exit()).code).toBe(0);
});

test('a watch outlives a gateway that is killed, and shows what has changed until it is served again', async () => {
  const sandbox = await startSandbox();
  const file = join(folder, 'watched.yaml');
  writeFileSync(file, sampleConfig(sandbox).replace('port: 8080', 'port: 0').replace('./data/', `${folder}/watched/`));
  const serve = (port: string) => new RungateProcess(['serve', '--config', file, '--port', port], folder);
  const first = serve('0');
  const client = await first.client();
  const ask = async (question: string) =>
    (await client.ask('POST', '/runs', { agent_id: 'approval', input: { question } })).body as { run_id: string };
  const kept = (await ask('kept')).run_id;
  const ended = (await ask('ended')).run_id;
  await using watching = new RungateProcess(['runs', 'watch', '--json', '--url', client.url], folder);
  const lineOf = (id: string, state: string) => new RegExp(`("run_id":"${id}".*${state})`);
  for (const id of [kept, ended]) await watching.said(lineOf(id, '"phase":"interrupted"'));
  first.kill('SIGKILL');
  await first.exit();
  await using second = serve(new URL(client.url).port);
  await second.client();
  // The watcher pauses before it asks again, so that it sees none of this happen.
  await client.ask('POST', `/acp/v0.2/runs/${ended}/cancel`);
  const between = (await ask('between')).run_id;
  const brief = await client.ask('POST', '/runs', { agent_id: 'echo', input: {} });
  const { run_id: passed } = brief.body as { run_id: string };
  await client.ask('GET', `/runs/${passed}/output?block_timeout=20`);
  await watching.said(lineOf(ended, '"phase":"done"'));
  await watching.said(lineOf(passed, '"phase":"done"'));
  await watching.said(lineOf(between, '"phase":"interrupted"'));
  await client.ask('POST', `/acp/v0.2/runs/${kept}/cancel`);
  await watching.said(lineOf(kept, '"phase":"done"'));
  watching.kill('SIGINT');
  const { code, out, err } = await watching.exit();
  expect([code, err]).toEqual([0, expect.stringMatching(/^(no gateway answers at \S+: [^\n]+; trying again\n)?$/)]);
  const phasesOf = (id: string) =>
    [...out.matchAll(new RegExp(`"run_id":"${id}".*?"phase":"(\\w+)"`, 'g'))].map(([, phase]) => phase);
  expect([phasesOf(kept).at(-1), phasesOf(ended).at(-1)]).toEqual(['done', 'done']);
  expect(phasesOf(kept).filter((phase) => phase === 'done')).toHaveLength(1);
  await sandbox.close();
});

test('an id and a filter are refused together by runs watch', async () => {
  const { code, err } = await rungate('runs', 'watch', '00000000-0000-7000-8000-000000000000', '--live');
  expect([code, err]).toEqual([2, expect.stringContaining('runs watch takes an id or a filter, and not both')]);
});

test('a run is shown with its timeline, and with its input and output where they are asked for', async () => {
  const id = await detached('echo', { secret: 'teapot' });
  await rungate('runs', 'watch', id);
  const hidden = await rungate('runs', 'show', id);
  expect(hidden.out).toMatch(new RegExp(`^run +${id}\nstate +success\n`));
  expect(hidden.out).toContain('ended with a result');
  expect(hidden.out).not.toContain('teapot');
  expect((await rungate('runs', 'show', id, '--reveal')).out).toContain('{"secret":"teapot"}');
  const json = JSON.parse((await rungate('runs', 'show', id, '--json')).out) as { run_id: string };
  expect(json.run_id).toBe(id);
});

test('runs are counted before they are cancelled, and those that were counted are cancelled', async () => {
  const text = `batch-${Date.now()}`;
  const ids: string[] = [];
  for (const name of ['a', 'b', 'c']) ids.push(await detached('approval', { question: name }));
  await detached('echo', { text });
  const filter = ['--live', '--agent', 'approval'];
  const listed = JSON.parse((await rungate('runs', 'list', ...filter, '--json')).out) as { runs: { run_id: string }[] };
  const live = listed.runs.map(({ run_id: id }) => id);
  expect(live).toEqual(expect.arrayContaining(ids));
  expect(await rungate('runs', 'cancel', ...filter, '--dry-run')).toMatchObject({
    ...{ code: 0, out: `${live.length} would be cancelled\n` },
  });
  expect(await rungate('runs', 'cancel', ...filter)).toMatchObject({
    ...{ code: 2, out: '' },
    err: `rungate: --yes is required to cancel ${live.length} runs where no terminal can be asked\n`,
  });
  const cancelled = await rungate('runs', 'cancel', ...filter, '--yes');
  expect(cancelled).toMatchObject({ code: 0, out: `${live.length} cancelled\n` });
  expect((await rungate('runs', 'list', ...filter)).out).toBe('no such runs\n');
  const shown = await rungate('runs', 'list', '--agent', 'approval', '--status', 'error', '--limit', '2');
  expect(shown.out.split('\n').slice(0, 1)).toEqual([
    expect.stringMatching(/^RUN +AGENT +BACKEND +TENANT +STATE +AGE +WHY$/),
  ]);
  expect(shown.out).toContain('the newest 2');
});

test('a replay names the run that it makes of each, and live runs are not replayed', async () => {
  const id = await detached('echo', { again: 1 });
  await rungate('runs', 'watch', id);
  const { code, out } = await rungate('runs', 'replay', id, '--yes');
  expect([code, out]).toEqual([0, expect.stringMatching(new RegExp(`^${id} -> [\\da-f-]{36}\n1 replayed\n$`))]);
  const live = await detached('approval', { question: 'x' });
  const refused = await rungate('runs', 'replay', live, '--yes');
  expect([refused.code, refused.out]).toEqual([
    0,
    expect.stringMatching(new RegExp(`^${live} refused: .*\n0 would be replayed, 1 refused\n$`)),
  ]);
});

test('a backend is paused with a reason, listed as stopped, and resumed', async () => {
  const paused = await rungate('backends', 'pause', 'apify-sandbox', '--reason', 'moves house');
  expect(paused.out).toMatch(/^apify-sandbox +apify +stopped .*anonymous: moves house$/m);
  expect((await rungate('top')).out).toContain('moves house');
  expect((await rungate('backends', 'resume', 'apify-sandbox')).out).toMatch(/^apify-sandbox +apify +ok /m);
  const again = await rungate('backends', 'resume', 'apify-sandbox');
  expect([again.code, again.err]).toEqual([1, expect.stringContaining('answers 404')]);
  expect((await rungate('backends', 'probe', 'apify-sandbox')).code).toBe(0);
});

test('a drain takes nothing new until it is undone', async () => {
  expect((await rungate('drain')).out).toMatch(/ takes nothing new and goes on with \d+ runs?\n$/);
  const refused = await rungate('run', 'echo');
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('answers 503')]);
  expect((await rungate('drain', '--undo')).out).toMatch(/ takes runs again\n$/);
  expect((await rungate('run', 'echo')).code).toBe(0);
});

test('a run is logged whole for a while, and a run that is not there is not', async () => {
  const id = await detached('approval', { question: 'logged?' });
  await rungate('runs', 'watch', id);
  const { code, out, err } = await rungate('log', 'debug', '--run', id, '--for', '90s');
  expect([code, out, err]).toEqual([
    0,
    expect.stringMatching(/^\S+ logs all that it does with \S+, until \S+Z\n$/),
    '',
  ]);
  await rungate('runs', 'cancel', id, '--yes');
  expect((await rungate('log', 'debug', '--json')).out).toMatch(/"run_id": ?null/);
  // This line is of the level debug, and the gateway has another.
  const logged = await detached('echo', {});
  await gateway.said(new RegExp(`"level":"debug"[^\\n]*"run_id":"${logged}"[^\\n]*(run started at the vendor)`));
  expect((await rungate('log', 'debug', '--undo')).out).toMatch(/ logs as its level says again\n$/);
  const absent = await rungate('log', 'debug', '--run', '00000000-0000-7000-8000-000000000000');
  expect([absent.code, absent.err]).toEqual([1, expect.stringContaining('no such run')]);
});

test('a reload that is refused exits with 1 and says why', async () => {
  const { code, err } = await rungate('reload');
  expect([code, err]).toEqual([1, expect.stringMatching(/rungate: refused; the config [\da-f]+ stays in force\n$/)]);
});

test('an address at which no gateway answers exits with 3, and a server that is no rungate with 1', async () => {
  const nothing = await captured(['top', '--url', 'http://127.0.0.1:1024']);
  expect([nothing.code, nothing.err]).toEqual([
    3,
    expect.stringMatching(/^rungate: no gateway answers at http:\/\/127/),
  ]);
  const other = await captured(['backends', '--url', `${url}/docs`]);
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('answers 404')]);
});

test('a key without a role exits with 4, and one with it is let in from RUNGATE_KEY', async () => {
  const file = join(folder, 'keys.yaml');
  const made = await captured(['key']);
  const [, key = '', sha256 = ''] = /once: (\S+)[\s\S]*sha256: (\S+)/.exec(made.out) ?? [];
  const backend = '{ adapter: restack, baseUrl: "http://127.0.0.1:9" }';
  const sections = `server: { port: 0 }\nstore: { url: "sqlite::memory:" }\nbackends: { a: ${backend} }\n`;
  const config = (role: string) =>
    `${sections}agents: [{ name: b, backend: a, target: { agent: A } }]\nauth: { keys: [{ name: ci, sha256: ${sha256}${role} }] }\n`;
  for (const [role, env, code] of [
    ['', { RUNGATE_KEY: key }, 4],
    [', role: viewer', {}, 4],
    [', role: viewer', { RUNGATE_KEY: key }, 0],
  ] as const) {
    writeFileSync(file, config(role));
    await using guarded = new RungateProcess(['serve', '--config', file], folder);
    const { url: guardedUrl } = await guarded.client();
    const { code: found } = await new RungateProcess(['backends'], folder, { RUNGATE_URL: guardedUrl, ...env }).exit();
    expect([role, found]).toEqual([role, code]);
    await expect(captured(['top', '--config', file])).resolves.toMatchObject({
      err: expect.stringContaining('lets the gateway pick its port'),
    });
  }
});

test('the address of a gateway is read from a config whose secrets are not there', async () => {
  const file = join(folder, 'addresses.yaml');
  const [port, secret] = ['$' + '{PORT:-8181}', '$' + '{NOT_THERE}'];
  const backends = `backends: { a: { apiKey: "${secret}" } }`;
  writeFileSync(file, `server: { host: 0.0.0.0, port: "${port}" }\nadmin: { port: 9090 }\n${backends}\n`);
  expect(await readListeners(file, {})).toEqual({
    ...{ clients: { host: '0.0.0.0', port: 8181 }, admin: { host: '127.0.0.1', port: 9090 } },
  });
  writeFileSync(file, 'server: { port: 70000 }\n');
  await expect(readListeners(file, {})).rejects.toThrow('"rungate check" says what is wrong with its listeners');
  await expect(readListeners(join(folder, 'lost.yaml'), {})).rejects.toThrow('there is no such file');
  const nothing = await captured(['run', 'echo', '--config', file]);
  expect(nothing.code).toBe(1);
});
