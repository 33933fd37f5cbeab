import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createTokenReader, type TokenReader } from '../../src/access/jwt.ts';
import { noLimits } from '../../src/access/principals.ts';
import { GatewayError } from '../../src/contract/domain/errors.ts';

/** An issuer with a key set on a real port. */
class Issuer {
  readonly #server: Server;
  readonly #keys: JWK[] = [];
  fetched = 0;
  status = 200;
  body: string | null = null;

  constructor() {
    this.#server = createServer((_, response) => {
      this.fetched += 1;
      response.writeHead(this.status, { 'Content-Type': 'application/json', Location: '/elsewhere' });
      response.end(this.body ?? JSON.stringify({ keys: this.#keys }));
    });
  }

  async open(): Promise<this> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${z.object({ port: z.number() }).parse(this.#server.address()).port}/keys`;
  }

  async addKey(
    kid: string,
    algorithm = 'ES256',
  ): Promise<{ readonly privateKey: CryptoKey; readonly publicKey: CryptoKey }> {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    this.#keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg: algorithm, use: 'sig' });
    return pair;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const issuer = 'https://id.example';
const audience = 'rungate';
const open: Issuer[] = [];
let id: Issuer;
let key: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey };
let read: TokenReader;

type Claims = Readonly<Record<string, unknown>>;

const nowSeconds = () => Math.floor(Date.now() / 1000);
const good = (): Claims => ({ iss: issuer, aud: audience, sub: 'ada', exp: nowSeconds() + 600, tenant: 'acme' });

const sign = (claims: Claims, signer: CryptoKey | Uint8Array = key.privateKey, header = {}) =>
  new SignJWT({ ...claims }).setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(signer);

const without = (claims: Claims, name: string): Claims =>
  Object.fromEntries(Object.entries(claims).filter(([each]) => each !== name));

function readerOf(changes: Partial<Parameters<typeof createTokenReader>[0]> = {}): TokenReader {
  const settings = { issuer, audience, jwksUrl: id.url, tenantClaim: 'tenant', agentsClaim: null, limits: noLimits };
  return createTokenReader({ ...settings, ...changes });
}

async function refusal(token: string, reader = read): Promise<string> {
  try {
    await reader(token);
  } catch (error) {
    if (error instanceof GatewayError) return `${error.code}: ${error.detail ?? ''}`;
    throw error;
  }
  throw new Error('the token was taken');
}

beforeEach(async () => {
  id = await new Issuer().open();
  open.push(id);
  key = await id.addKey('one');
  read = readerOf();
});
afterAll(() => {
  for (const each of open) each.close();
});

describe('valid tokens', () => {
  test('a token names its tenant and subject', async () => {
    expect(await read(await sign(good()))).toEqual({
      ...{ tenant: 'acme', name: 'ada', agents: null, limits: noLimits, role: null },
      credential: { kind: 'token', audience: expect.stringMatching(/^[0-9a-f]{32}$/), expiresAtMs: expect.any(Number) },
    });
  });

  test.each([
    ['viewer', 'rungate_role', 'viewer'],
    ['operator', 'rungate_role', 'operator'],
    ['admin', 'rungate_role', null],
    [['operator'], 'rungate_role', null],
    ['operator', null, null],
  ] as const)(
    'a token whose claim is %j has, where the config names %j, the role %j',
    async (claim, roleClaim, role) => {
      const token = await sign({ ...good(), rungate_role: claim });
      expect(await readerOf({ roleClaim })(token)).toMatchObject({ role });
    },
  );

  test.each([
    [
      ['echo', 'scrape'],
      ['echo', 'scrape'],
    ],
    ['echo scrape', ['echo', 'scrape']],
    [undefined, []],
    [5, []],
    ['', []],
  ])('a token with the agents %j is for %j', async (agents, expected) => {
    const principal = await readerOf({ agentsClaim: 'agents' })(await sign({ ...good(), agents }));
    expect([...(principal.agents ?? ['all'])]).toEqual(expected);
  });

  test('a token is verified once, and its key set is fetched once for all requests that wait', async () => {
    const tokens = await Promise.all(Array.from({ length: 20 }, (_, at) => sign({ ...good(), sub: `user-${at}` })));
    const principals = await Promise.all(tokens.map((token) => read(token)));
    expect(principals.map(({ name }) => name)).toEqual(tokens.map((_, at) => `user-${at}`));
    expect(id.fetched).toBe(1);
    const [first = ''] = tokens;
    expect(await read(first)).toBe(principals[0]);
  });

  test.each(['RS256', 'PS256', 'EdDSA'])('a token may be signed with %s', async (alg) => {
    const { privateKey } = await id.addKey('two', alg);
    expect((await read(await sign(good(), privateKey, { alg, kid: 'two' }))).name).toBe('ada');
  });
});

describe('invalid tokens', () => {
  const broken: readonly (readonly [string, () => Promise<string>, string])[] = [
    ['too old', () => sign({ ...good(), exp: nowSeconds() - 60 }), 'the token has expired'],
    ['without an end', () => sign(without(good(), 'exp')), 'the token\'s claim "exp" is not accepted'],
    ['too early', () => sign({ ...good(), nbf: nowSeconds() + 60 }), 'the token\'s claim "nbf" is not accepted'],
    ['for another audience', () => sign({ ...good(), aud: 'other' }), 'the token\'s claim "aud" is not accepted'],
    [
      'from another issuer',
      () => sign({ ...good(), iss: 'https://evil.example' }),
      'the token\'s claim "iss" is not accepted',
    ],
    ['without a subject', () => sign(without(good(), 'sub')), 'the token\'s claim "sub" is not accepted'],
    ['without a tenant', () => sign(without(good(), 'tenant')), 'the token\'s claim "tenant" names no tenant'],
    [
      'with a tenant that is no name',
      () => sign({ ...good(), tenant: 'a\nb' }),
      'the token\'s claim "tenant" names no tenant',
    ],
    [
      'with a list for a tenant',
      () => sign({ ...good(), tenant: ['acme'] }),
      'the token\'s claim "tenant" names no tenant',
    ],
    ['not signed', async () => new UnsecuredJWT({ ...good() }).encode(), ''],
    ['signed by a stranger', async () => sign(good(), (await generateKeyPair('ES256')).privateKey), ''],
    [
      'signed with the public key as a secret',
      async () => sign(good(), Buffer.from(await exportSPKI(key.publicKey)), { alg: 'HS256' }),
      '',
    ],
    ['of an unknown key', () => sign(good(), key.privateKey, { kid: 'three' }), ''],
    [
      'that was changed',
      async () =>
        (await sign(good())).replace(
          /\.[^.]+\./,
          `.${Buffer.from(JSON.stringify({ ...good(), tenant: 'b' })).toString('base64url')}.`,
        ),
      '',
    ],
    ['that is no token', async () => 'a.b.c', ''],
  ];
  test.each(broken)('a token is refused: %s', async (_, make, detail) => {
    expect(await refusal(await make())).toBe(`unauthorized: ${detail}`);
  });

  test('tokens are refused with 503 until the key set can be fetched', async () => {
    const token = await sign(good());
    id.status = 500;
    expect(await refusal(token)).toMatch(/^auth_unavailable/);
    id.status = 302;
    expect(await refusal(token)).toMatch(/^auth_unavailable/);
    id.status = 200;
    id.body = '{"no":"keys"}';
    expect(await refusal(token)).toMatch(/^auth_unavailable/);
    id.body = null;
    expect((await read(token)).name).toBe('ada');
    const nowhere = readerOf({ jwksUrl: 'http://127.0.0.1:1/keys' });
    expect(await refusal(token, nowhere)).toMatch(/^auth_unavailable/);
  });
});
