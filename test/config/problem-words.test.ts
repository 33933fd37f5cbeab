// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config-error.ts';
import { loadConfig, type ParseOptions, parseConfig } from '../../src/config/load.ts';
import { acme, sample } from './vendors.ts';

/** What a config is refused with, as it is printed, without the first line. */
async function say(text: string, options: Partial<ParseOptions> = {}): Promise<string> {
  return await parseConfig(text, { file: 'c.yaml', env: {}, registry: [acme], ...options }).then(
    () => 'nothing',
    (error: unknown) => (error instanceof ConfigError ? error.message.replace(/^.*:\n/, '') : Promise.reject(error)),
  );
}

/** The lines that `sample` has before its `rest`. */
const shift = 10;
const at = (line: number, column: number) => `c.yaml:${line + shift}:${column}`;

/** What is written at the end of a config that is right, and all that is said of it. */
const shown: readonly (readonly [string, string, readonly string[]])[] = [
  [
    'a wrong type',
    'server: { port: eighty }',
    [
      `  ${at(1, 11)}: server.port: "eighty" must be a number, is a string`,
      '    11 | server: { port: eighty }',
      '       |           ^^^^^^^^^^^^',
    ],
  ],
  [
    'a number beyond its bound',
    'server:\n  port: 65536',
    [`  ${at(2, 3)}: server.port: 65536 must be at most 65535`, '    12 |   port: 65536', '       |   ^^^^^^^^^^^'],
  ],
  [
    'a choice that does not exist, and the nearest',
    'log: { level: wran } # the log',
    [
      `  ${at(1, 8)}: log.level: "wran" must be debug or info or warn or error or silent; did you mean "warn"?`,
      '    11 | log: { level: wran } # the log',
      '       |        ^^^^^^^^^^^',
    ],
  ],
  [
    'a protocol that does not exist',
    'server: { rootProtocol: acp-v02 }',
    [
      `  ${at(1, 11)}: server.rootProtocol: "acp-v02" must be acp-v0.1 or acp-v0.2 or agent-protocol; did you mean "acp-v0.2"?`,
      '    11 | server: { rootProtocol: acp-v02 }',
      '       |           ^^^^^^^^^^^^^^^^^^^^^',
    ],
  ],
  [
    'an unknown key, without its value',
    'limits: { maxBodyBites: 5 }',
    [
      `  ${at(1, 11)}: limits.maxBodyBites: is not a known key; did you mean "maxBodyBytes"?`,
      '    11 | limits: { maxBodyBites: 5 }',
      '       |           ^^^^^^^^^^^^',
    ],
  ],
  [
    'a key that lacks its unit',
    'server: { drain: 5 }',
    [
      `  ${at(1, 11)}: server.drain: is not a known key; did you mean "drainSeconds"?`,
      '    11 | server: { drain: 5 }',
      '       |           ^^^^^',
    ],
  ],
  [
    'characters of two columns, and a tab',
    'x-a: { b: 名前 }\nserver: { \t"port": 名前 }',
    [
      `  ${at(2, 12)}: server.port: "名前" must be a number, is a string`,
      '    12 | server: {  "port": 名前 }',
      '       |            ^^^^^^^^^^^^',
    ],
  ],
  [
    'a long value',
    `defaultAgent: ${'sweep'.repeat(100)}`,
    [
      `  ${at(1, 1)}: defaultAgent: "${'sweep'.repeat(12)}…" (500 characters) names no agent; there is sweeper`,
      `    11 | defaultAgent: ${'sweep'.repeat(22).slice(0, 106)}…`,
      `       | ${'^'.repeat(121)}`,
    ],
  ],
  [
    'a place far to the right',
    `log: { x-note: ${'a'.repeat(150)}, levle: info, x-more: ${'b'.repeat(150)} }`,
    [
      `  ${at(1, 168)}: log.levle: is not a known key; did you mean "level"?`,
      `    11 | …${'a'.repeat(58)}, levle: info, x-more: ${'b'.repeat(38)}…`,
      `       | ${' '.repeat(61)}^^^^^`,
    ],
  ],
  [
    'a syntax error',
    'server:\n  port: [1',
    [
      '  c.yaml:12:11: is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]',
      '    12 |   port: [1',
      '       |           ^',
    ],
  ],
];

describe('what is said of a mistake', () => {
  test.each(shown)('%s is shown with its value, its line and a caret', async (_name, rest, said) => {
    expect((await say(sample({ rest }))).split('\n')).toEqual(said);
  });

  test('a mistake in one line of a megabyte is shown as soon as one in a short line', async () => {
    const agent = { name: 'a', backend: 'mian', target: { job: 'x' }, description: 'y'.repeat(100), mapping: {} };
    const backends = { main: { adapter: 'acme', baseUrl: 'https://a.example', apiKey: secret } };
    const text = JSON.stringify({ backends, agents: Array.from({ length: 4000 }, (_, at) => ({ ...agent, at })) });
    // Processor time, which other programs do not add to.
    const before = process.cpuUsage();
    const said = await say(text);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(8000);
    expect(said).not.toContain(secret);
    expect(Math.max(...said.split('\n').map(({ length }) => length))).toBeLessThan(200);
  });

  test('a control character of a file is not sent to the terminal', async () => {
    const said = await say(sample({ rest: 'log: { level: "\u009b31m\u202e" }' }));
    expect(said).toContain('11 | log: { level: "');
    expect(said.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  test('a mistake in a mapping file is shown in that file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rungate-'));
    try {
      const [file, own] = [join(folder, 'c.yaml'), join(folder, 'own.yaml')];
      await writeFile(own, 'output: $uppercas(result)\nstatus:\n  done: sucess\n  "a.b[0]": {}\nstatsu: 1\n');
      await writeFile(join(folder, 'tabs.yaml'), 'status:\n\tdone: success\n');
      const check = async (mapping: string) => {
        await writeFile(file, sample({ agent: `mapping: ${mapping}` }));
        return await loadConfig(file, {}, [acme]).then(
          () => [],
          (error: unknown) => (error instanceof Error ? error.message.replaceAll(`${folder}/`, '').split('\n') : []),
        );
      };
      expect(await check('own.yaml')).toEqual([
        'c.yaml has 4 problems:',
        '  own.yaml:1:1: agents[0].mapping: own.yaml: output: "$uppercas(result)" the expression cannot work: nothing defines $uppercas; did you mean $uppercase?',
        '     1 | output: $uppercas(result)',
        '       | ^^^^^^^^^^^^^^^^^^^^^^^^^',
        '  own.yaml:3:3: agents[0].mapping: own.yaml: status.done: "sucess" must be one of pending, success, error, timeout, interrupted; did you mean "success"?',
        '     3 |   done: sucess',
        '       |   ^^^^^^^^^^^^',
        '  own.yaml:4:3: agents[0].mapping: own.yaml: status["a.b[0]"]: must be a status, or a list of cases',
        '     4 |   "a.b[0]": {}',
        '       |   ^^^^^^^^',
        '  own.yaml:5:1: agents[0].mapping: own.yaml: statsu: unknown key; known keys are status, input, output, error, interrupt, resume, threadState, cost, vendor, errcodes; did you mean "status"?',
        '     5 | statsu: 1',
        '       | ^^^^^^',
      ]);
      expect(await check('tabs.yaml')).toEqual([
        'c.yaml has 1 problem:',
        '  tabs.yaml:2:1: agents[0].mapping: tabs.yaml: is not valid YAML: a tab is no indentation; use spaces',
        '     2 |  done: success',
        '       | ^',
      ]);
      expect((await check('onw.yaml'))[1]).toBe(
        '  c.yaml:10:5: agents[0].mapping: "onw.yaml" onw.yaml cannot be read: there is no such file; did you mean "own.yaml"?',
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

const secret = 'sk-live-0001';
const backend = (lines: string) => sample().replace('apiKey: hush-hush-1234', lines);

/** Configs that are wrong and hold a secret. */
const secretive: readonly (readonly [name: string, text: string, options?: Partial<ParseOptions>])[] = [
  ['a key of a wrong type', backend(`apiKey: [${secret}]`)],
  ['a misspelt key', backend(`apiKy: ${secret}`)],
  ['a key in another spelling', backend(`API_KEY: ${secret}`)],
  ['a key under another name that the adapter may have had', backend(`accessToken: ${secret}`)],
  ['a key beside a mistake', backend(`apiKey: ${secret}`).replace(/main:[\s\S]*?(?=agents)/, flow)],
  ['a misspelt key beside a mistake', backend(`apikye: ${secret}`).replace(/main:[\s\S]*?(?=agents)/, flow)],
  ['a key of many lines', backend(`apiKey:\n      - a: |\n          ${secret}\n        b: 1`)],
  ['keys of tenants', backend(`credentialsByTenant: { acme: { apiKey: ${secret}, regoin: ${secret} } }`)],
  ['a key that is a number', backend('apiKey: 40012345').replaceAll('40012345', `4001${'2'.repeat(20)}`)],
  ['a password in a URL', sample({ rest: `store: { url: "mysql://ann:${secret}@h/d" }` })],
  ['a password in a URL that is no URL', sample({ rest: `store: { url: "postgres://ann:${secret}@h:port/d" }` })],
  ['a token as the user of a URL', sample().replace('https://', `https://${secret}@`)],
  ['a token in the query of a URL', sample().replace('/v1/', `/v1?a=${secret}`)],
  ['a secret of webhooks', sample({ rest: `webhooks: { secrets: [${secret}], sercets: [${secret}] }` })],
  ['the digest of a key', sample({ rest: `auth: { keys: [{ name: a, sha256: ${secret} }] }` })],
  ['a variable', sample({ rest: 'log: { level: "${LEVEL}" }' }), { env: { LEVEL: secret } }],
  ['a variable with a secret default', backend(`apiKey: ["\${KEY:-${secret}}"]`)],
  ['a part of a text from a variable', sample({ rest: 'log: { level: "x${LEVEL}" }' }), { env: { LEVEL: secret } }],
  ['an alias of a secret elsewhere', `x-a: { b: &b ${secret}, b: 1 }\n${backend('apiKey: *b')}`],
  ['a merged part', `x-a: &a { token: ${secret}, regoin: x }\n${backend('<<: *a')}`],
  ['a text that does not close', backend(`apiKey: "${secret}`)],
  ['a syntax error behind a key', backend(`apiKey: ${secret}: x`)],
  ['a syntax error before a key', backend(`apiKey:\n\t${secret}`)],
  ['a syntax error on the line of a bare text', backend(`apiKey:\n      ${secret}\n   ]`)],
  ['a key that stands twice', backend(`apiKey: ${secret}\n    apiKey: ${secret}`)],
];

function flow(entry: string): string {
  const members = entry.split('\n').slice(1, -1);
  return `main: { ${members.map((line) => line.trim()).join(', ')}, regoin: x }\n`;
}

describe('a secret of a config', () => {
  test.each(secretive.map(([name, text, options = {}]) => [name, text, options] as const))(
    '%s is in no message',
    async (_name, text, options) => {
      const said = await say(text, options);
      expect(said).toMatch(/^ {2}c\.yaml:\d+:\d+: /);
      expect(said).not.toContain(secret);
      expect(said).not.toContain('2'.repeat(20));
    },
  );

  test('what an adapter calls a secret is hidden under any name', async () => {
    const text = backend(`pat: ${secret}`).replace('adapter: acme', 'adapter: patty, regoin: 1');
    const patty = { ...acme, name: 'patty', secretsOf: (settings: unknown) => [(settings as { pat: string }).pat] };
    const lines = text.replace(/main:[\s\S]*?(?=agents)/, flow);
    expect(await say(lines, { registry: [patty] })).not.toContain(secret);
  });

  test('a value that is no secret is shown where a secret is hidden', async () => {
    const said = await say(backend(`apiKey: ${secret}`).replace(/main:[\s\S]*?(?=agents)/, flow));
    expect(said.split('\n')[1]).toBe(
      '     2 |   main: { adapter: acme, baseUrl: https://acme.example/v1/, apiKey: [redacted], regoin: x }',
    );
  });
});

describe('names near a wrong one', () => {
  test.each([
    ['a variable', sample({ agent: 'description: "${ACME_API_KYE}"' }), 'did you mean "ACME_API_KEY"?'],
    ['a backend', sample().replace('backend: main', 'backend: mian'), 'did you mean "main"?'],
    ['an adapter', sample().replace('adapter: acme', 'adapter: amce'), 'did you mean "acme"?'],
    [
      'an agent of a key',
      sample({ rest: `auth: { keys: [{ name: a, sha256: "${'0'.repeat(64)}", agents: [sweper] }] }` }),
      'did you mean "sweeper"?',
    ],
    ['the default agent', sample({ rest: 'defaultAgent: sweper' }), 'did you mean "sweeper"?'],
    ['a choice of an adapter', sample({ backend: 'region: nroth' }), 'did you mean "north"?'],
    ['an anchor', `x-a: &base 1\n${sample({ rest: 'x-b: *bsae' })}`, 'did you mean "base"?'],
    [
      'a status of a mapping',
      sample({ agent: 'mapping: { status: { a: interupted }, output: a }' }),
      'did you mean "interrupted"?',
    ],
    ['a key of a mapping', sample({ agent: 'mapping: { stauts: {}, output: a }' }), 'did you mean "status"?'],
    [
      'a function of a mapping',
      sample({ agent: 'mapping: { status: { a: error }, output: $lowercas(a) }' }),
      'did you mean $lowercase?',
    ],
  ])('%s that is misspelt is answered with the nearest', async (_name, text, hint) => {
    expect(await say(text, { env: { ACME_API_KEY: 'x', PATH: '/bin' } })).toContain(hint);
  });
});
