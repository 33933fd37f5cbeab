import { createHash, randomBytes } from 'node:crypto';

/** Lets people, and scanners for leaked secrets, recognise a key. */
const prefix = 'rungate_';
const keyBytes = 32;

/** The form in which the config holds a key. Keys are long and random, so the hash needs no salt and no stretching. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A new random key, with its hash. */
export function makeKey(): { readonly key: string; readonly sha256: string } {
  const key = prefix + randomBytes(keyBytes).toString('base64url');
  return { key, sha256: hashKey(key) };
}

/** The output of `rungate key`: the key, which is shown only once, and its entry for the config. */
export function describeKey({ name, tenant }: { readonly name: string; readonly tenant: string }): string {
  const { key, sha256 } = makeKey();
  return `key, shown this once: ${key}

auth:
  keys:
    - name: ${JSON.stringify(name)}
      tenant: ${JSON.stringify(tenant)}
      sha256: ${sha256}
`;
}
