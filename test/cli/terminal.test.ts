// biome-ignore-all lint/suspicious/noControlCharactersInRegex: a terminal is drawn by control characters
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../../schema/generate/files.ts';
import { formatDuration, printable, renderTable } from '../../src/cli/terminal.ts';
import { RungateProcess } from '../gateway/process.ts';
import { captured } from './captured.ts';

// What people see: tables, colours, questions on a terminal, and reloads of a config that they have changed.

const folder = mkdtempSync(join(tmpdir(), 'rungate-terminal-'));
const file = join(folder, 'rungate.yaml');
const config = (rate: number | string) => `server: { port: 0 }
store: { url: "sqlite::memory:" }
backends: { a: { adapter: restack, baseUrl: "http://127.0.0.1:9", requestsPerSecond: ${rate} } }
agents: [{ name: one, backend: a, target: { agent: A }, timeoutSeconds: 600 }]
`;
let gateway: RungateProcess;
let url = '';

beforeAll(async () => {
  writeFileSync(file, config(5));
  gateway = new RungateProcess(['serve', '--config', file], folder);
  ({ url } = await gateway.client());
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test.each([
  ['no escape sequence', 'no\u001b[31m escape sequence'],
  ['one line of two', 'one line\r\nof two'],
  ['a bell � and a turn �', 'a bell \u0007 and a turn \u202e'],
  ['a whole link', '\u001b]8;;http://evil\u0007a whole link\u001b]8;;\u0007'],
])('text of a vendor is shown as %j', (shown, text) => {
  expect(printable(text)).toBe(shown);
});

test('a table aligns its columns, numbers to the right, and is whole where no terminal cuts it', () => {
  const rows = [
    { name: 'a', count: 5, why: 'x'.repeat(300) },
    { name: 'long', count: 1234, why: '' },
  ];
  const table = renderTable(rows, [
    { head: 'NAME', cell: ({ name }) => name },
    { head: 'COUNT', cell: ({ count }) => String(count), isNumber: true },
    { head: 'WHY', cell: ({ why }) => why },
  ]);
  expect(table).toBe(`NAME  COUNT  WHY\na         5  ${'x'.repeat(300)}\nlong   1234\n`);
});

test.each([
  [0, '0ms'],
  [999.4, '999ms'],
  [1500, '1.5s'],
  [59_000, '59s'],
  [60_000, '1m'],
  [7_800_000, '2h 10m'],
  [86_400_000 * 3 + 60_000, '3d'],
])('%d milliseconds are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('a changed config is put into force by reload, and one that is wrong is refused with its problems', async () => {
  writeFileSync(file, config(7));
  const taken = await captured(['reload', '--url', url]);
  expect(taken).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^the config is in force; its hash is [\da-f]+\n$/),
  });
  writeFileSync(file, config('many'));
  const refused = await captured(['reload', '--url', url]);
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('requestsPerSecond')]);
  const diff = await captured(['check', file, '--diff', '--url', url]);
  expect(diff.code).toBe(1);
});

test.each([
  [{ FORCE_COLOR: '1' }, true],
  [{}, false],
])('with %j a table has colours: %s', async (env, isColoured) => {
  const { code, out } = await new RungateProcess(['backends', '--url', url], folder, env).exit();
  expect([code, out.includes('\u001b[')]).toEqual([0, isColoured]);
});

/** util-linux runs a program on a terminal of its own. */
const isTerminalThere = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!isTerminalThere)('on a terminal (skipped where util-linux has no script)', () => {
  function open(words: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const command = ['exec', process.execPath, join(root, 'src/main.ts'), ...words, '--url', url].join(' ');
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
    });
    const terminal = { child, seen: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      terminal.seen += text;
    });
    return terminal;
  }

  async function until(terminal: ReturnType<typeof open>, pattern: RegExp): Promise<void> {
    while (!pattern.test(terminal.seen)) await once(terminal.child.stdout, 'data');
  }

  test('cancel asks with the count, only yes cancels, and a run that comes after the count is left alone', async () => {
    const ids: string[] = [];
    for (let count = 0; count < 3; count += 1) {
      ids.push((await captured(['run', 'one', '--detach', '--url', url])).out.trim());
    }
    let late = '';
    for (const [answer, said, code] of [
      ['\n', /nothing was done/, 1],
      ['y\n', /3 cancelled/, 0],
    ] as const) {
      const terminal = open(['runs', 'cancel', '--live']);
      await until(terminal, /cancel 3 runs\? \[y\/N\] /);
      if (code === 0) late = (await captured(['run', 'one', '--detach', '--url', url])).out.trim();
      terminal.child.stdin.write(answer);
      await until(terminal, said);
      const [exit] = (await once(terminal.child, 'close')) as [number];
      expect(exit).toBe(code);
    }
    const { out } = await captured(['runs', 'show', ids[0] ?? '', '--url', url]);
    expect(out).toMatch(/^error +1000 the run was cancelled$/m);
    // It came while the question was open, and was not part of the count.
    const other = await captured(['runs', 'show', late, '--url', url]);
    expect(other.out).toMatch(/^state +(queued|starting)$/m);
    await captured(['runs', 'cancel', late, '--yes', '--url', url]);
  });

  test.each([
    [{}, true],
    [{ NO_COLOR: '1' }, false],
  ])('with %j a table has colours: %s', async (env, isColoured) => {
    const terminal = open(['backends'], env);
    await once(terminal.child, 'close');
    expect([terminal.seen.includes('BACKEND'), terminal.seen.includes('\u001b[2m')]).toEqual([true, isColoured]);
  });

  test('top draws on the other screen until Ctrl-C, and gives the first one back', async () => {
    const terminal = open(['top']);
    await until(terminal, /\u001b\[\?1049h[\s\S]*BACKEND[\s\S]*\u001b\[J/);
    terminal.child.stdin.write('\u0003');
    await until(terminal, /\u001b\[\?25h\u001b\[\?1049l/);
    const [exit] = (await once(terminal.child, 'close')) as [number];
    expect(exit).toBe(0);
  });
});
