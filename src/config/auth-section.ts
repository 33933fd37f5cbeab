// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import type { AuthConfig, KeyConfig } from '../contract/domain/auth.ts';
import { roles } from '../contract/domain/operator.ts';
import { isLoopbackHost } from '../validation/host-name.ts';
import { nameSchema } from '../validation/name-schema.ts';
import { type ConfigReader, listNames } from './reader.ts';
import { count } from './value-schemas.ts';

const limit = count.nullable().default(null);
const limitsSchema = z
  .strictObject({
    requestsPerSecond: limit.meta({
      description: 'Requests in any one second. Further ones are refused with 429. Null: no bound.',
      examples: [50],
    }),
    liveRuns: limit.meta({
      description: 'Runs that are not finished. Further ones are refused with 429. Null: no bound.',
      examples: [100],
    }),
    streams: limit.meta({
      description: 'Open event streams. Further ones are refused with 429. Null: no bound.',
      examples: [200],
    }),
  })
  .prefault({});

const keySchema = z.strictObject({
  name: nameSchema.meta({ description: 'Name of the client, for logs and limits.', examples: ['ci'] }),
  tenant: nameSchema.default('default').meta({
    description:
      'Tenant that the key belongs to. Runs, threads, items and idempotency keys of other tenants are not found.',
    examples: ['acme'],
  }),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/i, 'must be the SHA-256 of the key, 64 hexadecimal digits; "rungate key" makes both')
    .toLowerCase()
    .meta({
      description: 'SHA-256 of the key, 64 hexadecimal digits. `rungate key` makes a key and prints both.',
      examples: ['${RUNGATE_KEY_SHA256}'],
    }),
  agents: z
    .array(z.string())
    .min(1)
    .nullable()
    .default(null)
    .meta({
      description: 'Agents that the key may use. Null: every agent.',
      examples: [['price-scraper']],
    }),
  limits: limitsSchema.describe('What the key may use at a time, of all replicas together.'),
  role: z
    .enum(roles)
    .nullable()
    .default(null)
    .meta({
      description:
        'What the key may do with the admin API, over all tenants and agents: `viewer` reads, `operator` acts too and sees inputs and outputs. Null: nothing.',
      examples: ['operator'],
    }),
});

/** A text that a client sends, to be compared as it is: with a space at its end it would never be equal. */
const exactText = z
  .string()
  .min(1)
  .refine((text) => text.trim() === text, 'must not begin or end with white space');

const jwtSchema = z.strictObject({
  issuer: exactText.meta({
    description: 'Value that the `iss` claim of a token must have.',
    examples: ['https://id.example.com/'],
  }),
  audience: exactText.meta({
    description: 'Value that the `aud` claim of a token must have or contain.',
    examples: ['rungate'],
  }),
  jwksUrl: z
    .string()
    .refine(isKeySetUrl, 'must be an https URL without credentials; http is for loopback only')
    .meta({
      description: 'URL of the JSON Web Key Set that signs the tokens: https, or http on a loopback address.',
      examples: ['https://id.example.com/.well-known/jwks.json'],
    }),
  tenantClaim: z.string().min(1).default('tenant').describe('Claim that names the tenant of the token.'),
  agentsClaim: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .meta({
      description: 'Claim that lists the agents that the token may use. Null: every agent.',
      examples: ['agents'],
    }),
  roleClaim: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .meta({
      description:
        'Claim whose value `viewer` or `operator` lets the token use the admin API, over all tenants and agents. Null: no token may.',
      examples: ['rungate_role'],
    }),
  limits: limitsSchema.describe('What each subject may use at a time, of all replicas together.'),
});

const authSchema = z.strictObject({
  keys: z
    .array(keySchema)
    .default([])
    .describe('Clients with a key, sent as `Authorization: Bearer KEY` or `x-api-key: KEY`.'),
  jwt: jwtSchema
    .nullable()
    .default(null)
    .describe('Clients with a JSON Web Token, sent as `Authorization: Bearer TOKEN`.'),
});

/** Every form that `auth` takes; {@link readAuth} parses them one by one, for messages that fit. */
export const anyAuthSchema = z
  .union([z.literal('none'), authSchema])
  .nullable()
  .default(null)
  .describe(
    'Who may connect: keys and tokens, or the word `none` to let in everyone who can reach the port. Left out or empty, only this machine can connect, and a host that is not loopback is refused.',
  );

/**
 * Reads `auth`. Null: it is not configured, and only this machine may connect. Undefined: it was refused, and the
 * reader has the problems.
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
  const before = reader.problemCount;
  const auth = reader.parse(authSchema, value, ['auth']);
  if (auth === undefined) return undefined;
  if (auth.keys.length === 0 && auth.jwt === null) {
    reader.report(['auth'], 'admits no client: add keys or jwt, or write "auth: none" to admit everyone');
  }
  checkKeys(auth.keys, agentNames, reader);
  return reader.problemCount > before ? undefined : auth;
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
      const hint = findNearest(name, agentNames);
      reader.report(path, `names no agent${listNames(agentNames)}`, { hint });
    }
  }
}

/** A key set that arrives over a connection others can write to would let them forge tokens. */
function isKeySetUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
}

/**
 * What is wrong with listening on `host`, in words that follow its path; null where nothing is. Without `auth` anyone
 * who connects may spend the vendors' money, so an open host must be asked for explicitly.
 */
export function refuseOpenHost(host: string, auth: unknown): string | null {
  if (auth !== null || isLoopbackHost(host)) return null;
  return 'lets other machines in without a key: add auth, or write "auth: none"';
}

/** The same of the listener of the admin API, for which the word `none` does not suffice. */
export function refuseOpenAdmin(
  { port, host }: { readonly port: number | null; readonly host: string },
  auth: unknown,
): string | null {
  if (port === null || (auth !== null && auth !== 'none') || isLoopbackHost(host)) return null;
  return 'lets other machines operate the gateway without a key: add auth with keys that have a role';
}
