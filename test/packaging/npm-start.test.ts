import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '../..');

let folder: string;
beforeEach(() => {
  // The checkout by links, so that the store of the sample config is not the checkout's own.
  folder = mkdtempSync(join(tmpdir(), 'rungate-npm-'));
  for (const name of ['src', 'adapters', 'mappings', 'node_modules', '.npmrc'])
    symlinkSync(join(root, name), join(folder, name));
  writeFileSync(join(folder, 'package.json'), readFileSync(join(root, 'package.json')));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function isOpen(port: number): Promise<boolean> {
  const socket = createConnection({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

test.each([
  ['SIGTERM to npm', 'SIGTERM', false],
  ['Ctrl-C, which reaches npm and the gateway', 'SIGINT', true],
] as const)('npm start: %s drains the gateway once and frees its port', async (_, signal, toGroup) => {
  const npm = spawn('npm', ['start', '--', '--port', '0'], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (npm.pid === undefined || npm.stdout === null) throw new Error('npm did not start');
  let printed = '';
  const isReady = Promise.withResolvers<void>();
  npm.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    printed += chunk;
    if (printed.includes('/stream\n\n')) isReady.resolve();
  });
  const ended = once(npm.stdout, 'close');
  await isReady.promise;
  const port = Number(/"url":"http:\/\/127\.0\.0\.1:(\d+)"/.exec(printed)?.[1]);
  expect(await isOpen(port)).toBe(true);
  process.kill(toGroup ? -npm.pid : npm.pid, signal);
  // The gateway holds the other end of this pipe: an orphan would keep it open.
  await ended;
  expect(await isOpen(port)).toBe(false);
  expect(printed.match(/"msg":"rungate stopp?(ed|s)"/g)).toEqual(['"msg":"rungate stops"', '"msg":"rungate stopped"']);
});
