// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { describeConfig } from '../../src/config/config.ts';
import { parse, refuse, sample, words } from './vendors.ts';

const describing = (text: string) => sample({ agent: `description: ${text}` });
const shown = async (text: string, env: Record<string, string | undefined> = {}) =>
  (await parse(describing(text), { env })).agents[0]?.description;

/** Written, the environment, what it becomes. */
const placeholders: readonly (readonly [string, Record<string, string | undefined>, string])[] = [
  ['${NAME}', { NAME: 'value' }, 'value'],
  ['a ${ONE} b ${TWO} c', { ONE: '1', TWO: '2' }, 'a 1 b 2 c'],
  ['${NAME}', { NAME: '' }, ''],
  ['${NAME:-other}', {}, 'other'],
  ['${NAME:-other}', { NAME: '' }, 'other'],
  ['${NAME:-other}', { NAME: 'value' }, 'value'],
  ['${NAME:-}', {}, ''],
  ['${NAME:-a:-b}', {}, 'a:-b'],
  ['$${NAME}', { NAME: 'value' }, '${NAME}'],
  ['$5 and $NAME', { NAME: 'value' }, '$5 and $NAME'],
  ['${NAME}', { NAME: '${OTHER}', OTHER: 'value' }, '${OTHER}'],
  ['${NAME}', { NAME: 'a: [b\n- "c' }, 'a: [b\n- "c'],
];

describe('placeholders', () => {
  test.each(placeholders)('the text %s with the environment %j becomes %j', async (written, env, expected) => {
    expect(await shown(written, env)).toBe(expected);
  });

  test('an unset variable is reported with its path and its name, and hides no other problem', async () => {
    const text = `${describing('${LOST} ${FOUND} ${GONE}')}\nserver: { port: "\${PORT}", host: 1 }`;
    expect(words(await refuse(text, { env: { FOUND: 'x' } }))).toEqual([
      {
        path: 'agents[0].description',
        message: 'the environment has no LOST; set it, or give a default as ${LOST:-default}',
      },
      {
        path: 'agents[0].description',
        message: 'the environment has no GONE; set it, or give a default as ${GONE:-default}',
      },
      { path: 'server.port', message: 'the environment has no PORT; set it, or give a default as ${PORT:-default}' },
      { path: 'server.host', message: 'must be a string, is a number; put it in quotes' },
    ]);
  });

  test.each(['${1A}', '${}', '${a b}', 'open ${NAME'])(
    'the placeholder %s is reported as a problem',
    async (written) => {
      const [problem, ...others] = await refuse(describing(written), { env: { NAME: 'x' } });
      expect([problem?.path, others]).toEqual(['agents[0].description', []]);
      expect(problem?.message).toContain('write "$${"');
    },
  );

  test('a member that every object inherits is not taken for a variable', async () => {
    expect((await refuse(describing('${constructor}')))[0]?.message).toContain('no constructor');
  });

  test('a scalar that is one placeholder becomes a number or a boolean where the schema wants one', async () => {
    const text = sample({ rest: 'server: { port: "${PORT}" }', target: 'job: "${PORT}", chatty: "${CHATTY:-true}"' });
    const config = await parse(text, { env: { PORT: '0' } });
    expect(config.server.port).toBe(0);
    expect(config.agents[0]?.target).toEqual({ job: '0', chatty: true });
  });

  test.each([
    ['"${PORT}"', 'eighty'],
    ['"${PORT}"', ''],
    ['"${PORT}"', '0x10'],
    ['"8${PORT}"', '080'],
  ])('%s with PORT=%j is no port', async (written, PORT) => {
    expect(words(await refuse(sample({ rest: `server: { port: ${written} }` }), { env: { PORT } }))).toEqual([
      { path: 'server.port', message: 'must be a number, is a string' },
    ]);
  });

  test('a number in quotes is no port, and the quotes are named', async () => {
    expect(words(await refuse(sample({ rest: 'server: { port: "8080" }' })))).toEqual([
      { path: 'server.port', message: 'must be a number, is a string; take it out of its quotes' },
    ]);
  });

  test('placeholders are not replaced in schemas and inline mappings', async () => {
    const agent = [
      'schemas: { input: { const: "${NAME} $${NAME}" } }',
      'mapping: { status: { done: success }, output: \'${"a": result}\' }',
    ].join('\n');
    const [parsed] = (await parse(sample({ agent }))).agents;
    expect(parsed?.schemas.input.const).toBe('${NAME} $${NAME}');
    const reading = await parsed?.mapping.read({ status: 'done', raw: { result: 1 } });
    expect(reading).toEqual({ kind: 'success', output: { a: 1 } });
  });
});

describe('secret files', () => {
  test('a secret file is read relative to the config, without its last line break, and its text is a secret', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rungate-'));
    try {
      await writeFile(join(directory, 'note'), 'from-a-file\n\n');
      const options = { file: join(directory, 'rungate.yaml') };
      const config = await parse(describing('x ${FILE:note}'), options);
      expect(config.agents[0]?.description).toBe('x from-a-file\n');
      expect(config.secrets).toContain('from-a-file\n');
      expect(JSON.stringify(describeConfig(config))).not.toContain('from-a-file');
      const absolute = await parse(describing(`\${FILE:${join(directory, 'note')}}`));
      expect(absolute.agents[0]?.description).toBe('from-a-file\n');
      const [problem] = await refuse(describing('${FILE:lost}'), options);
      expect(problem).toMatchObject({
        path: 'agents[0].description',
        message: 'the file lost cannot be read: there is no such file',
      });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('secrets', () => {
  const text = sample({
    target: 'job: "http://ann:proxy-pass@proxy.example"',
    rest: 'store: { url: "postgres://ann:db%2Dpass@h/d" }',
  });

  test('secrets are collected from backends, URLs and variables with secret names', async () => {
    const env = { TEAM_TOKEN: 'tok-12345678', TEAM_NAME: 'not-a-secret' };
    const described = text.replace('mapping:', 'description: "${TEAM_TOKEN} of ${TEAM_NAME}"\n    mapping:');
    const config = await parse(described, { env });
    const expected = ['hush-hush-1234', 'proxy-pass', 'db%2Dpass', 'db-pass', 'tok-12345678'];
    expect([...config.secrets].sort()).toEqual(expected.sort());
  });

  test('the description of a config has everything but its secrets', async () => {
    const config = await parse(text);
    const dump = JSON.stringify(describeConfig(config));
    for (const secret of config.secrets) expect(dump).not.toContain(secret);
    expect(config.secrets.length).toBeGreaterThan(2);
    expect(JSON.parse(dump)).toMatchObject({
      store: { url: 'postgres://ann:[redacted]@h/d' },
      backends: { main: { adapter: 'acme', settings: { apiKey: '[redacted]', region: 'north' } } },
      agents: [{ name: 'sweeper', target: { job: 'http://ann:[redacted]@proxy.example' }, interrupts: false }],
    });
  });

  test('the problems of a config quote no secret', async () => {
    const env = { API_KEY: 'sk-secret-0001' };
    const wrong = sample({
      rest: 'server: { port: "${API_KEY}", unknownFields: "${API_KEY}" }\nlog: { level: "${API_KEY}" }',
    })
      .replace('https://acme.example/v1/', '${API_KEY}')
      .replace('backend: main', 'backend: ${API_KEY}')
      .replace('adapter: acme', 'adapter: ${API_KEY}')
      .replace('name: sweeper', 'name: " ${API_KEY}"');
    const problems = await refuse(wrong, { env });
    expect(problems.length).toBeGreaterThan(6);
    expect(JSON.stringify(problems)).not.toContain('sk-secret-0001');
    const broken = await refuse('backends: { a: { apiKey: sk-secret-0001\n  b: "sk-secret-0001" ]');
    expect(JSON.stringify(broken)).not.toContain('sk-secret-0001');
  });
});
