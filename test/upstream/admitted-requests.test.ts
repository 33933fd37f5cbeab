import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { HttpCall, UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { RequestAdmission } from '../../src/contract/adapter/request-admission.ts';
import { connectUpstream, type Upstream } from '../../src/upstream/connect.ts';
import { parseExceptions } from '../../src/upstream/ssrf-address.ts';
import { faultOf } from '../adapters/adapter-contract.ts';
import { upstreamOptions } from './upstream-options.ts';
import { answer, silence, startVendor, type Vendor } from './vendor-server.ts';

let vendor: Vendor;
let other: Vendor;
let upstream: Upstream;
/** What was asked for, and what became of each request. */
let log: string[];
let admission: RequestAdmission | undefined;
beforeEach(async () => {
  log = [];
  admission = {
    enter: () => {
      log.push('enter');
      return { settle: (error) => void log.push(error === null ? 'answered' : (error as UpstreamFault).kind) };
    },
  };
  [vendor, other] = await Promise.all([startVendor(), startVendor()]);
  const exceptions = parseExceptions(['127.0.0.1']);
  upstream = connectUpstream({
    ...upstreamOptions,
    ...{ baseUrl: vendor.url, timeoutMs: 400, admission: () => admission, exceptions },
  });
});
afterEach(async () => {
  await Promise.all([vendor.stop(), other.stop()]);
  await upstream.close();
});

const look = (more: Partial<HttpCall<unknown>> = {}) =>
  upstream.client.call({
    ...{ purpose: 'observe', retry: 'safe', method: 'GET', path: '/x', answer: z.unknown(), errorMessage: () => null },
    ...more,
  });

test('each request asks to be admitted, and says how it ended', async () => {
  await look();
  vendor.reply = answer(429, {}, { 'retry-after': '3' });
  await faultOf(look());
  expect(log).toEqual(['enter', 'answered', 'enter', 'http-status']);
});

test('a request outside the call of an adapter goes at once', async () => {
  admission = undefined;
  await look();
  expect(vendor.received).toHaveLength(1);
});

test('a request that is not admitted is not sent, whatever it is for', async () => {
  admission = { enter: async () => null };
  expect(await faultOf(look({ retry: 'at-most-once' }))).toMatchObject({ consequence: 'retry', kind: 'aborted' });
  expect(vendor.accepted).toBe(0);
});

test('a request waits for its turn before it is sent', async () => {
  const turn = Promise.withResolvers<void>();
  admission = { enter: () => turn.promise.then(() => ({ settle: () => {} })) };
  const called = look();
  await new Promise((resolve) => setImmediate(resolve));
  expect(vendor.accepted).toBe(0);
  turn.resolve();
  await called;
  expect(vendor.received).toHaveLength(1);
});

test('the request for the credentials goes first, so that it never waits for the one that it is for', async () => {
  await look({
    authorize: async () => {
      log.push('authorize');
      await look({ path: '/token' });
      return {};
    },
  });
  expect(log).toEqual(['authorize', 'enter', 'answered', 'enter', 'answered']);
  expect(vendor.received.map(({ path }) => path)).toEqual(['/token', '/x']);
});

test("an address in an answer that is not the vendor's host has no part in its budget or health", async () => {
  await look({ base: { kind: 'answered', url: `${other.url}/file` }, path: '' });
  expect(other.received).toHaveLength(1);
  expect(log).toEqual([]);
});

test('a call that the vendor may hold has so much more time, and other calls have not', async () => {
  vendor.reply = (response, received) => {
    setTimeout(() => answer(200, { held: true })(response, received), 700);
  };
  expect((await look({ holdMs: 5000 })).raw).toEqual({ held: true });
  expect(await faultOf(look())).toMatchObject({ kind: 'timeout' });
});

test('a call that is held for longer than the vendor may is not waited for', async () => {
  vendor.reply = silence;
  expect(await faultOf(look({ holdMs: 300 }))).toMatchObject({ kind: 'timeout', consequence: 'retry' });
});
