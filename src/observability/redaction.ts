/** Stands in the place of a secret. */
const REDACTED = '[redacted]';

/** Below this length a secret is replaced only where it is the whole value: `a` must not eat every word. */
const SHORTEST_SUBSTRING = 4;
/** What is kept of a value: levels of nesting, and members of each list or object. */
export type Bounds = { readonly depth: number; readonly items: number };
const logBounds: Bounds = { depth: 12, items: 1000 };

/** The password of a URL, wherever it came from. */
const urlPassword = /(\b[a-z][a-z0-9+.-]*:\/\/[^\s/:@?#]*:)[^\s/@]+@/gi;

/** Keys whose value is a credential whatever it holds; compared in lower case, without `-` and `_`. */
const credentialKeys = new Set([
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

/** Gives values without their secrets. What it returns is plain JSON: no cycles, no errors, no class instances. */
export type Redactor = {
  /** Replaces every secret in a text. */
  text(text: string): string;
  /** Replaces every secret in a value, at any depth, in keys too, and the values of credential keys. */
  value(value: unknown): unknown;
};

/** Makes a scrubber for the given secrets; empty ones are ignored. What goes beyond the bounds is left out. */
export function createRedactor(secrets: readonly string[], bounds: Bounds = logBounds): Redactor {
  const known = [...new Set(secrets.flatMap(formsOf))].filter((form) => form !== '');
  // Longest first: a secret that contains another one is replaced whole.
  const substrings = known.filter((form) => form.length >= SHORTEST_SUBSTRING).sort((a, b) => b.length - a.length);
  const whole = new Set(known);

  function text(raw: string): string {
    if (whole.has(raw)) return REDACTED;
    let clean = raw;
    for (const secret of substrings) {
      if (clean.includes(secret)) clean = clean.replaceAll(secret, REDACTED);
    }
    return clean.includes('://') ? clean.replaceAll(urlPassword, `$1${REDACTED}@`) : clean;
  }

  function value(raw: unknown): unknown {
    return scrub(raw, 0, []);
  }

  function scrub(raw: unknown, depth: number, above: readonly object[]): unknown {
    switch (typeof raw) {
      case 'string':
        return text(raw);
      case 'number':
        return whole.has(String(raw)) ? REDACTED : raw;
      case 'bigint':
        return text(String(raw));
      case 'boolean':
        return raw;
      case 'object':
        return raw === null ? null : scrubObject(raw, depth, above);
      default:
        return undefined;
    }
  }

  function scrubObject(raw: object, depth: number, above: readonly object[]): unknown {
    if (above.includes(raw)) return '[circular]';
    if (depth >= bounds.depth) return '[too deep]';
    const trail = [...above, raw];
    if (raw instanceof Error) return scrubError(raw, depth, trail);
    if (ArrayBuffer.isView(raw)) return `[${raw.byteLength} bytes]`;
    if (Array.isArray(raw)) return raw.slice(0, bounds.items).map((item) => scrub(item, depth + 1, trail));
    if (raw instanceof Map || raw instanceof Set) return scrub([...raw], depth, trail);
    if ('toJSON' in raw && typeof raw.toJSON === 'function') return scrub(raw.toJSON(), depth + 1, trail);
    return Object.fromEntries(scrubEntries(Object.entries(raw), depth, trail));
  }

  function scrubEntries(
    entries: readonly (readonly [string, unknown])[],
    depth: number,
    trail: readonly object[],
  ): readonly (readonly [string, unknown])[] {
    return entries
      .slice(0, bounds.items)
      .map(([key, member]) => [text(key), isCredential(key, member) ? REDACTED : scrub(member, depth + 1, trail)]);
  }

  function scrubError(error: Error, depth: number, trail: readonly object[]): unknown {
    const { name, message, stack, cause } = error;
    const own = Object.entries(error).filter(([key]) => !['name', 'message', 'stack', 'cause'].includes(key));
    return {
      type: text(name),
      message: text(message),
      ...(stack === undefined ? {} : { stack: text(stack) }),
      ...Object.fromEntries(scrubEntries(own, depth, trail)),
      ...(cause === undefined ? {} : { cause: scrub(cause, depth + 1, trail) }),
      ...(error instanceof AggregateError ? { errors: scrub(error.errors, depth + 1, trail) } : {}),
    };
  }

  return { text, value };
}

/** A secret as it is, inside a URL, and inside a JSON text. */
function formsOf(secret: string): readonly string[] {
  return [secret, encodeURIComponent(secret.toWellFormed()), JSON.stringify(secret).slice(1, -1)];
}

/** An object under such a key describes something, as the property of a schema does; its members are looked at. */
function isCredential(key: string, value: unknown): boolean {
  const isBare = typeof value === 'string' || typeof value === 'number' || Array.isArray(value);
  return isBare && credentialKeys.has(key.toLowerCase().replaceAll(/[-_]/g, ''));
}
