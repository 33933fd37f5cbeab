import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { connectUpstream } from '../../src/upstream/connect.ts';
import { describeRefusal } from '../../src/upstream/describe-refusal.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { upstreamOptions } from './upstream-options.ts';

/** What Node says when no connection comes about, and what the client reads. */
const refusals: readonly (readonly [cause: string, words: string])[] = [
  ['ENOTFOUND getaddrinfo ENOTFOUND api.vendor.example', "the vendor's host name does not resolve"],
  ['EAI_AGAIN getaddrinfo EAI_AGAIN api.vendor.example', "the name server gives no answer for the vendor's host name"],
  ['CERT_HAS_EXPIRED certificate has expired', "the vendor's certificate has expired"],
  ['CERT_NOT_YET_VALID certificate is not yet valid', "the vendor's certificate is not valid yet"],
  ['CERT_REVOKED certificate revoked', "the vendor's certificate is revoked"],
  ['CERT_SIGNATURE_FAILURE certificate signature failure', "the vendor's certificate is not valid"],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID Hostname/IP does not match certificate's altnames: Host: api.vendor.example.",
    "the vendor's certificate is for another host name",
  ],
  [
    'DEPTH_ZERO_SELF_SIGNED_CERT self-signed certificate',
    "the vendor's certificate is signed by no authority that the gateway knows",
  ],
  [
    'SELF_SIGNED_CERT_IN_CHAIN self-signed certificate in certificate chain',
    "the vendor's certificate is signed by no authority that the gateway knows",
  ],
  [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE unable to verify the first certificate',
    "the vendor's certificate is signed by no authority that the gateway knows",
  ],
  ['EPROTO write EPROTO 0A00010B:SSL routines', 'the vendor does not speak TLS at this port'],
  ['ERR_SSL_WRONG_VERSION_NUMBER wrong version number', 'the vendor does not speak TLS at this port'],
  ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE handshake failure', 'no secure connection to the vendor'],
  ['EHOSTUNREACH connect EHOSTUNREACH 10.1.2.3:443', 'no network route leads to the vendor'],
  ['ENETUNREACH connect ENETUNREACH 10.1.2.3:443', 'no network route leads to the vendor'],
  ['ECONNREFUSED connect ECONNREFUSED 10.1.2.3:443', 'the vendor refused the connection'],
  ['EMFILE connect EMFILE', 'the gateway has too many open connections'],
  ['ESOMETHING new', 'no connection to the vendor came about'],
  ['', 'no connection to the vendor came about'],
];

describe('no connection to a vendor, in plain words', () => {
  test.each(refusals)('%s reads plainly, without host and address', (cause, words) => {
    expect(describeRefusal(cause)).toBe(words);
    expect(words).not.toMatch(/example|10\.1/);
  });

  test('a certificate that no authority signed is named over a socket', async () => {
    const server = createServer({ cert: selfSigned.cert, key: selfSigned.key }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const baseUrl = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { client, close } = connectUpstream({ ...upstreamOptions, baseUrl });
    const fault = await faultOf(
      client.call({
        purpose: 'observe',
        retry: 'safe',
        method: 'GET',
        path: '/x',
        answer: z.unknown(),
        errorMessage: () => null,
      }),
    );
    expect(fault).toMatchObject({
      consequence: 'retry',
      kind: 'refused',
      message: "the vendor's certificate is signed by no authority that the gateway knows",
    });
    await close();
    server.close();
  });
});

/** For 127.0.0.1, made for this test alone. */
const selfSigned = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBhjCCASygAwIBAgIUEz8WBpmcD0crZbZf2d/PuNYHcQIwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjcwMzQyNTNaGA8yMTI2MTEwMzAzNDI1
M1owDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNGn
zM7sRfjapf6pKsnYpJDpFih+ZxfWpLgxnNpi3ABM1mL+4fmRVfshG5kdOKPj9etH
tHJCvu2avSSxtgItcxejZDBiMB0GA1UdDgQWBBRfw4uoevaJq68rLvenbM4xT4Sl
KTAfBgNVHSMEGDAWgBRfw4uoevaJq68rLvenbM4xT4SlKTAPBgNVHRMBAf8EBTAD
AQH/MA8GA1UdEQQIMAaHBH8AAAEwCgYIKoZIzj0EAwIDSAAwRQIhAPt6BpxgmZd7
2wEG2FxP6cXyMy1ES2pmL9vXGhNzdLGeAiBaO9hDqek6gsDgFCKCqPCFRu6Vn4lx
NG4nFhkROaBmxg==
-----END CERTIFICATE-----`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgOseceibkjypwD4ev
CbkKC2au2U6BIZrYgdY7aL6KvpihRANCAATRp8zO7EX42qX+qSrJ2KSQ6RYofmcX
1qS4MZzaYtwATNZi/uH5kVX7IRuZHTij4/XrR7RyQr7tmr0ksbYCLXMX
-----END PRIVATE KEY-----`,
};
