import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** UUID, dot, base64url of 32 bytes. */
const tokenShape = /^([0-9a-f-]{36})\.([A-Za-z0-9_-]{43})$/;

/**
 * The key of a backend's push tokens, derived from its secrets, which only the replicas share, so that no token has to be
 * stored. Throws `TypeError` for a backend without secrets, because its tokens could be guessed.
 */
export function derivePushKey(backend: string, secrets: readonly string[]): Buffer {
  if (secrets.length === 0) throw new TypeError(`backend ${backend} has no secret to make push tokens of`);
  const material = JSON.stringify(secrets.toSorted());
  return Buffer.from(hkdfSync('sha256', material, 'rungate', `push ${backend}`, 32));
}

/** Makes the token with which a vendor may report a change of the run. */
export function makePushToken(key: Buffer, runId: string): string {
  return `${runId}.${sign(key, runId)}`;
}

/** The run that one of our tokens names; null for any other text. */
export function readPushToken(key: Buffer, token: string): string | null {
  const [, runId, signature] = tokenShape.exec(token) ?? [];
  if (runId === undefined || signature === undefined) return null;
  // Compared as texts, because the last character has spare bits: several texts decode to the same bytes.
  return timingSafeEqual(Buffer.from(signature), Buffer.from(sign(key, runId))) ? runId : null;
}

function sign(key: Buffer, runId: string): string {
  return createHmac('sha256', key).update(runId).digest('base64url');
}
