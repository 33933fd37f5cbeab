import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

/** Writes the packages that the process has loaded when it is told to stop. */
const spy = `data:text/javascript,
import { registerHooks } from 'node:module';
const packages = new Set();
registerHooks({ resolve(specifier, context, next) {
  const found = next(specifier, context);
  const [, name] = /.*node_modules\\/(@[^/]+\\/[^/]+|[^/]+)/.exec(found.url) ?? [];
  if (name !== undefined) packages.add(name);
  if (found.url.includes('/src/sandbox/')) packages.add('the sandbox');
  return found;
} });
process.on('exit', () => process.stderr.write(JSON.stringify([...packages])));`;

const config = (input: string) => `
server: { port: 0 }
store: { url: "sqlite::memory:" }
backends:
  main: { adapter: restack, baseUrl: http://127.0.0.1:9 }
agents:
  - { name: one, version: 1.0.0, description: d, backend: main, target: { agent: A }, timeoutSeconds: 60, schemas: { input: ${input} } }
`;

test.each([
  ['no schema with keywords', '{ title: anything }', []],
  ['a schema with keywords', '{ type: object }', ['ajv']],
])('a gateway on SQLite with %s does not load more than it needs', async (_name, input, loaded) => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-loads-'));
  writeFileSync(join(folder, 'rungate.yaml'), config(input));
  // With glibc's variable the gateway does not start anew, which would lose the spy.
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, MALLOC_ARENA_MAX: '2' };
  const words = ['--import', spy, main, 'serve', '--config', 'rungate.yaml'];
  const gateway = spawn(process.execPath, words, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    let said = '';
    gateway.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    for await (const text of gateway.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
      if (String(text).includes('rungate listens')) break;
    }
    const closed = once(gateway, 'close');
    gateway.kill('SIGTERM');
    await closed;
    const packages = JSON.parse(said) as string[];
    expect(packages).toContain('koa');
    expect(packages.filter((name) => ['ajv', 'pg', 'the sandbox'].includes(name))).toEqual(loaded);
  } finally {
    gateway.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
});
