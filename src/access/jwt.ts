import { hash } from 'node:crypto';
import { createRemoteJWKSet, customFetch, errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import type { JwtConfig } from '../contract/domain/auth.ts';
import { GatewayError } from '../contract/domain/errors.ts';
import { roles } from '../contract/domain/operator.ts';
import type { Principal } from '../contract/domain/principal.ts';
import { nameSchema } from '../validation/name-schema.ts';

/** Rejects with `unauthorized` for an invalid token, and with `auth_unavailable` where it cannot be verified now. */
export type TokenReader = (token: string) => Promise<Principal>;

/** Signatures by a key pair only: a party that can verify a token must not be able to issue one. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];

/** Clocks of issuers differ. */
const clockToleranceSeconds = 5;
const fetchTimeoutMs = 5000;
/** A key that the issuer revokes is trusted no longer than this. */
const keySetMs = 600_000;
/** A valid token is cached this long: verifying a signature costs more than the rest of a small request. */
const memoryMs = 60_000;
const maxTokens = 10_000;
const retryAfterSeconds = 2;

/** Agents in a claim: a list, or names with spaces between them, as scopes are written. */
const agentsClaimSchema = z.union([
  z.array(z.string()),
  z.string().transform((text) => text.split(' ').filter(Boolean)),
]);

/** Anything else than a role is none. */
const roleSchema = z.enum(roles);

class KeySetUnavailable extends Error {}

/** Reads tokens of one issuer. Its keys are fetched with the first token, once for all requests that wait for them. */
export function createTokenReader(config: JwtConfig): TokenReader {
  const keySet = createRemoteJWKSet(new URL(config.jwksUrl), {
    timeoutDuration: fetchTimeoutMs,
    cacheMaxAge: keySetMs,
    [customFetch]: fetchKeySet,
  });
  const known = new LRUCache<string, Principal>({ max: maxTokens });

  async function verify(token: string): Promise<JWTPayload> {
    const { issuer, audience } = config;
    const rules = {
      issuer,
      audience,
      algorithms,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['exp', 'sub'],
    };
    try {
      return (await jwtVerify(token, keySet, rules)).payload;
    } catch (error) {
      if (isOutage(error)) throw new GatewayError('auth_unavailable', { retryAfterSeconds, cause: error });
      throw new GatewayError('unauthorized', { detail: explain(error), cause: error });
    }
  }

  return async (token) => {
    const id = hash('sha256', token);
    const seen = known.get(id);
    if (seen !== undefined) return seen;
    const payload = await verify(token);
    const principal = readPrincipal(payload, config);
    const leftMs = ((payload.exp ?? 0) + clockToleranceSeconds) * 1000 - Date.now();
    if (leftMs > 0) known.set(id, principal, { ttl: Math.min(leftMs, memoryMs) });
    return principal;
  };
}

/** A token without tenant or subject is refused; one without the agents claim that the config names may use no agent. */
function readPrincipal(payload: JWTPayload, config: JwtConfig): Principal {
  const { tenantClaim, agentsClaim, roleClaim, limits } = config;
  const tenant = nameSchema.safeParse(payload[tenantClaim]);
  const name = z
    .string()
    .min(1)
    .max(256)
    .regex(/^[^\n]+$/)
    .safeParse(payload.sub);
  if (!tenant.success)
    throw new GatewayError('unauthorized', { detail: `the token's claim "${tenantClaim}" names no tenant` });
  if (!name.success) throw new GatewayError('unauthorized', { detail: 'the token has no subject' });
  const expiresAtMs = (payload.exp ?? 0) * 1000;
  const credential = { kind: 'token', audience: audienceOf(config), expiresAtMs } as const;
  const role = roleClaim == null ? null : (roleSchema.safeParse(payload[roleClaim]).data ?? null);
  const known = { tenant: tenant.data, name: name.data, limits, credential, role };
  if (agentsClaim === null) return { ...known, agents: null };
  const agents = agentsClaimSchema.safeParse(payload[agentsClaim]);
  return { ...known, agents: new Set(agents.success ? agents.data : []) };
}

/** Names whose tokens for whom are accepted. */
export function audienceOf({ issuer, audience }: JwtConfig): string {
  return hash('sha256', JSON.stringify([issuer, audience])).slice(0, 32);
}

async function fetchKeySet(url: string, options: RequestInit): Promise<Response> {
  const answer = await fetch(url, options).catch((error: unknown) => {
    throw new KeySetUnavailable('the key set cannot be fetched', { cause: error });
  });
  if (answer.status !== 200) throw new KeySetUnavailable(`the key set was answered with ${answer.status}`);
  return answer;
}

function isOutage(error: unknown): boolean {
  return (
    error instanceof KeySetUnavailable || error instanceof errors.JWKSTimeout || error instanceof errors.JWKSInvalid
  );
}

/** The reason that the bearer may know: an expired token or a wrong claim, but not why a signature is wrong. */
function explain(error: unknown): string | undefined {
  if (error instanceof errors.JWTExpired) return 'the token has expired';
  if (error instanceof errors.JWTClaimValidationFailed) return `the token's claim "${error.claim}" is not accepted`;
  return undefined;
}
