import { createHmac, timingSafeEqual } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { CompiledExpression } from '../../src/contract/adapter/expressions.ts';
import type { AccountPush, PushCall, PushReading } from '../../src/contract/adapter/push.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { readId } from './answer-ids.ts';
import { fillNames, parseNames } from './names.ts';
import type { VendorVerification } from './schema.ts';

type Verify = (call: PushCall) => boolean;

/** Undefined: the setting with the secret is left out, so that no call could be known to be the vendor's. */
export function createAccountPush(
  id: CompiledExpression,
  verification: VendorVerification,
  settings: JsonObject,
): AccountPush | undefined {
  const verify = createVerification(verification, settings);
  return verify && { read: (call) => readCall(call, id, verify) };
}

async function readCall(call: PushCall, id: CompiledExpression, verify: Verify): Promise<PushReading> {
  if (!verify(call)) return { kind: 'refused' };
  const body = await call.parse();
  if (body === undefined) return { kind: 'nothing' };
  const value = await readValue(id, { body, headers: call.headers });
  const runId = value === undefined ? null : readId(value);
  return runId === null ? { kind: 'nothing' } : { kind: 'named', runId };
}

/** What a call holds is anything: an expression that fails on it names no run. */
async function readValue(id: CompiledExpression, data: JsonObject): Promise<Json | undefined> {
  try {
    return await id.evaluate(data);
  } catch {
    return undefined;
  }
}

function createVerification(
  { standardWebhooks, hmacSha256, header }: VendorVerification,
  settings: JsonObject,
): Verify | undefined {
  const name = standardWebhooks ?? hmacSha256?.secret ?? header?.is ?? '';
  const secret = settings[name];
  if (typeof secret !== 'string') return undefined;
  if (standardWebhooks !== undefined) return verifyStandard(secret);
  if (hmacSha256 !== undefined) return verifyHmac(hmacSha256, secret);
  return ({ headers }) => isEqual(headers[header?.name.toLowerCase() ?? ''], secret);
}

function verifyStandard(secret: string): Verify {
  const webhook = new Webhook(secret);
  return ({ headers, body }) => {
    try {
      webhook.verify(body, headers);
      return true;
    } catch {
      return false;
    }
  };
}

function verifyHmac({ header, over }: NonNullable<VendorVerification['hmacSha256']>, secret: string): Verify {
  const signed = parseNames(over);
  const name = header.toLowerCase();
  return ({ headers, body }) => {
    const text = fillNames(signed, (each) => (each === 'body' ? body : headers[each.toLowerCase()]));
    if (text === null) return false;
    const digest = createHmac('sha256', secret).update(text).digest();
    // Such as GitHub's "sha256=".
    const given = headers[name]?.replace(/^(sha256|v0|v1)=/, '');
    return isEqual(given?.toLowerCase(), digest.toString('hex')) || isEqual(given, digest.toString('base64'));
  };
}

function isEqual(given: string | undefined, expected: string): boolean {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(expected)];
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
