// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
import { describe, expect, test } from 'vitest';
import { formatProblem } from '../../src/config/config-error.ts';
import { parse, refuse, sample } from './vendors.ts';

/** The config of `sample`, as JSON. */
const json = {
  backends: { main: { adapter: 'acme', baseUrl: 'https://acme.example/v1/', apiKey: 'hush-hush-1234' } },
  agents: [
    {
      name: 'sweeper',
      backend: 'main',
      target: { job: 'sweep' },
      mapping: { status: { done: 'success' }, output: 'result' },
    },
  ],
};

/** Ways in which editors, Compose, Helm and ConfigMaps write the config of `sample`. */
const written: readonly (readonly [string, string])[] = [
  ['with the line ends of Windows', sample().replaceAll('\n', '\r\n')],
  ['with a byte order mark', `\ufeff${sample()}`],
  ['with a mark of its beginning', `---\n${sample()}`],
  ['with marks of its beginning and its end', `# a comment\n---\n${sample()}\n...\n`],
  ['that says that it is YAML 1.2', `%YAML 1.2\n---\n${sample()}`],
  ['with tabs between a key and its value', sample().replace('adapter: ', 'adapter:\t')],
  ['with tabs before a comment', sample().replace('adapter: acme', 'adapter: acme\t# ours')],
  ['with white space at the ends of lines', sample().replaceAll('\n', '  \n')],
  ['with quoted keys', sample().replaceAll(/^( *)(\w+):/gm, '$1"$2":')],
  ['with a block text', sample({ agent: 'description: |\n  two\n  lines' })],
  ['with an explicit tag of a text', sample().replace('hush-hush-1234', '!!str hush-hush-1234')],
  ['as JSON', JSON.stringify(json)],
  ['as JSON of many lines', JSON.stringify(json, null, 2)],
  ['as JSON that is indented with tabs', JSON.stringify(json, null, '\t')],
  ['as JSON with the line ends of Windows', JSON.stringify(json, null, 2).replaceAll('\n', '\r\n')],
  ['as JSON with escapes', JSON.stringify(json).replace('sweeper', '\\u0073weeper').replaceAll('/', '\\/')],
];

describe('a config as people write it', () => {
  test.each(written)('a config %s is taken', async (_name, text) => {
    const { agents, backends } = await parse(text);
    expect([agents[0]?.name, backends[0]?.baseUrl, backends[0]?.settings]).toEqual([
      'sweeper',
      'https://acme.example/v1',
      { apiKey: 'hush-hush-1234', region: 'north' },
    ]);
  });

  test('an escaped pair of surrogates in JSON is one character', async () => {
    const text = JSON.stringify(json).replace('"backend"', '"description":"\\ud83d\\ude00","backend"');
    expect((await parse(text)).agents[0]?.description).toBe('😀');
  });
});

/** What is written, and the whole of what is said, from the place on. */
const refused: readonly (readonly [string, string, string])[] = [
  [
    'a tab as indentation',
    sample().replace('    adapter', '\tadapter'),
    '3:1 is not valid YAML: a tab is no indentation; use spaces',
  ],
  [
    'a second document',
    `${sample()}\n---\n${sample()}`,
    '12:1 is not valid YAML: a second document begins here; put it into a file of its own',
  ],
  [
    'a ConfigMap with another resource',
    `${sample()}\n---\nkind: Service\n`,
    '12:1 is not valid YAML: a second document begins here; put it into a file of its own',
  ],
  ['YAML 1.1', `%YAML 1.1\n---\n${sample()}`, '1:1 is YAML 1.1; write it as YAML 1.2'],
  [
    'a key that stands twice',
    `${sample()}\nserver: {}\nserver: {}`,
    '13:1 is not valid YAML: the key stands twice in one mapping',
  ],
  [
    'a key that stands twice, in JSON',
    JSON.stringify(json, null, 1).replace('"agents"', '"agents": [],\n"agents"'),
    '10:1 is not valid YAML: the key stands twice in one mapping',
  ],
  [
    'a mode with a leading zero',
    sample({ rest: 'x-mode: 0755' }),
    '11:9 has the number 0755, which is 755 here and octal to other readers; in quotes it is a text',
  ],
  [
    'a number with a leading zero in metadata',
    sample({ agent: 'metadata: { zip: 01234 }' }),
    '11:22 has the number 01234, which is 1234 here and octal to other readers; in quotes it is a text',
  ],
  [
    'a key with a leading zero',
    sample().replace('hush-hush-1234', '0123456789'),
    '5:13 has a number where a secret is; in quotes it is a text',
  ],
  [
    'a key that is a number',
    sample().replace('hush-hush-1234', '12345'),
    '5:5 backends.main.apiKey: must be a string, is a number; put it in quotes',
  ],
  [
    'a key that is a number with an exponent',
    sample().replace('hush-hush-1234', '12e5'),
    '5:5 backends.main.apiKey: must be a string, is a number; put it in quotes',
  ],
  [
    'a key that is a truth value',
    sample().replace('hush-hush-1234', 'true'),
    '5:5 backends.main.apiKey: must be a string, is a boolean; put it in quotes',
  ],
  [
    'a key that is empty',
    sample().replace('hush-hush-1234', '~'),
    '5:5 backends.main.apiKey: must be a string, is empty',
  ],
  [
    'a version that is a number',
    sample({ agent: 'version: 1.10' }),
    '11:5 agents[0].version: 1.10 must be a string, is a number; put it in quotes',
  ],
  [
    'yes',
    sample({ rest: 'server: { metrics: yes }' }),
    '11:11 server.metrics: "yes" must be true or false, is a string; write true',
  ],
  [
    'Off',
    sample({ rest: 'server: { metrics: Off }' }),
    '11:11 server.metrics: "Off" must be true or false, is a string; write false',
  ],
  [
    'a truth value in quotes',
    sample({ rest: 'server: { metrics: "true" }' }),
    '11:11 server.metrics: "true" must be true or false, is a string; write true',
  ],
  [
    'a number in quotes',
    sample({ rest: 'server: { port: "8080" }' }),
    '11:11 server.port: "8080" must be a number, is a string; take it out of its quotes',
  ],
  [
    'a number with a separator',
    sample({ rest: 'limits: { maxBodyBytes: 1_000_000 }' }),
    '11:11 limits.maxBodyBytes: "1_000_000" must be a number, is a string',
  ],
  [
    'a time with its unit',
    sample({ agent: 'timeoutSeconds: 10s' }),
    '11:5 agents[0].timeoutSeconds: "10s" must be a number, is a string; the key names the unit, so write the number alone',
  ],
  [
    'a size with its unit',
    sample({ rest: 'limits: { maxBodyBytes: 1 MB }' }),
    '11:11 limits.maxBodyBytes: "1 MB" must be a number, is a string; the key names the unit, so write the number alone',
  ],
  [
    'no number in metadata',
    sample({ agent: 'metadata: { a: .nan }' }),
    '11:17 agents[0].metadata.a: .nan is not a finite number',
  ],
  [
    'an infinite number',
    sample({ rest: 'server: { drainSeconds: .inf }' }),
    '11:11 server.drainSeconds: .inf must be a number, is not a finite number',
  ],
  [
    'a text with a colon',
    sample({ agent: 'description: a: b' }),
    '11:18 is not valid YAML: no key can stand here; the keys of a mapping have one indentation, and a text that holds ": " needs quotes',
  ],
  [
    'a key without a space behind its colon',
    `${sample()}\nlog:{}\nserver: {}`,
    '12:1 is not valid YAML: a key is on one line, with a colon and a space behind it',
  ],
  [
    'a text that begins with @',
    sample({ agent: 'description: @team' }),
    '11:18 is not valid YAML: a text that begins with @ needs quotes',
  ],
  [
    'a tag of Compose',
    sample({ rest: 'server: !reset {}' }),
    '11:9 is not valid YAML: a tag, which begins with "!", means nothing here',
  ],
];

describe('a config as people should not write it', () => {
  test.each(refused)('%s is refused with its place and what to do', async (_name, text, said) => {
    const problems = await refuse(text);
    expect(problems.map((each) => `${each.line}:${each.column} ${formatProblem(each)}`)).toEqual([said]);
  });
});

/** A variable, where it stands, and the setting that comes of it or the problem. */
const variables: readonly (readonly [string, string, string, unknown])[] = [
  ['a key that ends in a line break', 'apiKey', 'sk-1234\n', 'sk-1234'],
  ['a key that ends in a line break of Windows', 'apiKey', 'sk-1234\r\n', 'sk-1234'],
  ['a key that is a number', 'apiKey', '12345', '12345'],
  ['a key that is a truth value', 'apiKey', 'true', 'true'],
  ['a key that is YAML', 'apiKey', '{ a: [', '{ a: ['],
  ['a region that ends in a line break', 'region', 'south\n', 'south'],
  ['a region in spaces', 'region', ' south ', 'must be north or south'],
  ['a region in quotes', 'region', '"south"', 'must be north or south'],
];

describe('a value of the environment', () => {
  test.each(variables)('%s is what it is', async (_name, key, value, expected) => {
    const text = sample({ backend: key === 'region' ? 'region: "${VALUE}"' : '' });
    const options = { env: { VALUE: value } };
    const given = key === 'region' ? text : text.replace('hush-hush-1234', '${VALUE}');
    const outcome = await parse(given, options).then(
      ({ backends }) => (backends[0]?.settings as Record<string, unknown> | undefined)?.[key],
      async () => (await refuse(given, options)).map(({ message }) => message).join(),
    );
    expect(outcome).toBe(expected);
  });

  test.each([
    ['store: { url: "${VALUE}" }', 'sqlite: ./a.db', 'must be sqlite:PATH'],
    ['store: { url: "${VALUE}" }', 'sqlite:./a.db\n', ''],
    ['store: { url: "${VALUE}" }', 'sqlite:./a.db ', 'must be sqlite:PATH'],
    ['store: { url: "${VALUE}" }', 'sqlite:./a\nb.db', 'must be sqlite:PATH'],
    ['store: { url: "${VALUE}" }', 'postgres://h/d\t', 'must be sqlite:PATH'],
    ['store: { url: "${VALUE}" }', 'postgres://u:p@h:5432,i:5433/d', ''],
    ['store: { url: "${VALUE}" }', 'postgres://u:p@h:5432,i:port/d', 'must be sqlite:PATH'],
    ['store: { url: "postgres://h/d", notifyUrl: "${VALUE}" }', 'postgres://h:5432,i:5433/d', ''],
    ['store: { url: "postgres://h/d", notifyUrl: "${VALUE}" }', 'sqlite:./a.db', 'must be postgres://'],
    ['server: { host: "${VALUE}" }', '127.0.0.1 ', 'without spaces'],
    ['server: { port: "${VALUE}" }', '8080\n', ''],
    ['server: { port: "${VALUE}" }', ' 8080', 'must be a number'],
    ['server: { metrics: "${VALUE}" }', 'true\n', ''],
    ['server: { metrics: "${VALUE}" }', 'yes', 'must be true or false'],
    ['defaultAgent: "${VALUE}"', 'sweeper\n', ''],
    ['defaultAgent: "${VALUE}"', 'sweeper ', 'names no agent'],
  ])('%s with %j is taken, or refused without showing the value', async (rest, value, said) => {
    const text = sample({ rest });
    const message = await parse(text, { env: { VALUE: value } }).then(
      () => '',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    );
    expect(message).toContain(said);
    expect(message === '').toBe(said === '');
    expect(message).not.toContain(JSON.stringify(value));
    // The words are of the value, and not of the placeholder, which its line shows.
    expect(message).not.toMatch(/: "\$\{VALUE\}" \w/);
  });
});
