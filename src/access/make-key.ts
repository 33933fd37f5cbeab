import { createHash, randomBytes } from 'node:crypto';

/** So that a key is known for what it is, by people and by scanners for leaked secrets. */
const prefix = 'rungate_';
const keyBytes = 32;

/** How a key stands in the config. Keys are long and random, so that their hash needs no salt and no stretching. */
export function hashKey(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** Makes a key that nobody can guess. */
export function makeKey(): { readonly key: string; readonly sha256: string } {
  const key = prefix + randomBytes(keyBytes).toString('base64url');
  return { key, sha256: hashKey(key) };
}

/** What `rungate key` prints: the key, which is seen nowhere else, and what goes into the config. */
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
