import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';
import { RungateProcess } from '../gateway/process.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { startCuttingProxy } from './cutting-proxy.ts';
import { blocks } from './markdown-blocks.ts';
import { readPage, root } from './pages.ts';

const run = promisify(execFile);
const clients = join(root, 'examples/clients');
const hasPython = spawnSync('python3', ['--version']).error === undefined;

const names = readdirSync(join(root, 'examples'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== 'clients')
  .map(({ name }) => name);

test('every example has a config that editors complete, a README, a script, and a row in the list', () => {
  expect(names).toHaveLength(7);
  const list = readPage('examples/README.md');
  for (const name of names) {
    expect(readdirSync(join(root, 'examples', name))).toEqual(
      expect.arrayContaining(['README.md', 'run.mjs', 'rungate.yaml']),
    );
    expect(readPage(`examples/${name}/rungate.yaml`).split('\n')[0]).toBe(
      '# yaml-language-server: $schema=../../schema/config.json',
    );
    expect(list).toContain(`[${name}](${name}/README.md)`);
  }
});

test('the README of every example that needs no database shows what its script prints', () => {
  const shown = blocks.map(({ attributes }) => attributes['output-of']);
  const expected = names.filter((name) => name !== 'postgres-compose').map((name) => `node examples/${name}/run.mjs`);
  expect(shown).toEqual(expect.arrayContaining(expected));
});

test('the example with two replicas runs on a PostgreSQL server', async (context) => {
  const postgres = await startPostgres();
  if (!(postgres instanceof PostgresServer)) return context.skip(postgres.unavailable);
  try {
    const env = { ...process.env, RUNGATE_STORE_URL: await postgres.createDatabase() };
    const { stdout } = await run(process.execPath, [join(root, 'examples/postgres-compose/run.mjs')], { env });
    expect(stdout).toBe('created at one, followed at the other: A-17\n');
  } finally {
    await postgres.stop();
  }
});

test('the Compose file mounts the config of the example and starts two replicas on one database', () => {
  const compose = z
    .object({ services: z.record(z.string(), z.looseObject({ image: z.string() })) })
    .parse(parseYaml(readPage('examples/postgres-compose/compose.yaml'), { merge: true }));
  const replicas = Object.values(compose.services).filter(({ image }) => image === 'rungate');
  expect(replicas).toHaveLength(2);
  for (const replica of replicas) {
    expect(replica.volumes).toEqual(['./rungate.yaml:/etc/rungate/rungate.yaml:ro']);
    expect(replica.environment).toHaveProperty('RUNGATE_STORE_URL');
  }
});

const languages = [
  { language: 'JavaScript', program: process.execPath, demo: 'demo.mjs', isHere: true },
  { language: 'Python', program: 'python3', demo: 'demo.py', isHere: hasPython },
];

describe('example clients over the sandbox', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-clients-'));
  let gateway: RungateProcess;
  let url = '';

  beforeAll(async () => {
    gateway = new RungateProcess(['serve', '--sandbox', '--port', '0'], folder);
    ({ url } = await gateway.client());
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test.for(languages)(
    'the client in $language creates, waits, streams over cut connections and resumes',
    async (each, context) => {
      const { program, demo, isHere } = each;
      if (!isHere) context.skip('there is no python3 here');
      await using proxy = await startCuttingProxy(url);
      const { stdout } = await run(program, [join(clients, demo), proxy.url]);
      const [shown] = blocks.filter(({ page }) => page === 'examples/clients/README.md');
      expect(stdout).toBe(shown?.text);
      // The stream was cut, and continued after the last whole event.
      const lastIds = proxy.lastIds.map(Number);
      expect(lastIds.length).toBeGreaterThan(1);
      expect(lastIds[0]).toBe(0);
      expect(lastIds).toEqual([...new Set(lastIds)].toSorted((a, b) => a - b));
    },
  );
});

describe('signatures of webhooks', () => {
  const secret = `whsec_${Buffer.from('0123456789abcdef01234567').toString('base64')}`;
  const other = `whsec_${Buffer.from('76543210fedcba9876543210').toString('base64')}`;
  const body = '{"run_id":"r","status":"success"}';
  const at = new Date(1_700_000_000_000);
  const sign = (...secrets: readonly string[]) => ({
    'webhook-id': 'msg_r_2',
    'webhook-timestamp': String(at.getTime() / 1000),
    'webhook-signature': secrets.map((each) => new Webhook(each).sign('msg_r_2', at, body)).join(' '),
  });
  const nowMs = at.getTime();
  const cases = [
    { name: 'with the secret', headers: sign(secret), body, nowMs, isGenuine: true },
    { name: 'with a second secret while it is rotated', headers: sign(other, secret), body, nowMs, isGenuine: true },
    { name: 'with another secret', headers: sign(other), body, nowMs, isGenuine: false },
    { name: 'of another body', headers: sign(secret), body: `${body} `, nowMs, isGenuine: false },
    { name: 'that is older than five minutes', headers: sign(secret), body, nowMs: nowMs + 301_000, isGenuine: false },
  ];

  test.each(cases)('the client in JavaScript judges a signature $name: $isGenuine', async (each) => {
    const { verifyWebhook } = (await import(join(clients, 'rungate-client.mjs'))) as {
      verifyWebhook(secret: string, headers: object, body: string, options: { nowMs: number }): boolean;
    };
    expect(verifyWebhook(secret, each.headers, each.body, { nowMs: each.nowMs })).toBe(each.isGenuine);
  });

  test('the client in Python judges them alike', async (context) => {
    if (!hasPython) context.skip('there is no python3 here');
    const script = `import json, sys
from rungate_client import verify_webhook
for case in json.loads(sys.argv[1]):
    print(verify_webhook("${secret}", case["headers"], case["body"].encode(), case["nowMs"] / 1000))`;
    const { stdout } = await run('python3', ['-c', script, JSON.stringify(cases)], { cwd: clients });
    expect(stdout.trim().split('\n')).toEqual(cases.map(({ isGenuine }) => (isGenuine ? 'True' : 'False')));
  });
});
