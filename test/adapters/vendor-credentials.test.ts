import { generateKeyPairSync } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import { decodeJwt, jwtVerify } from 'jose';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { answer, type Vendor } from '../upstream/vendor-server.ts';
import { faultOf } from './adapter-contract.ts';
import { observe, openVendorFileRig, start, type VendorFileRig } from './vendor-file-rig.ts';

let rig: VendorFileRig;
let site: Vendor;
let other: Vendor;
const connect: VendorFileRig['connect'] = (lines, settings) => rig.connect(lines, settings);

beforeEach(async () => {
  rig = await openVendorFileRig();
  ({ site, other } = rig);
});
afterEach(() => rig.close());

describe('credentials of a vendor file', () => {
  const sent = async (auth: string, settings: JsonObject) => {
    site.reply = answer(200, { status: 'busy' });
    await observe(connect(`auth: ${auth}`, settings));
    return site.received.at(-1);
  };

  test.each([
    ['{ bearer: token }', { token: 'tok' }, 'Bearer tok'],
    ['{ header: { name: Authorization, value: "Key {token}" } }', { token: 'tok' }, 'Key tok'],
    [
      '{ basic: { user: user, password: token } }',
      { user: 'ü', token: 'p:w' },
      `Basic ${Buffer.from('ü:p:w').toString('base64')}`,
    ],
    ['{ bearer: token }', { token: '' }, undefined],
    ['{ bearer: token }', {}, undefined],
  ] as const)('%s with %j sends %j', async (auth, settings, expected) => {
    expect((await sent(auth, settings))?.headers.authorization).toBe(expected);
  });

  test('a key can stand in the query, behind what stands there', async () => {
    expect((await sent('{ query: { name: key, value: "{token}" } }', { token: 'a&b' }))?.path).toBe(
      '/v1/runs/r-1?key=a%26b',
    );
  });

  test('a request is signed for AWS as it is sent', async () => {
    const keys = { user: 'AKIDEXAMPLE', token: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY', region: 'us-east-1' };
    const request = await sent(
      '{ awsSigV4: { service: bedrock, region: "{region}", accessKeyId: user, secretAccessKey: token } }',
      keys,
    );
    const { host = '', 'x-amz-date': datetime = '', authorization } = request?.headers ?? {};
    const signed = await new AwsV4Signer({
      ...{ url: `http://${host}${request?.path}`, method: 'GET', datetime: String(datetime) },
      headers: { 'accept-encoding': String(request?.headers['accept-encoding']), accept: 'application/json' },
      ...{ accessKeyId: keys.user, secretAccessKey: keys.token, service: 'bedrock', region: 'us-east-1' },
    }).sign();
    expect(authorization).toBe(signed.headers.get('authorization'));
    expect(authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/us-east-1\/bedrock\/aws4_request, /,
    );
  });

  const oauth = '{ oauth2: { tokenUrl: "{tokenUrl}", clientId: id, clientSecret: secret, scope: api } }';
  const client = () => ({ tokenUrl: `${other.url}/token`, id: 'me', secret: 'hush-hush-1' });
  const issue = () => {
    let count = 0;
    other.reply = (response, received) => {
      count += 1;
      answer(200, { access_token: `made-${count}-at-run-time`, expires_in: 3600 })(response, received);
    };
  };

  test('a token is fetched once for all calls that need it', async () => {
    issue();
    site.reply = answer(200, { status: 'busy' });
    const connection = connect(`auth: ${oauth}`, client());
    await Promise.all([observe(connection), observe(connection), observe(connection)]);
    await observe(connection);
    expect(other.received.map(({ path, body }) => [path, body])).toStrictEqual([
      ['/token', 'grant_type=client_credentials&client_id=me&client_secret=hush-hush-1&scope=api'],
    ]);
    expect(new Set(site.received.map(({ headers }) => headers.authorization))).toStrictEqual(
      new Set(['Bearer made-1-at-run-time']),
    );
  });

  test('a token that the vendor echoes goes no further', async () => {
    issue();
    site.reply = answer(200, { status: 'busy', echo: 'made-1-at-run-time' });
    expect((await observe(connect(`auth: ${oauth}`, client()))).raw).toStrictEqual({
      status: 'busy',
      echo: '[redacted]',
    });
  });

  test('a token that the vendor refuses is fetched anew, and the request is sent once more, be it a start', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      issue();
      const isNew = (header: string | undefined) => header === 'Bearer made-2-at-run-time';
      site.reply = (response, received) =>
        (isNew(received.headers.authorization) ? answer(200, { id: 'r-1' }) : answer(401, {}))(response, received);
      const connection = connect(`auth: ${oauth}`, client());
      // Another token would be refused as well, so that a new one is not fetched for every call.
      expect(await faultOf(connection.start(start()))).toMatchObject({ consequence: 'rejected', httpStatus: 401 });
      expect(other.received).toHaveLength(1);
      vi.advanceTimersByTime(2000);
      const both = await Promise.all([connection.start(start()), connection.start(start())]);
      expect(both.map(({ upstream }) => upstream?.runId)).toStrictEqual(['r-1', 'r-1']);
      expect(other.received).toHaveLength(2);
      expect(site.received).toHaveLength(5);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a token is fetched again shortly before it expires', async () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      issue();
      site.reply = answer(200, { status: 'busy' });
      const connection = connect(`auth: ${oauth}`, client());
      await observe(connection);
      vi.advanceTimersByTime(3_569_000);
      await observe(connection);
      expect(other.received).toHaveLength(1);
      vi.advanceTimersByTime(2_000);
      await observe(connection);
      expect(other.received).toHaveLength(2);
    } finally {
      vi.useRealTimers();
    }
  });

  test('a client that the token endpoint refuses has no credentials: nothing is sent', async () => {
    other.reply = answer(400, { error: 'invalid_client', error_description: 'no such client hush-hush-1' });
    const connection = connect(`auth: ${oauth}`, client());
    expect(await faultOf(observe(connection))).toMatchObject({ consequence: 'retry', httpStatus: 401 });
    const fault = await faultOf(connection.start(start()));
    expect(fault).toMatchObject({ consequence: 'rejected', httpStatus: 401 });
    expect(fault.message).toMatch(/^no token: /);
    expect(fault.message).not.toContain('hush-hush-1');
    expect(site.received).toHaveLength(0);
  });

  test('a token endpoint that is away is waited for', async () => {
    other.reply = answer(503, {});
    expect(await faultOf(connect(`auth: ${oauth}`, client()).start(start()))).toMatchObject({ consequence: 'retry' });
    expect(site.received).toHaveLength(0);
  });

  test('a service account of Google signs for its token', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    const tokenUri = `${other.url}/token`;
    const account = JSON.stringify({
      client_email: 'me@x.example',
      private_key: key,
      private_key_id: 'k1',
      token_uri: tokenUri,
    });
    issue();
    const request = await sent('{ googleServiceAccount: token }', { token: account });
    expect(request?.headers.authorization).toBe('Bearer made-1-at-run-time');
    const form = new URLSearchParams(other.received[0]?.body);
    const assertion = form.get('assertion') ?? '';
    const { protectedHeader } = await jwtVerify(assertion, publicKey, { audience: tokenUri, issuer: 'me@x.example' });
    expect(protectedHeader).toMatchObject({ alg: 'RS256', kid: 'k1' });
    expect(decodeJwt(assertion).scope).toBe('https://www.googleapis.com/auth/cloud-platform');
  });

  test('a key that is no service account is refused with the config', () => {
    expect(() => connect('auth: { googleServiceAccount: token }', { token: '{}' })).toThrow(
      /JSON key of a service account/,
    );
  });
});
