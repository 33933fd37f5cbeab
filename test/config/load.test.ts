// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config are what is tested
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config-error.ts';
import { loadConfig } from '../../src/config/load.ts';
import { protocolNames } from '../../src/config/sections.ts';
import { Mounts } from '../../src/http/mounts.ts';
import { sealerFor } from '../http/held-tickets.ts';
import { acme, parse, refuse, sample, words } from './vendors.ts';

describe('a config that is right', () => {
  test('a config without sections gets every default', async () => {
    const config = await parse(sample());
    expect(config.server).toEqual({
      host: '127.0.0.1',
      hosts: [],
      port: 8080,
      drainSeconds: 10,
      heartbeatSeconds: 15,
      rootProtocol: 'acp-v0.1',
      unknownFields: 'reject',
      metrics: false,
    });
    expect(config.store.url).toBe('sqlite:./data/rungate.db');
    expect(config.limits).toEqual({
      maxBlockSeconds: 3600,
      maxBodyBytes: 1_048_576,
      maxListBytes: 8_388_608,
      maxUnsentBytes: 67_108_864,
      maxUnsentBytesTotal: 134_217_728,
      maxArrivingBytes: 67_108_864,
      maxArrivingBytesTotal: 134_217_728,
      maxJsonDepth: 100,
      maxHeaderBytes: 16_384,
      maxAnswerBytes: 10_485_760,
      checkTimeMs: 250,
      idempotencyHours: 24,
      cacheRuns: 10_000,
      mappingTimeMs: 100,
      maxMetadataBytes: 65_536,
      maxOutputBytes: 10_485_760,
      maxConnections: 16_384,
      maxStreams: 10_000,
      slowReaderSeconds: 60,
      slowRequestSeconds: 30,
    });
    expect(config.webhooks).toEqual({ secrets: [], unsigned: false, giveUpHours: 24, timeoutSeconds: 10, allow: [] });
    expect(config.backends[0]).toMatchObject({
      requestTimeoutMs: 30_000,
      maxConnections: 128,
      requestsPerSecond: null,
      burst: null,
      maxConcurrentRuns: null,
      maxPauseMs: 300_000,
      push: null,
      settingsByTenant: null,
    });
    expect(config.pacing).toEqual({ floorMs: 250, watchedCeilingMs: 1000, ceilingMs: 15_000 });
    expect(config.replicas).toEqual({ heartbeatSeconds: 5, deadAfterSeconds: 15 });
    expect([config.retention.days, config.log.level, config.auth]).toEqual([30, 'info', null]);
    expect(config.defaultAgent).toBeNull();
    expect(config.agents[0]).toMatchObject({
      version: '0.0.0',
      description: '',
      timeoutMs: 3_600_000,
      lostAfterMs: 60_000,
      unauthorisedAfterMs: 600_000,
      onUnknownStart: 'fail',
      metadata: {},
      target: { job: 'sweep', chatty: false },
      capabilities: { resume: false },
      schemas: { input: {}, output: {}, config: {}, interrupts: [] },
    });
  });

  test('the settings of a backend are parsed by its adapter', async () => {
    const [backend] = (await parse(sample({ backend: 'requestTimeoutSeconds: 1.5' }))).backends;
    expect(backend).toMatchObject({
      name: 'main',
      baseUrl: 'https://acme.example/v1',
      requestTimeoutMs: 1500,
      maxConnections: 128,
      settings: { apiKey: 'hush-hush-1234', region: 'north' },
      secrets: ['hush-hush-1234'],
    });
    expect(backend?.adapter).toBe(acme);
  });

  test('an empty section gets every default', async () => {
    expect((await parse(sample({ rest: 'server:\nlimits: {}' }))).server.port).toBe(8080);
  });

  test('a config is frozen at every depth', async () => {
    const config = await parse(sample({ agent: 'metadata: { team: { name: a } }' }));
    const [backend] = config.backends;
    const [agent] = config.agents;
    const parts = [config, config.server, config.agents, agent, agent?.target, agent?.metadata.team, backend?.settings];
    expect(parts.every((part) => part !== undefined && Object.isFrozen(part))).toBe(true);
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError);
  });
});

/** What is written, where the problem is, what it says, and the hint. */
const mistakes: readonly (readonly [string, string, string, RegExp, string?])[] = [
  ['an unknown section', sample({ rest: 'pacin: {}' }), 'pacin', /^is not a known key$/, 'pacing'],
  ['an unknown key', sample({ rest: 'server: { prot: 1 }' }), 'server.prot', /^is not a known key$/, 'port'],
  [
    'a key in another spelling',
    sample({ backend: 'max_connections: 1' }),
    'backends.main.max_connections',
    /known/,
    'maxConnections',
  ],
  ['a key without a near one', sample({ rest: 'server: { zzzzzzzz: 1 }' }), 'server.zzzzzzzz', /^is not a known key$/],
  ['a wrong type', sample({ rest: 'server: { port: eighty }' }), 'server.port', /^must be a number, is a string$/],
  ['a section that is a list', sample({ rest: 'server: []' }), 'server', /^must be a mapping, is a list$/],
  ['a port beyond the last', sample({ rest: 'server: { port: 65536 }' }), 'server.port', /^must be at most 65535$/],
  ['a word outside a choice', sample({ rest: 'log: { level: wran }' }), 'log.level', /^must be debug or info/, 'warn'],
  [
    'a store of another database',
    sample({ rest: 'store: { url: "mysql://h/d" }' }),
    'store.url',
    /^must be sqlite:PATH or/,
  ],
  [
    'a floor above the ceilings',
    sample({ rest: 'pacing: { floorMs: 5000 }' }),
    'pacing.watchedCeilingMs',
    /at least floorMs/,
  ],
  [
    'a ceiling below the watched one',
    sample({ rest: 'pacing: { ceilingMs: 500 }' }),
    'pacing.ceilingMs',
    /watchedCeilingMs/,
  ],
  [
    'a replica that is dead before its second heartbeat',
    sample({ rest: 'replicas: { deadAfterSeconds: 9 }' }),
    'replicas.deadAfterSeconds',
    /twice/,
  ],
  [
    'an adapter that does not exist',
    sample().replace('acme\n', 'amce\n'),
    'backends.main.adapter',
    /no adapter; there are acme, a2a, /,
    'acme',
  ],
  [
    'an unknown key of an adapter',
    sample({ backend: 'regoin: north' }),
    'backends.main.regoin',
    /^is not a known key$/,
    'region',
  ],
  [
    'a wrong value for a key of an adapter',
    sample({ backend: 'region: nort' }),
    'backends.main.region',
    /^must be north or south$/,
    'north',
  ],
  ['a relative base URL', sample().replace('https://acme.example/v1/', 'acme'), 'backends.main.baseUrl', /absolute/],
  ['a base URL with another scheme', sample().replace('https:', 'ftp:'), 'backends.main.baseUrl', /begin with http/],
  [
    'a base URL with credentials',
    sample().replace('https://', 'https://u:p@'),
    'backends.main.baseUrl',
    /no credentials/,
  ],
  ['a base URL with a query', sample().replace('/v1/', '/v1?a=b'), 'backends.main.baseUrl', /no query/],
  [
    'a backend that does not exist',
    sample().replace('backend: main', 'backend: mian'),
    'agents[0].backend',
    /no backend; .* main$/,
    'main',
  ],
  ['a missing target key', sample({ target: 'chatty: true' }), 'agents[0].target.job', /^is required$/],
  ['an unknown target key', sample({ target: 'job: a, chaty: true' }), 'agents[0].target.chaty', /known key/, 'chatty'],
  ['a UUID as a name', sample().replace('sweeper', '0191d3a4-5b6c-7d8e-9f00-112233445566'), 'agents[0].name', /UUID/],
  ['a name with a space', sample().replace('sweeper', 'a b'), 'agents[0].name', /^must be 1 to 128 letters/],
  ['a number as a version', sample({ agent: 'version: 1.0' }), 'agents[0].version', /put it in quotes$/],
  ['a timeout of zero', sample({ agent: 'timeoutSeconds: 0' }), 'agents[0].timeoutSeconds', /^must be more than 0$/],
  ['a timeout of years', sample({ agent: 'timeoutSeconds: 9e9' }), 'agents[0].timeoutSeconds', /^must be at most/],
  [
    'a default agent that does not exist',
    sample({ rest: 'defaultAgent: sweper' }),
    'defaultAgent',
    /names no agent/,
    'sweeper',
  ],
  [
    'a schema with a type that does not exist',
    sample({ agent: 'schemas: { input: { type: strin } }' }),
    'agents[0].schemas.input',
    /JSON Schema/,
  ],
  [
    'a schema that refers to another document',
    sample({ agent: 'schemas: { config: { $ref: "http://a/b" } }' }),
    'agents[0].schemas.config',
    /refers to http:\/\/a\/b, which it does not hold/,
  ],
  ['an empty mapping', sample({ agent: 'mapping:' }), 'agents[0].mapping', /status/],
  ['a mapping that is a list', sample({ agent: 'mapping: []' }), 'agents[0].mapping', /the name of a mapping file/],
  [
    'an unknown key of a mapping',
    sample({ agent: 'mapping: { outptu: a }' }),
    'agents[0].mapping.outptu',
    /unknown key/,
    'output',
  ],
  [
    'an expression that does not parse',
    sample({ agent: 'mapping: { output: "a.(" }' }),
    'agents[0].mapping.output',
    /./,
  ],
  [
    'a mapping file that does not exist',
    sample({ agent: 'mapping: lost.yaml' }),
    'agents[0].mapping',
    /lost\.yaml .*no such file/,
  ],
];

test('server.rootProtocol takes the protocols of runs that the gateway mounts, and none of a vendor or of operators', async () => {
  const mounts = new Mounts(sealerFor).of(await parse(sample())).map(({ protocol }) => protocol);
  const names = mounts.filter(({ isForOperators }) => isForOperators !== true).map(({ name }) => name);
  const others = ['langgraph', 'ag-ui', 'openai', 'intuned', 'restack', 'mcp', 'a2a'];
  expect([...new Set(names)]).toEqual([...protocolNames, ...others]);
  for (const name of protocolNames) {
    const config = await parse(sample());
    const served = new Mounts(sealerFor).of({ ...config, server: { ...config.server, rootProtocol: name } });
    expect(served.find(({ prefix }) => prefix === '')?.protocol.name).toBe(name);
  }
});

describe('a config that is wrong', () => {
  for (const [name, text, path, message, hint] of mistakes) {
    test(`${name} is refused with its place and a reason`, async () => {
      const found = words(await refuse(text)).find((problem) => problem.path === path);
      expect(found?.message).toMatch(message);
      expect(found?.hint).toBe(hint);
    });
  }

  test('a wrong config shows all its problems at once, in the order of the file', async () => {
    const text = sample({ rest: 'pacin: {}', target: 'jbo: a' }).replace('hush-hush-1234', '""');
    const problems = await refuse(text);
    expect(words(problems)).toEqual([
      { path: 'backends.main.apiKey', message: 'must not be empty' },
      { path: 'agents[0].target.job', message: 'is required' },
      { path: 'agents[0].target.jbo', message: 'is not a known key', hint: 'job' },
      { path: 'pacin', message: 'is not a known key', hint: 'pacing' },
    ]);
    expect(problems.map(({ line, column }) => [line, column])).toEqual([
      [5, 5],
      [9, 5],
      [9, 15],
      [11, 1],
    ]);
  });

  test('a config without backends and agents is refused', async () => {
    expect(words(await refuse('server: {}'))).toEqual([
      { path: 'backends', message: 'is required' },
      { path: 'agents', message: 'is required' },
    ]);
    expect(words(await refuse('backends: {}\nagents: []'))).toEqual([
      { path: 'backends', message: 'must not be empty' },
      { path: 'agents', message: 'must not be empty' },
    ]);
  });

  test('a config in which two agents have one name is refused', async () => {
    const again =
      '  - { name: sweeper, backend: main, target: { job: a }, mapping: { status: { a: error }, output: a } }';
    expect(words(await refuse(sample({ rest: again })))).toEqual([
      { path: 'agents[1].name', message: 'is the name of agents[0] too' },
    ]);
  });

  test('a mapping with interrupts is refused for a target that cannot be resumed, and accepted for one that can', async () => {
    const agent = 'mapping: { status: { done: success }, output: result, interrupt: question, resume: payload }';
    const [problem, ...others] = await refuse(sample({ agent }));
    expect([problem?.path, others]).toEqual(['agents[0].mapping', []]);
    expect(problem?.message).toMatch(/the acme adapter cannot resume/);
    const taken = await parse(sample({ agent, target: 'job: sweep, chatty: true' }));
    expect(taken.agents[0]?.mapping.interrupts).toBe(true);
  });
});

describe('a text that is no config', () => {
  test('a syntax error is reported once, with line and column', async () => {
    const [problem, ...others] = await refuse('server:\n  port: [1\nagents: []\n');
    expect(others).toEqual([]);
    expect([problem?.line, problem?.message]).toEqual([3, expect.stringMatching(/^is not valid YAML: /)]);
  });

  test('every key that stands twice in a mapping is reported', async () => {
    const problems = await refuse('server: { port: 1, port: 2 }\nserver: {}\n');
    expect(problems.map(({ line, column }) => [line, column])).toEqual([
      [1, 20],
      [2, 1],
    ]);
    expect(problems[0]?.message).toMatch(/twice/);
  });

  test('a placeholder between braces without quotes is explained', async () => {
    expect((await refuse('server: { host: ${HOST} }'))[0]?.message).toMatch(/a placeholder needs quotes/);
  });

  test.each([
    ['', 'is empty'],
    ['- a', 'must be a mapping of sections'],
  ])('the text %j %s', async (text, message) => {
    expect(words(await refuse(text))).toEqual([{ path: '', message }]);
  });
});

describe('a config in a file', () => {
  test('a mapping file is read relative to the config and layered between the default and the inline mapping', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rungate-'));
    try {
      await writeFile(join(directory, 'own.yaml'), 'status: { done: success }\noutput: result\n');
      await writeFile(join(directory, 'broken.yaml'), 'status: { done: succes }\noutput: result\n');
      const file = join(directory, 'rungate.yaml');
      await writeFile(file, sample({ agent: 'mapping: own.yaml' }));
      const [agent] = (await loadConfig(file, {}, [acme])).agents;
      const raw = { result: { ok: true } };
      expect(await agent?.mapping.read({ status: 'done', raw })).toEqual({ kind: 'success', output: { ok: true } });
      await writeFile(file, sample({ agent: 'mapping: broken.yaml' }));
      await expect(loadConfig(file, {}, [acme])).rejects.toThrow(/agents\[0\]\.mapping: .*broken\.yaml: status\.done/);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('an inline mapping is layered over the default of its adapter', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'rungate-'));
    try {
      await writeFile(join(directory, 'acme.yaml'), 'status: { done: success }\noutput: result\n');
      const config = await parse(sample({ agent: 'mapping: { output: other }' }), { mappingsDirectory: directory });
      const reading = await config.agents[0]?.mapping.read({ status: 'done', raw: { result: 1, other: 2 } });
      expect(reading).toEqual({ kind: 'success', output: 2 });
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test('a config file that does not exist is refused', async () => {
    const refused = loadConfig('/nowhere/at-all.yaml', {}, [acme]);
    await expect(refused).rejects.toThrow(ConfigError);
    await expect(refused).rejects.toThrow(
      /^\/nowhere\/at-all\.yaml has 1 problem:\n {2}cannot be read: there is no such/,
    );
  });

  test.each([
    [
      'the config',
      'main.yaml',
      /^\S+main\.yaml has 1 problem:\n {2}cannot be read: line 2 has bytes that are not UTF-8/,
    ],
    ['a mapping', 'm.yaml', /m\.yaml cannot be read: line 2 has bytes that are not UTF-8/],
  ])('a file of %s that is not UTF-8 is refused with the line', async (_what, file, message) => {
    const directory = await mkdtemp(join(tmpdir(), 'rungate-'));
    const texts: Record<string, string> = {
      'main.yaml': sample({ agent: 'mapping: m.yaml' }),
      'm.yaml': 'status: { done: success }\noutput: result\n',
    };
    try {
      for (const [name, text] of Object.entries(texts)) {
        const [first, ...rest] = text.split('\n');
        const written = name === file ? `${first}\n# Jos\xe9\n${rest.join('\n')}` : text;
        await writeFile(join(directory, name), Buffer.from(written, 'latin1'));
      }
      await expect(loadConfig(join(directory, 'main.yaml'), {}, [acme])).rejects.toThrow(message);
    } finally {
      await rm(directory, { recursive: true });
    }
  });

  test.each(['9007199254740993', '1e400', '-0', '0.1000000000000000055511151231257827'])(
    'the number %s, which a double does not keep, is refused with its place',
    async (number) => {
      const text = `${sample()}\nx-note: { id: ${number} }\n`;
      await expect(parse(text)).rejects.toThrow(
        `test.yaml:12:15: has the number ${number}, which is not kept exactly; in quotes it is a text\n    12 | x-note`,
      );
    },
  );
});
