import type { Json } from '../contract/domain/json.ts';
import type { Redactor } from '../contract/domain/log.ts';
import { boundText } from '../json/bound-text.ts';
import { isJsonObject } from '../json/json-object.ts';

/** Stands in the place of a secret. */
export const blank = '[redacted]';

/**
 * A shorter secret is no different from an ordinary word, and hiding it everywhere would spoil payloads and log lines. It
 * is hidden only where it is a whole value of a log line.
 */
const minSecretLength = 6;

/** What is kept of a value: levels of nesting, members of each list or object, characters of a text, and of all in all. */
export type Bounds = {
  readonly depth: number;
  readonly items: number;
  readonly textLength: number;
  readonly length: number;
};
const logBounds: Bounds = { depth: 12, items: 1000, textLength: 8192, length: 32_768 };
/** A key is a word; what is longer is no key of ours. */
const maxKeyLength = 256;
/** What is kept of a text, or of a value other than text, once all that is kept is at its bound. */
const leastLength = 64;
const lengthOfOthers = 8;

/** The password of a URL, wherever the URL comes from. */
const urlPassword = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@?#]*:)[^\s/@]+@/gi;

/** Keys whose value is a credential whatever it holds; compared in lower case, without `-` and `_`. */
const credentialKeys = new Set([
  'accesskeysecret',
  'clientsecret',
  'passphrase',
  'privatekey',
  'refreshtoken',
  'secretaccesskey',
  'secretkey',
  'sessiontoken',
  'authorization',
  'proxyauthorization',
  'apikey',
  'xapikey',
  'token',
  'accesstoken',
  'password',
  'secret',
  'cookie',
  'setcookie',
]);

/** Redacts log fields as well. */
export interface LogRedactor extends Redactor {
  /**
   * Replaces every secret in a value, at any depth, in keys too, and the values of credential keys. What it returns is
   * plain JSON: no cycles, no errors, no class instances. What goes beyond the bounds is left out.
   */
  value(value: unknown): unknown;
}

/** Makes a redactor for the given secrets; empty ones are ignored. The bounds apply to log fields only. */
export function createRedactor(secrets: readonly string[], bounds: Bounds = logBounds): LogRedactor {
  const known = [...new Set(secrets.filter((secret) => secret !== ''))];
  const whole = new Set(known.flatMap(formsOf));
  const long = known.filter((secret) => secret.length >= minSecretLength);
  // Longest first: a secret that contains another one is replaced whole.
  const needles = [...new Set(long.flatMap(formsOf))].sort((a, b) => b.length - a.length);
  const longestNeedle = needles[0]?.length ?? 0;
  /** Characters that the value under way has taken so far. */
  let taken = 0;

  function replace(raw: string): string {
    let clean = raw;
    for (const needle of needles) {
      if (clean.includes(needle)) clean = clean.replaceAll(needle, blank);
    }
    return clean;
  }

  function text(raw: string): string {
    return whole.has(raw) ? blank : redactUrlPassword(replace(raw));
  }

  function json(payload: Json, source: string): Json {
    // JSON has many spellings of one string, all with a backslash; without one, the source shows every secret.
    const mayHold = needles.length > 0 && (source.includes('\\') || needles.some((needle) => source.includes(needle)));
    return mayHold ? replaceIn(payload) : payload;
  }

  function replaceIn(payload: Json): Json {
    if (typeof payload === 'string') return replace(payload);
    if (Array.isArray(payload)) return payload.map(replaceIn);
    if (!isJsonObject(payload)) return payload;
    // fromEntries, since assigning a key named __proto__ would set the prototype.
    return Object.fromEntries(Object.entries(payload).map(([key, member]) => [replace(key), replaceIn(member)]));
  }

  function value(raw: unknown): unknown {
    taken = 0;
    return redact(raw, 0, []);
  }

  function loggedText(raw: string, max: number): string {
    const room = Math.min(max, Math.max(leastLength, bounds.length - taken));
    const shown = raw.length <= room ? text(raw) : boundText(raw, room, redactStart);
    taken += shown.length;
    return shown;
  }

  /** The redacted first `length` characters of a longer text. A secret that the cut would go through is left out whole. */
  function redactStart(raw: string, length: number): string {
    const clean = text(raw.slice(0, length + 2 * longestNeedle));
    return clean.slice(0, Math.max(0, Math.min(length, clean.length - longestNeedle)));
  }

  function redact(raw: unknown, depth: number, above: readonly object[]): unknown {
    switch (typeof raw) {
      case 'string':
        return loggedText(raw, bounds.textLength);
      case 'number':
        taken += lengthOfOthers;
        return whole.has(String(raw)) ? blank : raw;
      case 'bigint':
        return loggedText(String(raw), bounds.textLength);
      case 'boolean':
        return raw;
      case 'object':
        return raw === null ? null : redactObject(raw, depth, above);
      default:
        return undefined;
    }
  }

  function redactObject(raw: object, depth: number, above: readonly object[]): unknown {
    if (above.includes(raw)) return '[circular]';
    if (depth >= bounds.depth) return '[too deep]';
    taken += lengthOfOthers;
    if (depth > 1 && taken >= bounds.length) return '[too much]';
    const trail = [...above, raw];
    if (raw instanceof Error) return redactError(raw, depth, trail);
    if (ArrayBuffer.isView(raw)) return `[${raw.byteLength} bytes]`;
    if (Array.isArray(raw)) return raw.slice(0, bounds.items).map((item) => redact(item, depth + 1, trail));
    if (raw instanceof Map || raw instanceof Set) return redact([...raw], depth, trail);
    if ('toJSON' in raw && typeof raw.toJSON === 'function') return redact(raw.toJSON(), depth + 1, trail);
    return Object.fromEntries(redactEntries(Object.entries(raw), depth, trail));
  }

  function redactEntries(
    entries: readonly (readonly [string, unknown])[],
    depth: number,
    trail: readonly object[],
  ): readonly (readonly [string, unknown])[] {
    return entries
      .slice(0, bounds.items)
      .map(([key, member]) => [
        loggedText(key, maxKeyLength),
        isCredential(key, member) ? blank : redact(member, depth + 1, trail),
      ]);
  }

  function redactError(error: Error, depth: number, trail: readonly object[]): unknown {
    const { name, message, stack, cause } = error;
    const own = Object.entries(error).filter(([key]) => !['name', 'message', 'stack', 'cause'].includes(key));
    return {
      type: loggedText(name, maxKeyLength),
      message: loggedText(message, bounds.textLength),
      ...(stack === undefined ? {} : { stack: loggedText(stack, bounds.textLength) }),
      ...Object.fromEntries(redactEntries(own, depth, trail)),
      ...(cause === undefined ? {} : { cause: redact(cause, depth + 1, trail) }),
      ...(error instanceof AggregateError ? { errors: redact(error.errors, depth + 1, trail) } : {}),
    };
  }

  return { text, json, value };
}

/** Takes the passwords out of the URLs in a text. */
export function redactUrlPassword(text: string): string {
  return text.includes('://') ? text.replaceAll(urlPassword, `$1${blank}@`) : text;
}

/** A secret as it is, inside a URL, and inside a JSON text. */
function formsOf(secret: string): readonly string[] {
  return [secret, encodeURIComponent(secret.toWellFormed()), JSON.stringify(secret).slice(1, -1)];
}

/** An object under such a key describes something, as the property of a schema does; its members are looked at. */
export function isCredential(key: string, value: unknown): boolean {
  const isBare = typeof value === 'string' || typeof value === 'number' || Array.isArray(value);
  return isBare && credentialKeys.has(key.toLowerCase().replaceAll(/[-_]/g, ''));
}
