import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { memorySettings } from '../../src/cli/memory-settings.ts';
import { Dockerfile } from './dockerfile.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'rungate-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** With all packages in it; before they were, those that were installed with it took fifty. */
const maxPackedBytes = 3_000_000;
const npm = (words: readonly string[], cwd = root) =>
  execFileSync('npm', words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

// From exactly what the Dockerfile copies: what it forgets is missed here, before the image is built.
const copied = join(folder, 'build');
mkdirSync(copied);
new Dockerfile(root).replayCopies(0, copied);
// In place of the stage's own `npm ci --ignore-scripts`.
symlinkSync(join(root, 'node_modules'), join(copied, 'node_modules'));
npm(['pack', '--pack-destination', folder], copied);
const tarball = join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '');

const older = findOlderNode();

/** A Node below the floor: npm puts the one that `npm ci` installed first, and that of the machine is behind it. */
function findOlderNode(): { readonly file: string; readonly version: string } | undefined {
  for (const place of (process.env.PATH ?? '').split(':')) {
    const file = join(place, 'node');
    const { status, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' });
    const version = stdout?.trim().replace(/^v/, '') ?? '';
    if (status === 0 && Number.parseInt(version, 10) < 24) return { file, version };
  }
  return undefined;
}

describe('the packed package', () => {
  test('the tarball is under three megabytes and holds compiled code and its data alone', () => {
    expect(statSync(tarball).size).toBeLessThan(maxPackedBytes);
    const files = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).trim().split('\n');
    const places = new Set(
      files.map((file) =>
        file
          .split('/')
          .slice(1, file.includes('/dist/') ? 3 : 2)
          .join('/'),
      ),
    );
    expect([...places].toSorted()).toEqual([
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'bin',
      'dist/THIRD-PARTY.txt',
      'dist/adapters',
      'dist/check-thread.mjs',
      'dist/checkpoint-worker.mjs',
      'dist/console',
      'dist/console-packages',
      'dist/deploy',
      'dist/evaluation-thread.mjs',
      'dist/kept-code.cjs',
      'dist/mappings',
      'dist/memory-settings.cjs',
      'dist/migrations',
      'dist/rungate.cjs',
      'dist/swagger-ui',
      'dist/thread.mjs',
      'package.json',
      'rungate.example.yaml',
      'schema',
    ]);
    expect(files.filter((file) => file.endsWith('.ts'))).toEqual([]);
    // One of each kind of file that the code reads while it runs.
    for (const file of [
      'migrations/sqlite/0001-runs.sql',
      'mappings/intuned.yaml',
      'adapters/replicate/adapter.yaml',
      'swagger-ui/LICENSE',
      'console/main.js',
      'console/console.css',
      'console-packages/preact.mjs',
      'deploy/compose.yaml',
      'deploy/kubernetes/rungate.yaml',
    ]) {
      expect(files).toContain(`package/dist/${file}`);
    }
  });

  test('the command is plain enough for the parser of an older Node, and stops at its own check', () => {
    const source = readFileSync(join(root, 'bin/rungate.cjs'), 'utf8');
    expect(source).not.toMatch(/=>|`|\bconst\b|\blet\b|\bclass\b|\?\?|\?\./);
    const pretend = `Object.defineProperty(process, 'versions', { value: { node: '18.20.0' } }); require(${JSON.stringify(join(root, 'bin/rungate.cjs'))})`;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', pretend], { encoding: 'utf8' });
    expect([status, stdout, stderr]).toEqual([1, '', 'rungate needs Node.js 24 or newer, and this is 18.20.0.\n']);
  });

  test.skipIf(older === undefined)(
    `the command on an older Node says in one sentence what it needs (${older?.version ?? 'no older Node is on the PATH'})`,
    () => {
      execFileSync('tar', ['-xzf', tarball, '-C', folder, 'package/bin', 'package/package.json']);
      const command = [join(folder, 'package/bin/rungate.cjs'), 'serve', '--sandbox'];
      const { status, stdout, stderr } = spawnSync(older?.file ?? '', command, { encoding: 'utf8', env: {} });
      const said = `rungate needs Node.js 24 or newer, and this is ${older?.version}.\n`;
      expect([status, stdout, stderr]).toEqual([1, '', said]);
    },
  );

  test('the package needs no other package, and names each one that is part of it with its licence', () => {
    const manifest = JSON.parse(textOf('package.json')) as Record<string, unknown>;
    expect(Object.keys(manifest).filter((name) => /dependencies|scripts/i.test(name))).toEqual([]);
    const checkout = z
      .object({ version: z.string(), dependencies: z.record(z.string(), z.string()) })
      .parse(JSON.parse(readFileSync(join(copied, 'package.json'), 'utf8')));
    expect(manifest.version).toBe(checkout.version);
    const notices = textOf('dist/THIRD-PARTY.txt');
    const listed = [...notices.matchAll(/^-{80}\n(.+) (\S+)\nLicence: \S+$/gm)].map(([, name]) => name);
    expect(Object.keys(checkout.dependencies).filter((name) => !listed.includes(name))).toEqual([]);
    // What packages bring along is part of the code as well.
    for (const name of ['formidable', 'iconv-lite', 'thread-stream']) expect(listed).toContain(name);
    expect(notices).toMatch(/^koa .+\nLicence: MIT\n[\s\S]{1,40}\nCopyright \(c\) \d{4} Koa contributors$/m);
  });

  test('a stack trace of the package names functions as the sources do', () => {
    const code = textOf('dist/rungate.cjs');
    expect(code).toContain('\n// src/gateway.ts\n');
    expect(code).toMatch(/^async function startGateway\(/m);
  });

  test('the package loads the gateway as a whole, so that its constants stay constants', () => {
    expect(textOf('dist/rungate.cjs')).not.toContain('init_gateway');
  });

  test('all code of the package is ASCII, so that V8 keeps it with one byte a character', () => {
    const code = execFileSync('tar', ['-tzf', tarball], { encoding: 'utf8' }).match(/^package\/dist\/[^/]+\.[cm]js$/gm);
    expect(code?.length).toBeGreaterThan(5);
    for (const file of code ?? [])
      expect([file, /[^\0-\x7f]/.exec(textOf(file.slice('package/'.length)))]).toEqual([file, null]);
  });

  test('what a start does not need is not in the package: types of files twice, and the lines of the bundle', () => {
    const code = textOf('dist/rungate.cjs');
    expect(code.match(/^ {2}"[^"]*mime-db\/db\.json"/gm)).toHaveLength(1);
    // Node computes the places of all lines of the bundle for it.
    expect(code).not.toContain('getCallSites()');
  });

  test('the thread that every gateway on SQLite keeps has no package in it', () => {
    expect(textOf('dist/checkpoint-worker.mjs')).not.toContain('node_modules');
  });

  test.runIf(process.platform === 'linux' && memorySettings.inStart.length > 0)(
    'a gateway that is at rest after its start is made small long before V8 would do it by itself',
    async () => {
      execFileSync('tar', ['-xzf', tarball, '-C', folder, 'package']);
      const words = ['--trace-gc', join(folder, 'package/bin/rungate.cjs'), 'serve', '--sandbox', '--port', '0'];
      const gateway = spawn(process.execPath, words, {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache-of-rest') },
      });
      onTestFinished(() => void gateway.kill('SIGKILL'));
      let printed = '';
      for await (const chunk of gateway.stdout.setEncoding('utf8')) {
        printed += String(chunk);
        if (printed.includes('Mark-Compact (reduce)')) break;
      }
      expect(printed).toMatch(/rungate listens[\s\S]+Mark-Compact \(reduce\)/);
    },
    // By itself, V8 waits for thirty seconds.
    28_000,
  );

  test('installed without a registry it serves a run, its documents and its threads', async () => {
    const prefix = join(folder, 'prefix');
    writeFileSync(join(folder, 'package.json'), '{}');
    npm(['install', '--prefix', prefix, '--offline', '--no-audit', '--no-fund', tarball], folder);
    const modules = join(prefix, 'node_modules');
    expect(readdirSync(modules).filter((name) => !name.startsWith('.'))).toEqual(['rungate']);
    const serve = () =>
      spawn(process.execPath, [join(modules, 'rungate/bin/rungate.cjs'), 'serve', '--sandbox', '--port', '0'], {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: join(folder, 'cache') },
      });
    const gateway = serve();
    try {
      let printed = '';
      for await (const chunk of gateway.stdout.setEncoding('utf8')) {
        printed += String(chunk);
        if (printed.includes('/stream\n\n')) break;
      }
      if (process.platform === 'linux')
        expect(readFileSync(`/proc/${gateway.pid}/cmdline`, 'utf8')).toContain('--max-semi-space-size');
      const url = /"url":"([^"]+)"/.exec(printed)?.[1] ?? '';
      const created = await fetch(`${url}/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ agent_id: 'echo', input: { hello: 'world' } }),
      });
      const { run_id: runId } = (await created.json()) as { run_id: string };
      const output = await fetch(`${url}/runs/${runId}/output?block_timeout=30`);
      expect(await output.json()).toMatchObject({ status: 'success', result: { hello: 'world' } });
      const ofConsole = ['/console', '/console/files/main.js', '/console/files/preact.mjs'];
      const ofDocs = ['/docs', '/docs/swagger-ui-bundle.js', '/docs/swagger-ui.css', '/openapi.json'];
      for (const path of [...ofConsole, ...ofDocs]) {
        const answer = await fetch(`${url}${path}`);
        expect([path, answer.status]).toEqual([path, 200]);
        expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(100);
      }
    } finally {
      gateway.kill('SIGTERM');
      await once(gateway, 'exit');
    }
    expect(gateway.exitCode).toBe(0);
    const keptCode = () => {
      const files = readdirSync(join(folder, 'cache/rungate')).filter((name) => name.endsWith('.code'));
      return files.map((name) => [name, statSync(join(folder, 'cache/rungate', name)).ino]);
    };
    const kept = keptCode();
    expect(kept).toHaveLength(1);
    // The flags of V8 are the same at the next start, so that the code counts and is not made anew.
    const again = serve();
    for await (const chunk of again.stdout.setEncoding('utf8')) if (String(chunk).includes('/stream\n\n')) break;
    again.kill('SIGTERM');
    await once(again, 'exit');
    expect(keptCode()).toEqual(kept);
    expect(startThreads(join(modules, 'rungate/dist'))).toEqual([
      'check-thread.mjs prepares',
      'checkpoint-worker.mjs runs',
      'evaluation-thread.mjs prepares',
      'thread.mjs runs',
    ]);
  });
});

function textOf(file: string): string {
  return execFileSync('tar', ['-xzOf', tarball, `package/${file}`], { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}

/** Starts each worker thread of the package as its code does, and loads what threads are given; says which came up. */
function startThreads(code: string): readonly string[] {
  const script = `
    import { readFileSync } from 'node:fs';
    import { once } from 'node:events';
    import { join } from 'node:path';
    import { pathToFileURL } from 'node:url';
    import { DatabaseSync } from 'node:sqlite';
    import { Worker } from 'node:worker_threads';
    const file = ${JSON.stringify(join(folder, 'threads.db'))};
    new DatabaseSync(file).exec('PRAGMA journal_mode = wal; CREATE TABLE t (x)');
    const command = join(${JSON.stringify(code)}, 'rungate.cjs');
    const found = [];
    for (const [, prefix, name] of readFileSync(command, 'utf8').matchAll(/(Worker\\(|= )new URL\\(['"].\\/([^'"]+\\.mjs)['"]/g)) {
      const url = new URL(name, pathToFileURL(command));
      if (prefix === '= ') {
        const module = await import(url);
        found.push(name + (typeof module.prepare === 'function' ? ' prepares' : ' does not prepare'));
        continue;
      }
      const worker = new Worker(url, { workerData: { file } });
      await once(worker, 'online');
      await worker.terminate();
      found.push(name + ' runs');
    }
    console.log(JSON.stringify(found.sort()));
  `;
  // A file: threads inherit the flags of their process, and --input-type is for texts alone.
  const place = join(folder, 'threads.mjs');
  writeFileSync(place, script);
  return JSON.parse(execFileSync(process.execPath, [place], { encoding: 'utf8' })) as string[];
}
