import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createLog, type LogLevel } from '../../src/observability/log.ts';
import { createRedactor } from '../../src/observability/redaction.ts';

const mib3 = 3 * 1024 * 1024;
const secrets = ['sk-live-4711', 'p@ss "word"', '12345678', 'abc'];

function record(level: LogLevel = 'debug') {
  const lines: string[] = [];
  const log = createLog({ level, secrets, destination: { write: (line) => lines.push(line) } });
  return { log, lines, entries: (): unknown[] => lines.map((line) => JSON.parse(line)) };
}

/** A field with a secret in it, and the field that is logged. */
const leaks: readonly (readonly [string, unknown, unknown])[] = [
  ['a text', 'key sk-live-4711!', 'key [redacted]!'],
  ['a list', ['a', ['sk-live-4711']], ['a', ['[redacted]']]],
  ['an object', { a: { b: 'Bearer sk-live-4711' } }, { a: { b: 'Bearer [redacted]' } }],
  ['a key', { 'sk-live-4711': 1 }, { '[redacted]': 1 }],
  ['a URL', 'https://h/?key=p%40ss%20%22word%22', 'https://h/?key=[redacted]'],
  ['a URL object', new URL('https://h/sk-live-4711'), 'https://h/[redacted]'],
  ['a JSON text', JSON.stringify({ a: 'p@ss "word"' }), '{"a":"[redacted]"}'],
  ['a number', { n: 12_345_678 }, { n: '[redacted]' }],
  ['a map', new Map([['a', 'sk-live-4711']]), [['a', '[redacted]']]],
  ['a password in any URL', 'to redis://u:other@h/1', 'to redis://u:[redacted]@h/1'],
  ['a short secret alone', 'abc', '[redacted]'],
  ['a short secret within a word', 'abcdef', 'abcdef'],
  [
    'a header',
    { headers: { Authorization: 'Basic xyz', 'X-API-Key': 'xyz' } },
    { headers: { Authorization: '[redacted]', 'X-API-Key': '[redacted]' } },
  ],
  ['a list of headers', { 'set-cookie': ['a=1'] }, { 'set-cookie': '[redacted]' }],
  [
    'a credential field',
    { api_key: 'xyz', token: 'xyz', password: 1 },
    { api_key: '[redacted]', token: '[redacted]', password: '[redacted]' },
  ],
  ['the description of a credential', { token: { type: 'string' } }, { token: { type: 'string' } }],
  ['bytes', Buffer.from('sk-live-4711'), '[12 bytes]'],
];

describe('the log', () => {
  test('the log writes one JSON object a line', () => {
    const { log, lines, entries } = record();
    log.info({ run_id: 'r', count: 1 }, 'run created');
    log.error({}, 'second');
    expect(entries()).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), run_id: 'r', count: 1, msg: 'run created' },
      { level: 'error', time: expect.any(String), msg: 'second' },
    ]);
    expect(lines.every((line) => line.endsWith('}\n'))).toBe(true);
  });

  test('one run is logged whole for its time, whatever the level, and others are not', () => {
    const lines: string[] = [];
    let nowMs = 1000;
    const destination = { write: (line: string) => lines.push(line) };
    const log = createLog({ level: 'warn', secrets, destination, monotonicMs: () => nowMs });
    const said = () => lines.splice(0).map((line) => (JSON.parse(line) as { msg: string }).msg);
    const ofRun = log.child({ run_id: 'a' });
    const speak = () => {
      ofRun.debug({}, 'bound');
      log.debug({ run_id: 'a', key: 'sk-live-4711' }, 'given');
      ofRun.debug({ run_id: 'b' }, 'another');
      log.info({}, 'nobody');
    };
    speak();
    expect(said()).toEqual([]);
    log.raise({ runId: 'a', forMs: 500 });
    speak();
    expect(lines.join('')).not.toContain('4711');
    expect(said()).toEqual(['bound', 'given']);
    nowMs += 499;
    log.adopt({ level: 'error', secrets });
    speak();
    expect(said()).toEqual(['bound', 'given']);
    nowMs += 1;
    speak();
    expect(said()).toEqual([]);
    log.raise({ runId: null, forMs: 500 });
    speak();
    expect(said()).toEqual(['bound', 'given', 'another', 'nobody']);
    log.raise({ runId: null, forMs: 0 });
    speak();
    expect(said()).toEqual([]);
  });

  test('of more runs than a hundred the first is no longer logged whole', () => {
    const lines: string[] = [];
    const log = createLog({ level: 'silent', secrets, destination: { write: (line) => lines.push(line) } });
    for (let n = 0; n <= 100; n += 1) log.raise({ runId: `${n}`, forMs: 60_000 });
    for (const run_id of ['0', '1', '100']) log.debug({ run_id }, 'x');
    expect(lines.map((line) => (JSON.parse(line) as { run_id: string }).run_id)).toEqual(['1', '100']);
  });

  test('the log leaves out lines below its level', () => {
    const { log, entries } = record('warn');
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    expect(entries()).toMatchObject([{ msg: 'c' }]);
    const silent = record('silent');
    silent.log.error({}, 'a');
    expect(silent.lines).toEqual([]);
  });

  for (const [name, field, clean] of leaks) {
    test(`the log redacts a secret in ${name}`, () => {
      const { log, entries } = record();
      log.info({ field }, 'm');
      expect(entries()).toMatchObject([{ field: clean }]);
    });
  }

  test('the log redacts messages, child logs and their child logs', () => {
    const { log, lines, entries } = record();
    const child = log.child({ a: 'sk-live-4711' }).child({ b: ['sk-live-4711'], run_id: 'r' });
    child.warn({ c: 'x' }, 'sent sk-live-4711');
    expect(entries()).toMatchObject([
      { a: '[redacted]', b: ['[redacted]'], run_id: 'r', c: 'x', msg: 'sent [redacted]' },
    ]);
    expect(lines.join('')).not.toContain('sk-live');
  });

  test('the log shows errors with their causes, without secrets', () => {
    const { log, lines, entries } = record();
    const cause = new AggregateError([new Error('inner sk-live-4711')], 'several');
    const error = new Error('call with sk-live-4711 failed', { cause });
    Object.assign(error, { code: 'ECONNREFUSED', url: 'http://h/sk-live-4711', self: error });
    log.error({ err: error }, 'm');
    expect(entries()).toMatchObject([
      {
        err: {
          type: 'Error',
          message: 'call with [redacted] failed',
          stack: expect.stringContaining('log.test.ts'),
          code: 'ECONNREFUSED',
          url: 'http://h/[redacted]',
          self: '[circular]',
          cause: { type: 'AggregateError', message: 'several', errors: [{ message: 'inner [redacted]' }] },
        },
      },
    ]);
    expect(lines.join('')).not.toContain('sk-live');
  });

  test('the log takes any value without throwing', () => {
    const { log, entries } = record();
    const twice = { a: 1 };
    const deep = Array.from({ length: 50 }).reduce<unknown>((inner) => ({ inner }), 'end');
    const broken = { toJSON: () => 'as json' };
    log.info({ big: 1n, none: undefined, call: () => 1, twice: [twice, twice], deep, broken, nil: null }, 'm');
    const [entry] = entries();
    expect(entry).toMatchObject({ big: '1', twice: [{ a: 1 }, { a: 1 }], broken: 'as json', nil: null });
    expect(JSON.stringify(entry)).toContain('[too deep]');
  });

  test.each([
    ['a text', 'x'.repeat(mib3)],
    ['a text in a list', [['x'.repeat(mib3)]]],
    ['a key', { ['x'.repeat(mib3)]: 1 }],
    ['the message of an error', new Error('x'.repeat(mib3))],
    ['many texts', Array.from({ length: 1000 }, () => 'x'.repeat(3000))],
    ['lists of numbers', Array.from({ length: 1000 }, () => Array.from({ length: 1000 }, () => 1))],
    ['an object of many members', Object.fromEntries(Array.from({ length: 5000 }, (_, n) => [`key-${n}`, { n }]))],
  ])('a line of the log stays short whatever a vendor sends: %s', (_name, field) => {
    const { log, lines, entries } = record();
    log.warn({ run_id: 'r', field, after: 'the rest' }, 'm');
    expect(lines[0]?.length).toBeLessThan(140_000);
    expect(entries()).toMatchObject([{ run_id: 'r', after: 'the rest', msg: 'm' }]);
  });

  test('a text that is cut names its whole length', () => {
    const { log, entries } = record();
    log.warn({ reason: 'x'.repeat(mib3) }, 'm');
    expect(entries()).toMatchObject([{ reason: `${'x'.repeat(8192)}… (${mib3} characters)` }]);
  });

  test('a secret that the cut of a text goes through is not shown in part', () => {
    const secret = 'sk-live-4711-and-quite-a-bit-longer-than-others';
    // The first ones become shorter when they are redacted, so that what follows them moves up to the cut.
    const first = secret.repeat(30);
    for (let before = 8192 - first.length - 60; before <= 8192; before += 1) {
      const lines: string[] = [];
      const log = createLog({ level: 'info', secrets: [secret], destination: { write: (line) => lines.push(line) } });
      log.warn({ reason: `${first}${'-'.repeat(before)}${secret}${secret}${'-'.repeat(9000)}` }, 'm');
      expect(lines[0]).not.toMatch(/sk-/);
    }
  });

  test('the log loses no line when the process exits at once', async () => {
    const module = fileURLToPath(new URL('../../src/observability/log.ts', import.meta.url));
    const script = `
      import { createLog } from ${JSON.stringify(module)};
      const log = createLog({ level: 'info', secrets: [] });
      for (let n = 0; n < 2000; n++) log.info({ n }, 'line');
      process.exit(0);
    `;
    const run = promisify(execFile);
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], { maxBuffer: 1e8 });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(2000);
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ n: 1999, msg: 'line' });
  });

  test('a log whose output is not read delays no caller', async () => {
    const module = fileURLToPath(new URL('../../src/observability/log.ts', import.meta.url));
    const script = `
      import { setTimeout } from 'node:timers/promises';
      import { createLog } from ${JSON.stringify(module)};
      const log = createLog({ level: 'info', secrets: [] });
      process.stdin.once('end', async () => {
        for (let n = 0; n < 3; n++) {
          log.info({ n }, 'unread');
          await setTimeout(30);
        }
        log.warn({}, 'the last one');
        process.exit(7);
      });
      process.stdin.resume();
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdout.destroy();
    child.stdin.end();
    expect(await once(child, 'exit')).toEqual([7, null]);
  });

  test('a warning and the lines before it are written even if the process is killed at once', async () => {
    const module = fileURLToPath(new URL('../../src/observability/log.ts', import.meta.url));
    const script = `
      import { createLog } from ${JSON.stringify(module)};
      const log = createLog({ level: 'info', secrets: [] });
      log.info({}, 'before');
      log.warn({}, 'worse');
      process.kill(process.pid, 'SIGKILL');
    `;
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    const killed: unknown = await run.catch((fault: unknown) => fault);
    expect(killed).toMatchObject({ signal: 'SIGKILL', stdout: expect.stringMatching(/"before".*\n.*"worse"/) });
  });
});

describe('a redactor', () => {
  test('the longer of two secrets that share a part is replaced whole', () => {
    expect(createRedactor(['secret', 'secret-longer']).text('secret-longer secret')).toBe('[redacted] [redacted]');
  });

  test('an empty secret is ignored', () => {
    expect(createRedactor(['']).text('a b')).toBe('a b');
    expect(createRedactor(['']).text('')).toBe('');
  });

  test('a secret of fewer than six characters is hidden only where it is a whole value of the log', () => {
    const redactor = createRedactor(['short', 'longer']);
    expect(redactor.value({ a: 'short', b: 'a short word', c: 'a longer word' })).toEqual({
      a: '[redacted]',
      b: 'a short word',
      c: 'a [redacted] word',
    });
    expect(redactor.json(['short', 'longer'], '["short","longer"]')).toEqual(['short', '[redacted]']);
  });

  test('a payload keeps what only looks like a credential', () => {
    const payload = { authorization: 'Bearer x', url: 'redis://u:other@h/1' };
    expect(createRedactor(secrets).json(payload, JSON.stringify(payload))).toEqual(payload);
  });

  test('a redacted value is a copy, and the original stays as it was', () => {
    const value = Object.freeze({ a: Object.freeze(['sk-live-4711']) });
    createRedactor(secrets).value(value);
    expect(value).toEqual({ a: ['sk-live-4711'] });
  });
});
