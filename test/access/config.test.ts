import { describe, expect, test } from 'vitest';
import { hashKey, makeKey } from '../../src/access/key-ring.ts';
import { describeConfig } from '../../src/config/config.ts';
import { parse, refuse, sample, words } from '../config/vendors.ts';

const digest = hashKey('a key');
const withAuth = (auth: string, more = '') => sample({ rest: `auth: ${auth}\n${more}` });
const withKeys = (...keys: readonly string[]) => withAuth(`{ keys: [${keys.map((key) => `{ ${key} }`).join(', ')}] }`);
const jwtFrom = (jwksUrl: string) => `jwt: { issuer: https://id.example, audience: rungate, jwksUrl: "${jwksUrl}" }`;

describe('auth in a config', () => {
  test('auth is absent, none, or a list of keys and an issuer', async () => {
    expect((await parse(sample())).auth).toBeNull();
    expect((await parse(withAuth('none'))).auth).toBe('none');
    const { auth } = await parse(
      withAuth(`{ keys: [{ name: ci, sha256: ${digest.toUpperCase()} }], ${jwtFrom('https://id.example/keys')} }`),
    );
    const limits = { requestsPerSecond: null, liveRuns: null, streams: null };
    expect(auth).toEqual({
      keys: [{ name: 'ci', tenant: 'default', sha256: digest, agents: null, limits, role: null }],
      jwt: {
        issuer: 'https://id.example',
        audience: 'rungate',
        jwksUrl: 'https://id.example/keys',
        tenantClaim: 'tenant',
        agentsClaim: null,
        roleClaim: null,
        limits,
      },
    });
  });

  test('a key has agents and limits', async () => {
    const limits = '{ requestsPerSecond: 50, liveRuns: 3, streams: 2 }';
    const { auth } = await parse(
      withKeys(`name: ci, tenant: acme, sha256: ${digest}, agents: [sweeper], limits: ${limits}`),
    );
    expect(auth).toMatchObject({
      keys: [{ tenant: 'acme', agents: ['sweeper'], limits: { requestsPerSecond: 50, liveRuns: 3, streams: 2 } }],
    });
  });

  const mistakes: readonly (readonly [string, string, string, RegExp, string?])[] = [
    ['a word that is not none', withAuth('off'), 'auth', /"keys" or "jwt", or the word none/],
    ['a number', withAuth('5'), 'auth', /must be a mapping/],
    ['nobody', withAuth('{}'), 'auth', /^admits no client: add keys or jwt/],
    ['an unknown key', withAuth(`{ key: [] }`), 'auth.key', /not a known key/, 'keys'],
    [
      'a key instead of its hash',
      withKeys('name: ci, sha256: rungate_abc'),
      'auth.keys[0].sha256',
      /^must be the SHA-256/,
    ],
    ['a key without a name', withKeys(`sha256: ${digest}`), 'auth.keys[0].name', /is required/],
    [
      'an agent that is none',
      withKeys(`name: ci, sha256: ${digest}, agents: [sweepr]`),
      'auth.keys[0].agents[0]',
      /no agent/,
      'sweeper',
    ],
    [
      'no agents at all',
      withKeys(`name: ci, sha256: ${digest}, agents: []`),
      'auth.keys[0].agents',
      /must not be empty/,
    ],
    [
      'a limit of nothing',
      withKeys(`name: ci, sha256: ${digest}, limits: { streams: 0 }`),
      'auth.keys[0].limits.streams',
      /more than 0/,
    ],
    [
      'a tenant that is no name',
      withKeys(`name: ci, sha256: ${digest}, tenant: "a b"`),
      'auth.keys[0].tenant',
      /letters, digits/,
    ],
    ['keys over a plain line', withAuth(`{ ${jwtFrom('http://id.example/keys')} }`), 'auth.jwt.jwksUrl', /https/],
    [
      'keys behind a password',
      withAuth(`{ ${jwtFrom('https://a:b@id.example/keys')} }`),
      'auth.jwt.jwksUrl',
      /without credentials/,
    ],
    [
      'an outer host with no auth',
      sample({ rest: 'server: { host: 0.0.0.0 }' }),
      'server.host',
      /add auth, or write "auth: none"/,
    ],
    [
      'an exception that is a URL',
      sample({ rest: 'webhooks: { allow: ["http://a/"] }' }),
      'webhooks.allow[0]',
      /host, an address or a range/,
    ],
    [
      'an origin with a path',
      sample({ rest: 'server: { cors: { origins: ["https://a.example/b"] } }' }),
      'server.cors.origins[0]',
      /origin/,
    ],
    ...['gw.internal:8080', 'http://gw.internal', 'gw internal', '*.internal', '', '[::1]:80'].map(
      (host) =>
        [
          `the served host "${host}"`,
          sample({ rest: `server: { hosts: [ok, ${JSON.stringify(host)}] }` }),
          'server.hosts[1]',
          /host name or an address without a port/,
        ] as const,
    ),
  ];
  test.each(mistakes.map(([what, text, path, message, hint]) => ({ what, text, path, message, hint })))(
    'a config with $what is refused',
    async ({ text, path, message, hint }) => {
      const problems = words(await refuse(text));
      expect(problems).toEqual([
        { path, message: expect.stringMatching(message), ...(hint === undefined ? {} : { hint }) },
      ]);
    },
  );

  test('a config with the same key name or the same key twice is refused', async () => {
    const problems = words(await refuse(withKeys(`name: ci, sha256: ${digest}`, `name: ci, sha256: ${digest}`)));
    expect(problems.map(({ path, message }) => `${path} ${message}`)).toEqual([
      'auth.keys[1].name is the name of auth.keys[0] too',
      'auth.keys[1].sha256 is the sha256 of auth.keys[0] too',
    ]);
  });

  test('a key set over plain HTTP from this machine and an open host with auth: none are accepted', async () => {
    await parse(withAuth(`{ ${jwtFrom('http://127.0.0.1:9/keys')} }`));
    await parse(withAuth('none', 'server: { host: 0.0.0.0 }'));
    await parse(sample({ rest: 'server: { host: "::1" }' }));
    await parse(sample({ rest: 'server: { host: localhost }' }));
  });

  test('errors of a config never quote a possible key', async () => {
    const [problem] = await refuse(withKeys('name: ci, sha256: rungate_secret-thing'));
    expect(JSON.stringify(problem)).not.toContain('secret-thing');
  });
});

describe('credentials by tenant', () => {
  const backend =
    'credentialsByTenant:\n  blue: { apiKey: blue-secret-1 }\n  red: { apiKey: red-secret-1, region: south }';

  test('credentials by tenant are parsed by the adapter together with the settings of the backend', async () => {
    const config = await parse(sample({ backend }));
    expect(config.backends[0]).toMatchObject({
      settings: undefined,
      settingsByTenant: {
        blue: { apiKey: 'blue-secret-1', region: 'north' },
        red: { apiKey: 'red-secret-1', region: 'south' },
      },
      secrets: ['blue-secret-1', 'red-secret-1'],
    });
    expect(config.secrets).toEqual(expect.arrayContaining(['blue-secret-1', 'red-secret-1']));
  });

  const same = '{ apiKey: same-secret }';
  const other = '{ apiKey: other-secret }';
  test.each([
    ['the same key', same, same, true],
    ['another key', same, other, false],
    ['the same key and another setting', same, '{ apiKey: same-secret, region: south }', false],
    ['a default that one of them writes out', same, '{ region: north, apiKey: same-secret }', true],
  ])('tenants with %s have one account: %s and %s', async (_name, blue, red, isOne) => {
    const tenants = `credentialsByTenant:\n  blue: ${blue}\n  red: ${red}`;
    const [main] = (await parse(sample({ backend: tenants }))).backends;
    const ids = Object.values(main?.accountsByTenant ?? {});
    expect(new Set(ids).size).toBe(isOne ? 1 : 2);
    expect(main?.account).toBeUndefined();
    // A backend of its own with the key of a tenant.
    const plain = sample().replace('hush-hush-1234', 'same-secret');
    expect((await parse(plain)).backends[0]?.account).toBe(main?.accountsByTenant?.blue);
    const elsewhere = plain.replace('https://acme.example/v1/', 'https://acme.example/v2/');
    expect(ids).not.toContain((await parse(elsewhere)).backends[0]?.account);
  });

  test('the ids of accounts, which are derived from secrets, are not in what the config says of itself', async () => {
    for (const text of [sample({ backend }), sample()]) {
      const config = await parse(text);
      const shown = JSON.stringify(describeConfig(config));
      const [main] = config.backends;
      for (const id of [main?.account, ...Object.values(main?.accountsByTenant ?? {})]) {
        if (id !== undefined) expect(shown).not.toContain(id);
      }
      expect(shown).not.toMatch(/account/);
    }
  });

  test('credentials by tenant with missing or unknown members are refused', async () => {
    const lacking = sample({ backend: 'credentialsByTenant: { blue: { region: south } }' }).replace(
      / +apiKey: .*\n/,
      '',
    );
    expect(words(await refuse(lacking))).toEqual([
      { path: 'backends.main.credentialsByTenant.blue.apiKey', message: 'is required' },
    ]);
    const unknown = words(await refuse(sample({ backend: 'credentialsByTenant: { blue: { apiKee: x } }' })));
    expect(unknown.map(({ path }) => path)).toEqual(['backends.main.credentialsByTenant.blue.apiKee']);
    expect(words(await refuse(sample({ backend: 'credentialsByTenant: {}' })))[0]?.message).toBe('must not be empty');
  });
});

test('a new key is long, has the prefix, and differs each time', () => {
  const made = Array.from({ length: 50 }, makeKey);
  expect(new Set(made.map(({ key }) => key)).size).toBe(50);
  for (const { key, sha256 } of made) {
    expect(key).toMatch(/^rungate_[\w-]{43}$/);
    expect(sha256).toBe(hashKey(key));
  }
});
