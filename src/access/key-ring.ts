import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { KeyConfig } from '../contract/domain/auth.ts';
import type { Principal } from '../contract/domain/principal.ts';

/** Lets people, and scanners for leaked secrets, recognise a key. */
const keyPrefix = 'rungate_';
const keyBytes = 32;

/** The form in which the config holds a key. Keys are long and random, so the hash needs no salt and no stretching. */
export function hashKey(key: string): string {
  return hash('sha256', key);
}

/** A new random key, with its hash. */
export function makeKey(): { readonly key: string; readonly sha256: string } {
  const key = keyPrefix + randomBytes(keyBytes).toString('base64url');
  return { key, sha256: hashKey(key) };
}

/** Names a key by the hash of its hash: the hash itself belongs into the config alone. */
export function keyId(sha256: string): string {
  return hash('sha256', sha256).slice(0, 32);
}

export function principalOf({ sha256, name, tenant, agents, limits, role }: KeyConfig): Principal {
  const credential = { kind: 'key', id: keyId(sha256) } as const;
  return { name, tenant, agents: agents === null ? null : new Set(agents), limits, credential, role };
}

/** Finds the principal of a key; null for an unknown key. */
export type KeyRing = (key: string) => Principal | null;

/** Keys are known by their hashes. Each is compared in constant time, and all of them, so that timing reveals nothing. */
export function createKeyRing(keys: readonly KeyConfig[]): KeyRing {
  const known = keys.map((key) => ({ digest: Buffer.from(key.sha256, 'hex'), principal: principalOf(key) }));
  return (key) => {
    const digest = hash('sha256', key, 'buffer');
    let found: Principal | null = null;
    for (const each of known) if (timingSafeEqual(each.digest, digest)) found = each.principal;
    return found;
  };
}
