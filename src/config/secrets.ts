import { isJsonObject } from '../json/json-object.ts';

/** Shorter contents are no secrets but ports and flags, and redacting those would blank half the log. */
const SHORTEST_SECRET = 8;

/** The passwords of the URLs in a value, at any depth, as written and as decoded. */
export function findUrlPasswords(value: unknown): readonly string[] {
  if (typeof value === 'string') return findPassword(value);
  if (Array.isArray(value)) return value.flatMap(findUrlPasswords);
  return isJsonObject(value) ? Object.values(value).flatMap(findUrlPasswords) : [];
}

/** Those of the interpolated secrets that are long enough to be some. */
export function keepLongSecrets(secrets: readonly string[]): readonly string[] {
  return secrets.filter((secret) => secret.length >= SHORTEST_SECRET);
}

function findPassword(text: string): readonly string[] {
  const url = text.includes('://') ? URL.parse(text) : null;
  if (url === null) return [];
  // node-postgres takes a password from the query too.
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
