import type { Json } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';

/** Shorter values are no secrets worth the name, and would black out ordinary words. */
const shortestSecret = 6;
const blank = '[redacted]';

/** Takes configured secrets out of whatever a vendor sends back, before anyone sees it. */
export type Redactor = {
  /** `source` is the text that `value` was parsed from. */
  readonly json: (value: Json, source: string) => Json;
  readonly text: (text: string) => string;
};

export function buildRedactor(secrets: readonly string[]): Redactor {
  const plain = [...new Set(secrets)].filter((secret) => secret.length >= shortestSecret);
  // The longest first: a secret may be a part of another one.
  const needles = [...new Set(plain.flatMap(spellingsOf))].sort((one, other) => other.length - one.length);

  const text = (value: string) => needles.reduce((rest, needle) => rest.replaceAll(needle, blank), value);

  const walk = (value: Json): Json => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(walk);
    if (!isJsonObject(value)) return value;
    // fromEntries, since assigning a key named __proto__ would set the prototype.
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [text(key), walk(member)]));
  };

  return {
    text,
    // JSON has many spellings of one string, all with a backslash; without one, the text shows every secret.
    json: (value, source) =>
      needles.length > 0 && (source.includes('\\') || needles.some((needle) => source.includes(needle)))
        ? walk(value)
        : value,
  };
}

/** A secret as it is, inside a JSON text, and inside a URL. */
function spellingsOf(secret: string): readonly string[] {
  return [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret.toWellFormed())];
}
