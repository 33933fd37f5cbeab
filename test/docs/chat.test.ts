import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { RungateProcess } from '../gateway/process.ts';
import { readBlocks, readSection } from './markdown.ts';

const run = promisify(execFile);
const page = readFileSync(resolve(import.meta.dirname, '../../docs/vendors/restack.md'), 'utf8');
const [example = ''] = readBlocks(readSection(page, 'An agent that lives as long as a thread'), 'sh');

test.skipIf(spawnSync('curl', ['--version']).error !== undefined)(
  'the chat on the page of Restack, over the sample config, answers what it shows',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rungate-chat-'));
    await using gateway = new RungateProcess(['serve', '--sandbox', '--port', '0'], folder);
    const { url } = await gateway.client();
    const { stdout } = await run('sh', ['-ec', example.replaceAll('http://127.0.0.1:8080', url)]);
    const promised = example.split('\n').filter((line) => line.startsWith('# '));
    expect(promised).toHaveLength(2);
    expect(stdout.trimEnd().split('\n')).toEqual(promised.map((line) => line.slice(2)));
    rmSync(folder, { recursive: true, force: true });
  },
  60_000,
);
