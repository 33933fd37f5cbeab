// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigError, type ConfigProblem } from '../../src/config/config-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { acme, parse, refuse, sample } from './vendors.ts';

const directory = mkdtempSync(join(tmpdir(), 'rungate-'));
const at = (name: string) => join(directory, name);
let server: Server;

beforeAll(async () => {
  execFileSync('mkfifo', [at('fifo')]);
  mkdirSync(at('folder'));
  symlinkSync(at('circle'), at('circle'));
  symlinkSync('/dev/zero', at('link'));
  writeFileSync(at('latin1'), Buffer.from('a: b\nc: caf\xe9\n', 'latin1'));
  writeFileSync(at('cut'), Buffer.from('a: €').subarray(0, -1));
  writeFileSync(at('utf16'), Buffer.from('\ufeffa: b', 'utf16le'));
  writeFileSync(at('binary'), Buffer.from([0x61, 0x00, 0x62]));
  writeFileSync(at('huge'), Buffer.alloc(11 * 1024 * 1024, '# x\n'));
  server = createServer();
  await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(directory, { recursive: true });
});

/** A file that is no ordinary one, and why it cannot be read. */
const odd: readonly (readonly [string, RegExp])[] = [
  ['/dev/zero', /it is a device/],
  ['/dev/null', /it is a device/],
  ['/dev/random', /it is a device/],
  [at('link'), /it is a device/],
  [at('fifo'), /it is a pipe/],
  [at('folder'), /it is a directory/],
  [at('socket'), /it is a socket/],
  [at('circle'), /symbolic links lead in a circle/],
  [at('latin1'), /line 2 has bytes that are not UTF-8/],
  [at('cut'), /line 1 has bytes that are not UTF-8/],
  [at('utf16'), /it is UTF-16; save it as UTF-8/],
  [at('binary'), /it is not text: byte 2 is NUL/],
  [at('huge'), /it is larger than \d+ bytes/],
  [at('missing'), /there is no such file/],
  [join(at('latin1'), 'x'), /not a directory/],
  [at('x'.repeat(300)), /its name is too long/],
];

describe('a file that is not an ordinary one', () => {
  test.each(odd)('%s as a secret is a problem with its place', async (file, reason) => {
    const problems = await refuse(sample({ agent: `description: "\${FILE:${file}}"` }));
    expect(problems).toEqual([
      {
        path: 'agents[0].description',
        message: expect.stringMatching(reason),
        line: 11,
        column: 5,
        excerpt: expect.objectContaining({ text: expect.stringMatching(/^ {4}description: "\$\{FILE:/), start: 4 }),
      },
    ]);
  });

  test.each(odd)('%s as a mapping is a problem with its place', async (file, reason) => {
    const problems = await refuse(sample({ agent: `mapping: ${file}` }));
    expect(problems).toEqual([
      expect.objectContaining({
        path: 'agents[0].mapping',
        message: expect.stringMatching(reason),
        line: 10,
        column: 5,
      }),
    ]);
  });

  test.each(odd)('%s as the config is a problem', async (file, reason) => {
    const problems = await loadConfig(file, {}, [acme]).then(
      (): readonly ConfigProblem[] => [],
      (error: unknown) => (error instanceof ConfigError ? error.problems : Promise.reject(error)),
    );
    expect(problems).toEqual([{ path: '', message: expect.stringMatching(reason) }]);
  });

  test('a secret of more than 1 MiB is refused, and one of 1 MiB is read', async () => {
    const agent = `description: "\${FILE:${at('secret')}}"`;
    writeFileSync(at('secret'), 'x'.repeat(1024 * 1024));
    expect((await parse(sample({ agent }))).agents[0]?.description).toHaveLength(1024 * 1024);
    writeFileSync(at('secret'), 'x'.repeat(1024 * 1024 + 1));
    expect((await refuse(sample({ agent })))[0]?.message).toMatch(/larger than 1048576 bytes/);
  });

  test('a file that is named many times is bounded in what it gives', async () => {
    writeFileSync(at('secret'), 'x'.repeat(1024 * 1024));
    const agent = `metadata: { a: [${`"\${FILE:${at('secret')}}",`.repeat(40)}] }`;
    expect((await refuse(sample({ agent })))[0]).toMatchObject({ path: 'agents[0].metadata.a[32]', line: 11 });
  });

  test('a byte order mark is no part of a text', async () => {
    writeFileSync(at('marked'), '\ufeffmarked');
    const config = await parse(sample({ agent: `description: "\${FILE:${at('marked')}}"` }));
    expect(config.agents[0]?.description).toBe('marked');
  });

  test('a file of /proc, which has no size, is read', async () => {
    const config = await parse(sample({ agent: 'description: "${FILE:/proc/sys/kernel/ostype}"' }));
    expect(config.agents[0]?.description).toBe('Linux');
  });
});

/** Written, and what is meant. */
const bare: readonly (readonly [string, string])[] = [
  ['$INTUNED_API_KEY', '${INTUNED_API_KEY}'],
  ['$key', '${key}'],
  ['$_', '${_}'],
  ['$(API_KEY)', '${API_KEY}'],
  ['$env:API_KEY', '${API_KEY}'],
  ['https://$HOST/v1', '${HOST}'],
  ['https://a.example:$PORT', '${PORT}'],
  ['postgres://u:$DB_PASSWORD@h/d', '${DB_PASSWORD}'],
];

describe('a variable without braces', () => {
  test.each(bare)('%s is refused, with %s to write', async (written, meant) => {
    const [problem, ...others] = await refuse(sample({ agent: `description: "${written}"` }));
    expect([problem?.path, problem?.line, others]).toEqual(['agents[0].description', 11, []]);
    expect(problem?.message).toContain(`write ${meant}`);
  });

  test('the key of a backend is refused where it is one', async () => {
    const problems = await refuse(sample().replace('hush-hush-1234', '$INTUNED_API_KEY'));
    expect(problems).toEqual([
      {
        path: 'backends.main.apiKey',
        message:
          'holds $INTUNED_API_KEY, which is not replaced; write ${INTUNED_API_KEY}, or $$INTUNED_API_KEY for the characters themselves',
        line: 5,
        column: 5,
        excerpt: { text: '    apiKey: $INTUNED_API_KEY', start: 4, length: 24 },
      },
    ]);
  });

  test.each([
    ['$$NAME', '$NAME'],
    ['$$(NAME)', '$(NAME)'],
    ['https://$$HOST/v1', 'https://$HOST/v1'],
    ['postgres://u:$$PASS@h/d', 'postgres://u:$PASS@h/d'],
    ['costs $5', 'costs $5'],
    ['$5', '$5'],
    ['$$', '$$'],
    ['$', '$'],
    ['of $NAME', 'of $NAME'],
    ['https://a.example/?a=pa$word', 'https://a.example/?a=pa$word'],
  ])('%s is the text %s', async (written, text) => {
    expect((await parse(sample({ agent: `description: "${written}"` }))).agents[0]?.description).toBe(text);
  });

  test('schemas and mappings keep what begins with $', async () => {
    const agent = [
      'schemas: { input: { $ref: "#/$defs/a", $defs: { a: { const: $NAME } } } }',
      'mapping: { status: { done: success }, output: $string(result) }',
    ].join('\n');
    expect((await parse(sample({ agent }))).agents[0]?.schemas.input).toMatchObject({
      $defs: { a: { const: '$NAME' } },
    });
  });
});
