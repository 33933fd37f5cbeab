import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { actOnce, observeRun } from '../../adapters/call-rules.ts';
import type { Authorize, HttpCall } from '../../src/contract/adapter/http.ts';
import { connectUpstream, type Upstream, type UpstreamOptions } from '../../src/upstream/connect.ts';
import { parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { upstreamOptions } from './upstream-options.ts';
import { answer, startVendor, type Vendor } from './vendor-server.ts';

let vendor: Vendor;
let other: Vendor;
const opened: Upstream[] = [];

beforeEach(async () => {
  [vendor, other] = await Promise.all([startVendor(), startVendor()]);
});
afterEach(async () => {
  for (const upstream of opened.splice(0)) await upstream.close();
  await Promise.all([vendor.stop(), other.stop()]);
});

function connect(options: Partial<UpstreamOptions> = {}) {
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl: `${vendor.url}/base`, ...options });
  opened.push(upstream);
  return upstream.client;
}

const authorize: Authorize = () => ({ headers: { authorization: 'Bearer hush-hush-1' }, query: { key: 'k&1' } });
const shared = {
  ...actOnce,
  purpose: 'start',
  method: 'POST',
  path: '/x?a=1',
  answer: z.union([z.string(), z.looseObject({})]),
  errorMessage: () => null,
} as const satisfies HttpCall<unknown>;
const trusting = { exceptions: parseExceptions(['127.0.0.1']) };

test('a call to a configured base goes to that host, with the credentials and the headers of the call', async () => {
  const call = {
    ...shared,
    authorize,
    headers: { 'x-own': '1' },
    base: { kind: 'configured', url: `${other.url}/events/` },
  } as const;
  await connect().call(call);
  expect(vendor.received).toHaveLength(0);
  expect(other.received[0]).toMatchObject({
    path: '/events/x?a=1&key=k%261',
    headers: { authorization: 'Bearer hush-hush-1', 'x-own': '1' },
  });
});

test('an address of an answer with another origin gets neither credentials nor headers of the call', async () => {
  const base = { kind: 'answered', url: `${other.url}/results/7?sig=a%2Fb` } as const;
  const baseUrl = vendor.url.replace('//', '//user:pass-word-1@');
  const call = { ...shared, method: 'GET', path: '', authorize, headers: { 'x-own': '1' }, base } as const;
  await connect({ ...trusting, baseUrl }).call(call);
  expect(other.received[0]?.path).toBe('/results/7?sig=a%2Fb');
  expect(Object.keys(other.received[0]?.headers ?? {}).toSorted()).toStrictEqual([
    'accept',
    'accept-encoding',
    'connection',
    'host',
    'user-agent',
  ]);
});

test("an address of an answer with the backend's own origin gets the credentials", async () => {
  const base = { kind: 'answered', url: `${vendor.url}/results/7` } as const;
  await connect().call({ ...shared, method: 'GET', path: '', authorize, base });
  expect(vendor.received[0]).toMatchObject({
    path: '/results/7?key=k%261',
    headers: { authorization: 'Bearer hush-hush-1' },
  });
});

test.each([
  ['http://127.0.0.1:1/x', 'must not lead to a private address'],
  ['http://localhost:1/x', 'must not lead to a private name'],
  ['http://169.254.169.254/latest/meta-data', 'must not lead to a private address'],
  ['http://[::1]/x', 'must not lead to a private address'],
  ['https://user:pw@acme.example/x', 'must hold no user and no password'],
  ['file:///etc/passwd', 'must be an http or https URL'],
  ['/relative', 'must be an http or https URL'],
])('the address %s in an answer is not called', async (url, reason) => {
  const call = { ...shared, method: 'GET', path: '', base: { kind: 'answered', url } } as const;
  const fault = await faultOf(connect().call(call));
  expect(fault).toMatchObject({ consequence: 'rejected', kind: 'malformed' });
  expect(fault.message).toBe(`the address in the vendor's answer ${reason}`);
});

test('credentials that have to be fetched are waited for, and are taken out of the answer', async () => {
  const secrets = ['made-at-run-time'];
  vendor.reply = answer(200, { echo: 'x made-at-run-time x' }, { 'x-echo': 'made-at-run-time' });
  const later: Authorize = async () => ({ headers: { authorization: 'Bearer made-at-run-time' }, secrets });
  const { raw, headers, status } = await connect().call({ ...shared, authorize: later });
  expect(vendor.received[0]?.headers.authorization).toBe('Bearer made-at-run-time');
  expect({ raw, status, echo: headers['x-echo'] }).toStrictEqual({
    raw: { echo: 'x [redacted] x' },
    status: 200,
    echo: '[redacted]',
  });
});

test('credentials are made for the request as it is sent', async () => {
  const seen: unknown[] = [];
  const body = { n: 1 };
  await connect().call({
    ...shared,
    body,
    authorize: (request) => {
      seen.push(request);
      return {};
    },
  });
  const headers = expect.objectContaining({ 'content-type': 'application/json' });
  expect(seen).toStrictEqual([{ method: 'POST', url: `${vendor.url}/base/x?a=1`, headers, body: '{"n":1}' }]);
});

test('a form is sent with its names and values encoded', async () => {
  await connect().call({
    ...shared,
    method: 'PATCH',
    form: [
      ['a b', 'c&d'],
      ['e', 'ü'],
    ],
  });
  expect(vendor.received[0]).toMatchObject({
    method: 'PATCH',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: 'a+b=c%26d&e=%C3%BC',
  });
});

test('plain text is an answer where the call takes text, and JSON in it is read as JSON', async () => {
  const plain = { 'content-type': 'text/plain; charset=utf-8' };
  vendor.reply = answer(201, '0199aaaa-bbbb', plain);
  const taken = await connect().call({ ...shared, takesText: true });
  expect({ raw: taken.raw, status: taken.status, bytes: taken.bytes }).toStrictEqual({
    raw: '0199aaaa-bbbb',
    status: 201,
    bytes: 13,
  });
  vendor.reply = answer(200, '{"a": 1}', plain);
  expect((await connect().call({ ...shared, takesText: true })).raw).toStrictEqual({ a: 1 });
  vendor.reply = answer(200, '0199aaaa-bbbb', plain);
  expect(await faultOf(connect().call(shared))).toMatchObject({ consequence: 'unknown', kind: 'malformed' });
});

test.each([
  ['text/html', '<p>busy</p>'],
  ['application/json', '{"half": '],
])('%s that is not JSON is no answer, also where the call takes text', async (type, body) => {
  vendor.reply = answer(200, body, { 'content-type': type });
  const fault = await faultOf(connect().call({ ...shared, ...observeRun, takesText: true }));
  expect(fault).toMatchObject({ consequence: 'retry', kind: 'malformed' });
});

test('a refusal has its headers, without secrets', async () => {
  vendor.reply = answer(409, { why: 'no' }, { 'x-reason': 'the key hush-hush-2' });
  const fault = await faultOf(connect({ secrets: ['hush-hush-2'] }).call(shared));
  expect(fault).toMatchObject({ httpStatus: 409, answer: { why: 'no' } });
  expect(fault.headers['x-reason']).toBe('the key [redacted]');
});
