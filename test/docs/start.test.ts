import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import { sampleConfig } from '../../src/sandbox/sample-config.ts';
import { readBlocks } from './markdown.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const main = join(root, 'src/main.ts');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const manifest = z
  .object({ scripts: z.object({ start: z.string() }) })
  .parse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')));

const promisedUrl = 'http://127.0.0.1:8080';
const [command = '', example = ''] = readBlocks(readme, 'sh');
const exampleLines = example.trimEnd().split('\n');
const commands = exampleLines.filter((line) => !line.startsWith('#'));
/** The comments that show what comes back. */
const answers = exampleLines.filter((line) => /^# (\{|id: |event: |data: )/.test(line)).map((line) => line.slice(2));

describe('the first lines of README.md', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-start-'));
  let gateway: ChildProcess;
  let printed = '';
  let url = '';

  // What `npm start` runs, but for the port.
  beforeAll(async () => {
    const [shell, program, ...words] = manifest.scripts.start.replace('src/main.ts', main).split(' ');
    expect([shell, program]).toEqual(['exec', 'node']);
    gateway = spawn(process.execPath, [...words, '--port', '0'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    if (gateway.stdout === null) throw new Error('there is no output to read');
    for await (const chunk of gateway.stdout.setEncoding('utf8')) {
      printed += String(chunk);
      if (printed.includes('/stream\n\n')) break;
    }
    url = /"url":"([^"]+)"/.exec(printed)?.[1] ?? '';
  });

  afterAll(async () => {
    if (gateway.exitCode === null) {
      gateway.kill('SIGTERM');
      await once(gateway, 'exit');
    }
    rmSync(folder, { recursive: true });
  });

  test('one command and an example of ten lines stand before line 25', () => {
    expect(command).toBe('npm ci && npm start\n');
    expect(exampleLines).toHaveLength(10);
    const end = readme.indexOf(example) + example.length;
    expect(readme.slice(0, end).split('\n').length).toBeLessThan(25);
  });

  test('the example has the lines that the start prints', () => {
    const printedLines = printed
      .slice(printed.indexOf('Try it:'))
      .split('\n')
      .filter((line) => line.startsWith('  '))
      .map((line) => line.trim().replaceAll(url, promisedUrl));
    expect(printedLines).toHaveLength(3);
    expect(commands).toEqual(printedLines);
  });

  test('without a port it serves where the example asks', async () => {
    const text = sampleConfig({
      intunedUrl: 'http://127.0.0.1:1',
      restackUrl: 'http://127.0.0.1:2',
      vendorsUrl: 'http://127.0.0.1:3',
    });
    const { server, agents } = await parseConfig(text, { file: 'sample', env: {}, registry: adapters });
    expect(`http://${server.host}:${server.port}`).toBe(promisedUrl);
    expect(agents).toHaveLength(16);
    expect(new Set(agents.map(({ backend }) => backend)).size).toBe(11);
  });

  test('the example answers what it shows', async (context) => {
    if (spawnSync('curl', ['--version']).error !== undefined) context.skip('there is no curl here');
    const { stdout } = await run('sh', ['-ec', commands.join('\n').replaceAll(promisedUrl, url)]);
    const lines = stdout
      .replaceAll(/"run_id":"[^"]+"/g, '"run_id":"…"')
      .trimEnd()
      .split('\n');
    expect(answers).toHaveLength(4);
    // The output, then the last event.
    expect([lines[0], ...lines.slice(-3)]).toEqual(answers);
  });
});
