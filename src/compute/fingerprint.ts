import { createHash } from 'node:crypto';
import type { Json } from '../contract/domain/json.ts';
import { canonicalJson } from '../json/canonical-json.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { measureJson } from '../json/measure-json.ts';
import { sliceBounds, sliceChars, textSlices } from './slices.ts';
import { Pacer } from './turns.ts';

/** Begins the fingerprint of a large value. Not JSON, so that no small value has the same. */
export const hashMark = 'sha256:';

/** Longer canonical texts are kept as their hash. */
const maxPlainLength = 256;

/** A fingerprint, and the length of the canonical JSON. */
export type Digest = { readonly fingerprint: string; readonly chars: number };

/** The digest of a value, as {@link fingerprint} makes it. */
export function digest(value: Json): Digest | Promise<Digest> {
  if (measureJson(value, sliceBounds) === null) return digestSliced(value);
  const canonical = canonicalJson(value);
  return { fingerprint: shortenCanonical(canonical), chars: canonical.length };
}

/**
 * A short text that equal JSON values have in common, whatever the order of their keys: the canonical JSON of a small
 * value, a hash of it for any other. A large value is walked in slices, so that the event loop goes on; it must not change
 * before the promise resolves. The common case gives no promise.
 */
export function fingerprint(value: Json): string | Promise<string> {
  const found = digest(value);
  return found instanceof Promise ? found.then((one) => one.fingerprint) : found.fingerprint;
}

/** The fingerprint of a value whose canonical JSON is known. That of a fingerprint is itself. */
export function shortenCanonical(canonical: string): string {
  if (canonical.length <= maxPlainLength) return canonical;
  return format(createHash('sha256').update(canonical, 'utf8').digest('hex'));
}

function format(hex: string): string {
  return hashMark + hex;
}

async function digestSliced(value: Json): Promise<Digest> {
  const walk = new Walk();
  await walk.add(value);
  return walk.end();
}

/** Feeds the canonical JSON of a value to a hash, piece by piece. */
class Walk {
  readonly #hash = createHash('sha256');
  readonly #pacer = new Pacer();
  #chars = 0;

  async add(value: Json): Promise<void> {
    const pause = this.#pacer.pause();
    if (pause !== undefined) await pause;
    if (typeof value === 'string' && value.length > sliceChars) return await this.#addText(value);
    const isNested = typeof value === 'object' && value !== null && !isExactNumber(value);
    if (!isNested || measureJson(value, sliceBounds) !== null) this.#update(canonicalJson(value));
    else if (Array.isArray(value)) await this.#addItems(value);
    else await this.#addMembers(value as Readonly<Record<string, Json>>);
  }

  end(): Digest {
    return { fingerprint: format(this.#hash.digest('hex')), chars: this.#chars };
  }

  #update(text: string): void {
    this.#chars += text.length;
    this.#hash.update(text, 'utf8');
  }

  async #addText(text: string): Promise<void> {
    this.#update('"');
    for (const slice of textSlices(text)) {
      this.#update(JSON.stringify(slice).slice(1, -1));
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    this.#update('"');
  }

  async #addItems(items: readonly Json[]): Promise<void> {
    this.#update('[');
    for (const [at, item] of items.entries()) {
      if (at > 0) this.#update(',');
      await this.#addPart(item);
    }
    this.#update(']');
  }

  async #addMembers(members: Readonly<Record<string, Json>>): Promise<void> {
    this.#update('{');
    for (const [at, name] of Object.keys(members).sort().entries()) {
      if (at > 0) this.#update(',');
      await this.add(name);
      this.#update(':');
      await this.#addPart(members[name] as Json);
    }
    this.#update('}');
  }

  /** Most parts are scalars, which are not worth a promise. */
  async #addPart(part: Json): Promise<void> {
    if (typeof part === 'object' || typeof part === 'string') return await this.add(part);
    this.#update(canonicalJson(part));
  }
}
