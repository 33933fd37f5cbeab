import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { RungateProcess } from '../gateway/process.ts';
import { captured } from './captured.ts';

// What an operator reads when the gateway is down: its store is all that there is.

const folder = mkdtempSync(join(tmpdir(), 'rungate-kept-'));
const file = join(folder, 'rungate.yaml');
const config = (store: string) => `
server: { port: 0 }
store: { url: "sqlite:${join(folder, store)}" }
backends: { main: { adapter: restack, baseUrl: "http://127.0.0.1:9" } }
agents:
  - { name: quiet, backend: main, target: { agent: A }, timeoutSeconds: 60 }
  - { name: other, backend: main, target: { agent: A }, timeoutSeconds: 60 }
`;
/** Listed where no port can be found from the config, as port 1 has no listener. */
const unserved = (store: string) => config(store).replace('port: 0', 'port: 1');
let runId = '';

beforeAll(async () => {
  writeFileSync(file, config('kept.db'));
  await using gateway = new RungateProcess(['serve', '--config', file], folder);
  const { url } = await gateway.client();
  for (const agent of ['other', 'quiet']) {
    const answer = await fetch(`${url}/acp/v0.2/runs`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ agent_id: agent, input: { secret: 'teapot' } }),
    });
    ({ run_id: runId } = (await answer.json()) as { run_id: string });
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the runs of a gateway that does not answer are read from the store of its config', async () => {
  writeFileSync(file, unserved('kept.db'));
  const { code, out, err } = await captured([
    'runs',
    'list',
    '--agent',
    'quiet',
    '--backend',
    'main',
    '--config',
    file,
  ]);
  expect([code, err]).toEqual([0, expect.stringContaining(`reading the store of ${file}`)]);
  expect(out.split('\n').filter((line) => line.includes('quiet'))).toHaveLength(1);
  expect(out).not.toContain('other');
  expect(out).toContain(runId);
});

test('a run in the store is shown with its timeline, and with its input only where it is asked for', async () => {
  writeFileSync(file, unserved('kept.db'));
  const hidden = await captured(['runs', 'show', runId, '--config', file]);
  expect([hidden.code, hidden.out]).toEqual([0, expect.stringContaining('accepted')]);
  expect(hidden.out).not.toContain('teapot');
  const shown = await captured(['runs', 'show', runId, '--reveal', '--json', '--config', file]);
  expect(JSON.parse(shown.out)).toMatchObject({ run_id: runId, input: { input: { secret: 'teapot' } } });
});

test('a run that the store does not have, and an agent that the config does not have, are said to be missing', async () => {
  writeFileSync(file, unserved('kept.db'));
  const missing = await captured(['runs', 'show', '0199e9a0-0000-7000-8000-000000000000', '--config', file]);
  expect([missing.code, missing.err]).toEqual([1, expect.stringContaining('run')]);
  const unknown = await captured(['runs', 'list', '--agent', 'none', '--config', file]);
  expect([unknown.code, unknown.out]).toEqual([1, '']);
});

test('reading a store that is not there creates none, and what acts needs a gateway', async () => {
  writeFileSync(file, unserved('none.db'));
  const { code, err } = await captured(['runs', 'list', '--config', file]);
  expect([code, err]).toEqual([1, expect.stringContaining('does not exist')]);
  expect(existsSync(join(folder, 'none.db'))).toBe(false);
  expect((await captured(['runs', 'cancel', runId, '--yes', '--config', file])).code).toBe(3);
});

test('a gateway that is named by its URL alone is not replaced by a store', async () => {
  const { code, err } = await captured(['runs', 'list', '--url', 'http://127.0.0.1:1']);
  expect([code, err]).toEqual([3, expect.stringContaining('no gateway answers')]);
});
