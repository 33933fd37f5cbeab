import { z } from 'zod';
import type { AuthConfig, KeyConfig } from '../contract/domain/auth.ts';
import { nameSchema } from '../validation/name-schema.ts';
import { findNearest } from '../validation/nearest-word.ts';
import { listNames } from './agent-entries.ts';
import { isLoopbackHost } from './open-host.ts';
import type { ConfigReader } from './reader.ts';

const limit = z.int().positive().nullable().default(null);
const limitsSchema = z.strictObject({ requestsPerSecond: limit, liveRuns: limit, streams: limit }).prefault({});

const keySchema = z.strictObject({
  name: nameSchema,
  tenant: nameSchema.default('default'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the key, 64 hexadecimal digits; "rungate key" makes both')
    .toLowerCase(),
  agents: z.array(z.string()).min(1).nullable().default(null),
  limits: limitsSchema,
});

const jwtSchema = z.strictObject({
  issuer: z.string().min(1),
  audience: z.string().min(1),
  jwksUrl: z.string().refine(isKeySetUrl, 'must be an https URL without credentials; http is for loopback only'),
  tenantClaim: z.string().min(1).default('tenant'),
  agentsClaim: z.string().min(1).nullable().default(null),
  limits: limitsSchema,
});

const authSchema = z.strictObject({
  keys: z.array(keySchema).default([]),
  jwt: jwtSchema.nullable().default(null),
});

/**
 * Reads `auth`: who may come in. Null: nothing is written, and only this machine may. Undefined: it was refused, and
 * the reader knows why.
 */
export function readAuth(
  value: unknown,
  agentNames: readonly string[],
  reader: ConfigReader,
): AuthConfig | 'none' | null | undefined {
  if (value === undefined || value === null) return null;
  if (value === 'none') return 'none';
  if (typeof value === 'string') {
    reader.report(['auth'], 'must be a mapping with "keys" or "jwt", or the word none');
    return undefined;
  }
  const before = reader.problems.length;
  const auth = reader.parse(authSchema, value, ['auth']);
  if (auth === undefined) return undefined;
  if (auth.keys.length === 0 && auth.jwt === null) {
    reader.report(['auth'], 'lets nobody in; add keys or jwt, or write "auth: none" to let everybody in');
  }
  checkKeys(auth.keys, agentNames, reader);
  return reader.problems.length > before ? undefined : auth;
}

function checkKeys(keys: readonly KeyConfig[], agentNames: readonly string[], reader: ConfigReader): void {
  for (const member of ['name', 'sha256'] as const) {
    const seen = new Map<string, number>();
    for (const [index, { [member]: text }] of keys.entries()) {
      const first = seen.get(text);
      if (first === undefined) seen.set(text, index);
      else reader.report(['auth', 'keys', index, member], `is the ${member} of auth.keys[${first}] too`);
    }
  }
  for (const [index, { agents }] of keys.entries()) {
    for (const [at, name] of (agents ?? []).entries()) {
      if (agentNames.includes(name)) continue;
      const path = ['auth', 'keys', index, 'agents', at];
      reader.report(path, `names no agent${listNames(agentNames)}`, findNearest(name, agentNames));
    }
  }
}

/** Keys that came over a line that others can write to would let anybody in. */
function isKeySetUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
}
