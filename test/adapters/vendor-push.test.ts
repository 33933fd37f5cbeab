import { createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AnswerHeaders } from '../../src/contract/adapter/http.ts';
import { openVendorFileRig, type VendorFileRig } from './vendor-file-rig.ts';

let rig: VendorFileRig;
beforeEach(async () => {
  rig = await openVendorFileRig();
});
afterEach(() => rig.close());

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const body = '{"data": {"id": "r-1"}}';

const read = (verify: string, headers: AnswerHeaders, sent = body, settings: { secret?: string } = { secret }) => {
  const connection = rig.connect(`push: { account: { id: body.data.id, verify: ${verify} } }`, settings);
  const parse = () => (sent.startsWith('{') ? JSON.parse(sent) : undefined);
  return connection.accountPush?.read({ headers, body: sent, parse });
};

const sign = (over: string, encoding: 'hex' | 'base64') => createHmac('sha256', secret).update(over).digest(encoding);
const standard = '{ standardWebhooks: secret }';
const signedAt = (date: Date, sent = body): AnswerHeaders => ({
  'webhook-id': 'wh-1',
  'webhook-timestamp': String(Math.floor(date.getTime() / 1000)),
  'webhook-signature': new Webhook(secret).sign('wh-1', date, sent),
});

test('a call with a signature of Standard Webhooks names its run', async () => {
  expect(await read(standard, signedAt(new Date()))).toEqual({ kind: 'named', runId: 'r-1' });
});

test.each([
  ['without a signature', {}],
  ['with the signature of another body', signedAt(new Date(), '{}')],
  ['that was signed an hour ago', signedAt(new Date(Date.now() - 3_600_000))],
  ['with a signature that is none', { ...signedAt(new Date()), 'webhook-signature': 'v1,AAAA' }],
])('a call %s is refused', async (_name, headers) => {
  expect(await read(standard, headers)).toEqual({ kind: 'refused' });
});

test.each([
  ['{ hmacSha256: { header: X-Signature, secret: secret } }', { 'x-signature': sign(body, 'hex') }],
  ['{ hmacSha256: { header: X-Signature, secret: secret } }', { 'x-signature': sign(body, 'hex').toUpperCase() }],
  ['{ hmacSha256: { header: X-Signature, secret: secret } }', { 'x-signature': `sha256=${sign(body, 'hex')}` }],
  ['{ hmacSha256: { header: X-Signature, secret: secret } }', { 'x-signature': sign(body, 'base64') }],
  [
    '{ hmacSha256: { header: X-Signature, secret: secret, over: "{X-Timestamp}.{body}" } }',
    { 'x-timestamp': '17', 'x-signature': sign(`17.${body}`, 'hex') },
  ],
  ['{ header: { name: X-Token, is: secret } }', { 'x-token': secret }],
] as const)('a call that %s verifies names its run', async (verify, headers) => {
  expect(await read(verify, headers)).toEqual({ kind: 'named', runId: 'r-1' });
  for (const name of Object.keys(headers)) {
    expect(await read(verify, { ...headers, [name]: 'other' })).toEqual({ kind: 'refused' });
    expect(await read(verify, {})).toEqual({ kind: 'refused' });
  }
  expect(await read(verify, headers, body, {})).toBeUndefined();
});

test.each([['{"data": {}}'], ['{"data": {"id": "../x"}}'.replace('../x', '..')], ['{"data": {"id": {}}}']])(
  'a verified call with the body %s names no run',
  async (sent) => {
    expect(await read(standard, signedAt(new Date(), sent), sent)).toEqual({ kind: 'nothing' });
  },
);
