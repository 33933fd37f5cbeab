import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { adapters } from '../../adapters/index.ts';
import { defaultApiKey } from '../../src/sandbox/sandbox.ts';
import { RungateProcess } from '../gateway/process.ts';
import { captured } from './captured.ts';

// Commands about configs: what they say is wrong, what they write, and what they try.

const folder = mkdtempSync(join(tmpdir(), 'rungate-configs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(name: string, text: string): string {
  const file = join(folder, name);
  writeFileSync(file, text);
  return file;
}

/** A placeholder of the config. */
const value = (name: string) => ['$', `{${name}}`].join('');

const agents = 'agents: [{ name: one, backend: a, target: { agent: A } }]\n';

test('a config is checked without its variables and secret files, whatever their places take', async () => {
  const file = fileOf(
    'no-env.yaml',
    `server: { port: "${value('PORT')}", hosts: ["${value('NAME')}"] }
store: { url: "${value('STORE')}" }
auth: { keys: [{ name: ci, sha256: "${value('HASH')}" }] }
webhooks: { secrets: ["${value('FILE:/no/such/secret')}"] }
backends: { a: { adapter: restack, baseUrl: "${value('URL')}", token: "${value('FILE:token')}" } }
${agents}`,
  );
  expect(await captured(['check', file, '--no-env'])).toEqual({
    ...{ code: 0, out: `${file}: 1 agent over 1 backend, nothing wrong\n`, err: '' },
  });
  expect((await captured(['check', file])).code).toBe(1);
});

test('what is wrong whatever the variables hold is said without them', async () => {
  const file = fileOf(
    'no-env-wrong.yaml',
    `backends: { a: { adapter: restack, baseUrl: "${value('URL')}", requestsPerSecond: many } }\n${agents}`,
  );
  const { code, err } = await captured(['check', file, '--no-env']);
  expect([code, err]).toEqual([1, expect.stringContaining('has 1 problem')]);
  expect(err).toContain('backends.a.requestsPerSecond');
});

test('check takes a file as a word, and refuses two configs', async () => {
  const file = fileOf('word.yaml', `backends: { a: { adapter: restack, baseUrl: "http://h" } }\n${agents}`);
  expect((await captured(['check', file])).out).toBe(`${file}: 1 agent over 1 backend, nothing wrong\n`);
  expect((await captured(['check', file, '--config', file])).code).toBe(2);
  expect((await captured(['check', file, '--no-env', '--connect'])).code).toBe(2);
});

test.each([
  [404, 0, /^a +ok +answers, and takes the key$/m],
  [401, 1, /^a +error +refuses the key \(401\)/m],
  [503, 1, /^a +error +fails \(503\)/m],
  [429, 0, /^a +\? +answers, and asks for a pause \(429\)$/m],
  [422, 0, /^a +\? +answers 422, which says nothing of the key/m],
])(
  'a vendor that answers %i to a run that cannot exist is judged by that, and nothing is started',
  async (status, code, said) => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(status, { 'content-type': 'application/json' }).end('{"message":"m"}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const file = fileOf(
        `connect-${status}.yaml`,
        `store: { url: "sqlite:${join(folder, 'none.db')}" }
backends: { a: { adapter: apify, baseUrl: "http://127.0.0.1:${port}", token: t } }
agents: [{ name: one, backend: a, target: { actor: A } }]\n`,
      );
      const { out } = await captured(['check', file, '--connect']);
      expect(out).toMatch(said);
      expect(asked).toEqual(['GET /v2/actor-runs/00000000-0000-4000-8000-000000000000']);
      // The store is not there yet, which is no fault of the config.
      expect(out).toMatch(/^store +\? +there is none yet/m);
      expect((await captured(['check', file, '--connect'])).code).toBe(code);
    } finally {
      server.close();
    }
  },
);

test('the backends of the sandbox take the key, with a coded adapter as with a vendor file, and another key is refused', async () => {
  await using sandbox = new RungateProcess(['sandbox'], folder);
  const vendors = await sandbox.said(/vendors: (\S+)/);
  const intuned = await sandbox.said(/intuned: (\S+)/);
  const config = (key: string) => `store: { url: "sqlite::memory:" }
backends:
  i: { adapter: intuned, baseUrl: "${intuned}", workspaceId: sandbox, apiKey: ${key} }
  v: { adapter: apify, baseUrl: "${vendors}/apify", token: ${key} }
agents:
  - { name: one, backend: i, target: { project: samples, api: echo } }
  - { name: two, backend: v, target: { actor: A } }
`;
  const key = defaultApiKey;
  const good = await captured(['check', fileOf('sandbox.yaml', config(key)), '--connect']);
  expect(good.out).toMatch(/^i +ok .*\nv +ok /m);
  const bad = await captured(['check', fileOf('sandbox.yaml', config('other')), '--connect']);
  expect([bad.code, bad.out]).toEqual([1, expect.stringMatching(/^i +error +refuses the key \(401\)/m)]);
});

test('a host without an address and a port without a server are named', async () => {
  const file = fileOf(
    'lost.yaml',
    `store: { url: "sqlite:${join(folder, 'lost.db')}" }
backends:
  a: { adapter: restack, baseUrl: "http://no-such-host.invalid" }
  b: { adapter: restack, baseUrl: "http://127.0.0.1:1" }
agents: [{ name: one, backend: a, target: { agent: A } }, { name: two, backend: b, target: { agent: A } }]\n`,
  );
  const { code, out } = await captured(['check', file, '--connect']);
  expect(code).toBe(1);
  expect(out).toMatch(/^a +error +its host no-such-host.invalid has no address/m);
  expect(out).toMatch(/^b +error +does not answer: /m);
});

test('the file is compared with the config of a running gateway', async () => {
  const text = (burst: number) => `server: { port: 0 }
store: { url: "sqlite::memory:" }
backends: { a: { adapter: restack, baseUrl: "http://127.0.0.1:9", requestsPerSecond: ${burst} } }
${agents}`;
  const file = fileOf('diff.yaml', text(5));
  await using gateway = new RungateProcess(['serve', '--config', file], folder);
  const { url } = await gateway.client();
  expect((await captured(['check', file, '--diff', '--url', url])).out).toContain('runs the same\n');
  writeFileSync(file, text(7));
  const { out } = await captured(['check', file, '--diff', '--url', url]);
  expect(out).toMatch(/^backends\.a\.requestsPerSecond +5 +7$/m);
});

test('a mapping is tried on a run of its vendor, without the variables of its config', async () => {
  const file = fileOf(
    'mapping.yaml',
    `backends: { a: { adapter: intuned, baseUrl: "http://h", workspaceId: w, apiKey: "${value('KEY')}" } }
agents: [{ name: one, backend: a, target: { project: p, api: a }, mapping: { output: result.items } }]\n`,
  );
  const raw = (name: string, run: object) => fileOf(name, JSON.stringify(run));
  const tryOut = async (run: object, ...words: readonly string[]) =>
    await captured(['mapping', 'try', 'one', '--config', file, '--raw', raw('raw.json', run), ...words]);
  const done = await tryOut({ status: 'completed', result: { items: [1] } });
  expect([done.code, JSON.parse(done.out)]).toEqual([
    0,
    { vendor_status: 'completed', status: 'success', output: [1] },
  ]);
  const unknown = await tryOut({}, '--status', 'COMPLETED');
  expect([unknown.code, JSON.parse(unknown.out)]).toEqual([
    1,
    { vendor_status: 'COMPLETED', status: null, unmapped: 'COMPLETED', nearest: 'completed' },
  ]);
  expect((await tryOut({})).code).toBe(2);
  const other = await captured([
    'mapping',
    'try',
    'on',
    '--config',
    file,
    '--raw',
    join(folder, 'raw.json'),
    '--status',
    'x',
  ]);
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('did you mean "one"?')]);
});

test('the config that init writes for every vendor is valid, and nothing that is there is overwritten', async () => {
  const { out } = await captured(['init']);
  const vendors = out.trim().split('\n');
  const coded = adapters.map(({ name }) => name);
  expect(vendors).toEqual(expect.arrayContaining([...coded, 'apify', 'openai-responses']));
  expect(vendors.length).toBeGreaterThan(20);
  for (const [name, some] of [['all', vendors], ...vendors.map((vendor) => [vendor, [vendor]] as const)] as const) {
    const file = join(folder, `init-${name}.yaml`);
    const made = await captured(['init', ...some.slice(0, 20), '--file', file]);
    expect([name, made.code]).toEqual([name, 0]);
    expect([name, await captured(['check', file, '--no-env'])]).toMatchObject([name, { code: 0 }]);
  }
  const again = await captured(['init', 'apify', '--file', join(folder, 'init-all.yaml')]);
  expect([again.code, again.err]).toEqual([1, expect.stringContaining('init-all.yaml already')]);
  expect((await captured(['init', 'apfy'])).err).toContain('did you mean "apify"?');
});

test('init writes what runs the config with compose, systemd and Kubernetes', async () => {
  const place = join(folder, 'deployed');
  mkdirSync(place);
  const file = join(place, 'rungate.yaml');
  const { code } = await captured(['init', 'intuned', '--file', file, '--compose', '--systemd', '--k8s']);
  expect([code, readdirSync(place).toSorted()]).toEqual([
    0,
    ['compose.yaml', 'grafana', 'kubernetes', 'prometheus', 'rungate.service', 'rungate.yaml'],
  ]);
  expect(readFileSync(file, 'utf8')).toContain('hosts: [first, second]');
  expect((await captured(['check', file, '--no-env'])).code).toBe(0);
});

test('a shell completes commands, actions and flags', async () => {
  const { out } = await captured(['completion', 'bash']);
  const complete = (...words: readonly string[]) => {
    const last = String(words.length - 1);
    const script = `${out}\nCOMP_WORDS=("$@"); COMP_CWORD=${last}; _rungate; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
      .stdout.trim()
      .split('\n');
  };
  expect(complete('rungate', 'run')).toEqual(['run', 'runs']);
  expect(complete('rungate', 'runs', 'wa')).toEqual(['watch']);
  expect(complete('rungate', 'runs', 'list', '--ol')).toEqual(['--older']);
  expect((await captured(['completion', 'fish'])).out).toContain(
    'complete -c rungate -n "__fish_seen_subcommand_from runs" -a watch',
  );
  expect((await captured(['completion', 'zsh'])).out).toContain('bashcompinit');
});
