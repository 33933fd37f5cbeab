import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { memorySettings } from '../../src/cli/memory-settings.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const taker = fileURLToPath(new URL('./memory-taker.ts', import.meta.url));
const run = promisify(execFile);
const mebibyte = 1024 * 1024;

/** The sandbox keeps its database below the folder that it is started in. */
const folder = mkdtempSync(join(tmpdir(), 'rungate-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A served sandbox once it listens, and what the kernel says that it runs with. */
async function serve(options: { readonly env?: NodeJS.ProcessEnv; readonly flags?: readonly string[] }) {
  const child = spawn(process.execPath, [...(options.flags ?? []), main, 'serve', '--sandbox', '--port', '0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...options.env },
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let notes = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    notes += text;
  });
  let said = '';
  for await (const chunk of child.stdout.iterator({ destroyOnReturn: false })) {
    said += String(chunk);
    if (said.includes('rungate listens')) break;
  }
  const read = (what: string) => readFileSync(`/proc/${child.pid}/${what}`, 'utf8').split('\0');
  return { child, words: read('cmdline'), env: read('environ'), notes: () => notes + said };
}

async function stop(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  return await ended;
}

describe.runIf(process.platform === 'linux')('the memory settings of a gateway', () => {
  test('serve runs with the settings in the process that was started, and a signal stops it', async () => {
    const { child, words, env } = await serve({});
    const wanted = Object.entries(memorySettings.env).map(([name, value]) => `${name}=${value}`);
    expect(words.slice(1, 1 + memorySettings.execArgv.length)).toEqual(memorySettings.execArgv);
    expect(env).toEqual(expect.arrayContaining(wanted));
    expect(await stop(child)).toEqual([0, null]);
  }, 60_000);

  test('a start with the settings takes the compiled code of most modules of Node', async () => {
    const { child, notes } = await serve({ env: { NODE_DEBUG_NATIVE: 'CODE_CACHE' } });
    const saying = (what: string) =>
      [...notes().matchAll(/Code cache of (\S+) \(\w+\) is (\w+)/g)]
        .filter((match) => match[2] === what)
        .map(([, name]) => name);
    expect(saying('accepted')).toEqual(expect.arrayContaining(['http', 'sqlite', 'zlib', 'dns']));
    expect(saying('rejected')).not.toEqual(expect.arrayContaining(['http']));
    expect(await stop(child)).toEqual([0, null]);
  }, 60_000);

  test.each(['MALLOC_ARENA_MAX', 'GLIBC_TUNABLES'])(
    'serve leaves the memory of a process alone whose operator has set %s',
    async (name) => {
      const { child, words, env } = await serve({ env: { [name]: '' } });
      expect(words[1]).toBe(main);
      expect(env.filter((line) => line.startsWith('MALLOC_') && line !== 'MALLOC_ARENA_MAX=')).toEqual([]);
      expect(await stop(child)).toEqual([0, null]);
    },
    60_000,
  );

  test("an operator's own flag of V8 counts more than the one of the settings", async () => {
    const own = '--max-semi-space-size=32';
    const { child, words } = await serve({ flags: [own] });
    expect(words.lastIndexOf(own)).toBeGreaterThan(words.indexOf('--max-semi-space-size=16'));
    expect(await stop(child)).toEqual([0, null]);
  }, 60_000);

  test('a process with the settings gives back large buffers that were freed and the heap of an ended thread', async () => {
    const flags = [...memorySettings.execArgv, '--expose-gc', taker];
    const { stdout } = await run(process.execPath, flags, { env: { ...process.env, ...memorySettings.env } });
    const [before = 0, buffers = 0, after = 0, thread = 0, ended = 0] = JSON.parse(stdout) as number[];
    expect(buffers - before).toBeGreaterThan(60 * mebibyte);
    expect(after - before).toBeLessThan(20 * mebibyte);
    expect(thread - after).toBeGreaterThan(60 * mebibyte);
    // Other versions of V8 keep the heap of an ended thread for a while.
    if (memorySettings.inStart.length > 0) expect(ended - after).toBeLessThan(30 * mebibyte);
  }, 60_000);

  test('a process with the settings gives back buffers of 20 KiB that were freed, with small ones between them in use', async () => {
    const script = `
      const rss = () => process.memoryUsage.rss();
      const held = [], freed = [];
      const before = rss();
      for (let i = 0; i < 3000; i += 1) {
        freed.push(Buffer.allocUnsafeSlow(20480).fill(1));
        if (i % 50 === 0) held.push(Buffer.allocUnsafeSlow(2000).fill(1));
      }
      const full = rss();
      freed.length = 0;
      gc();
      setTimeout(() => console.log(JSON.stringify([before, full, rss(), held.length])), 200);
    `;
    const flags = [...memorySettings.execArgv, '--expose-gc', '-e', script];
    const { stdout } = await run(process.execPath, flags, { env: { ...process.env, ...memorySettings.env } });
    const [before = 0, full = 0, after = 0] = JSON.parse(stdout) as number[];
    expect(full - before).toBeGreaterThan(50 * mebibyte);
    expect(after - before).toBeLessThan(20 * mebibyte);
  }, 60_000);
});
