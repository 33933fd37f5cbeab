import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { hashKey } from '../../src/access/key-ring.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { RungateProcess } from '../gateway/process.ts';

vi.setConfig({ testTimeout: 60_000 });

const clientKey = 'rungate_test-client-of-files';
/** Each stands in a file of its own, with a line break behind it. */
const files = {
  vendor: 'vendor-key-5d41402abc4b',
  token: 'restack-token-7d793037a076',
  webhook: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  hash: hashKey(clientKey),
};

let folder: string;
let sandbox: Sandbox;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rungate-secrets-'));
  for (const [name, secret] of Object.entries(files)) writeFileSync(join(folder, name), `${secret}\n`);
  // The vendor accepts another key, and quotes ours in its refusal.
  sandbox = await startSandbox({ apiKeys: ['another-key'] });
});
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

const from = (name: keyof typeof files) => `"\${FILE:${join(folder, name)}}"`;

function config(more = ''): string {
  return `server: { port: 0 }
log: { level: debug }
auth: { keys: [{ name: shop, sha256: ${from('hash')} }] }
webhooks: { secrets: [${from('webhook')}] }
backends:
  intuned: { adapter: intuned, baseUrl: "${sandbox.intunedUrl}", workspaceId: w, apiKey: ${from('vendor')} }
  restack: { adapter: restack, baseUrl: "${sandbox.restackUrl}", token: ${from('token')} }
agents:
  - { name: echo, backend: intuned, target: { project: p, api: echo } }
  - { name: chat, backend: restack, target: { agent: NoSuchAgent } }
${more}`;
}

async function run(command: string, text: string) {
  const file = join(folder, 'rungate.yaml');
  writeFileSync(file, text);
  return await new RungateProcess([command, '--config', file], folder).exit();
}

function expectNoSecret(...texts: readonly string[]): void {
  for (const text of texts)
    for (const secret of [...Object.values(files), clientKey]) expect(text).not.toContain(secret);
}

test('rungate check prints nothing of the secrets in files, for a valid and an invalid config', async () => {
  const right = await run('check', config());
  expect([right.code, right.err]).toEqual([0, '']);
  expectNoSecret(right.out);
  // In places where what is wrong is often quoted.
  const wrong =
    config(`  - { name: ${from('vendor')}, backend: ${from('token')}, mapping: { output: ${from('webhook')} } }
defaultAgent: ${from('vendor')}
log2: ${from('token')}
`)
      .replace(from('hash'), from('vendor'))
      .replace(`[${from('webhook')}]`, `[${from('token')}]`)
      .replace(`"${sandbox.restackUrl}"`, from('token'));
  const refused = await run('check', wrong);
  expect(refused.code).toBe(1);
  expect(refused.err).toContain('backends.restack.baseUrl');
  expect(refused.err).toContain('webhooks.secrets[0]');
  expectNoSecret(refused.out, refused.err);
  expect((await run('serve', wrong)).err).toBe(refused.err);
});

test('a gateway with secrets from files writes none of them, whatever fails and at whatever level it logs', async () => {
  const file = join(folder, 'rungate.yaml');
  writeFileSync(file, config());
  await using gateway = new RungateProcess(['serve', '--config', file], folder);
  const url = await gateway.said(/"url":"(http:[^"]+)"[^\n]*"rungate listens"/);
  const answers: string[] = [];
  const ask = async (method: string, path: string, body: object | null, key = clientKey) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const answer = await fetch(url + path, { method, headers, body: body === null ? null : JSON.stringify(body) });
    const text = await answer.text();
    answers.push(text, JSON.stringify([...answer.headers]));
    return text;
  };
  for (const agent_id of ['echo', 'chat']) {
    const created = await ask('POST', '/runs', {
      agent_id,
      input: {},
      webhook: `https://hooks.example/?k=${agent_id}`,
    });
    const { run_id: id } = JSON.parse(created) as { run_id: string };
    expect(await ask('GET', `/runs/${id}/output?block_timeout=20`, null)).toContain('"type":"error"');
    await ask('GET', `/agents/${agent_id}/descriptor`, null);
  }
  // A client that sends a secret of the gateway, of which the answer repeats what was sent, or a key with a typo.
  const known = await ask('POST', '/runs', { agent_id: files.vendor, input: {} });
  expect(known).toBe(JSON.stringify(`no such agent: "${files.vendor}"; POST /agents/search lists them`));
  answers.splice(answers.indexOf(known), 1);
  await ask('POST', '/runs', {}, `${clientKey}x`);
  await ask('GET', '/health/ready', null);
  gateway.kill('SIGTERM');
  const { code, out, err } = await gateway.exit();
  expect(code).toBe(0);
  expect(out).toContain('"level":"debug"');
  expectNoSecret(out, err);
  expectNoSecret(...answers);
});
