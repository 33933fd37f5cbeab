import { isJsonObject } from '../json/json-object.ts';
import { splitServers } from '../store/server-urls.ts';

/** Shorter values are ports and flags rather than secrets, and redacting them would blank half the log. */
const minSecretLength = 8;

/** The passwords of the URLs in a value, at any depth, as written and as decoded. */
export function findUrlPasswords(value: unknown): readonly string[] {
  if (typeof value === 'string') return findPassword(value);
  if (Array.isArray(value)) return value.flatMap(findUrlPasswords);
  return isJsonObject(value) ? Object.values(value).flatMap(findUrlPasswords) : [];
}

/** Keeps the interpolated values that are long enough to be secrets. */
export function keepLongSecrets(secrets: readonly string[]): readonly string[] {
  return secrets.filter((secret) => secret.length >= minSecretLength);
}

function findPassword(text: string): readonly string[] {
  // The servers of one URL have one password.
  const url = text.includes('://') ? URL.parse(splitServers(text)[0] ?? text) : null;
  if (url === null) return [];
  // node-postgres also reads a password from the query.
  const written = [url.password, url.searchParams.get('password') ?? ''].filter((password) => password !== '');
  return [...new Set(written.flatMap((password) => [password, decode(password)]))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
