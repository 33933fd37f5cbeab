import type { Json } from '../contract/domain/json.ts';
import { readJson } from '../json/exact-number.ts';
import { isJsonObject } from '../json/json-object.ts';
import { type JsonRules, type ParsedJson, parseJson } from '../json/parse-json.ts';
import { endOfString } from '../json/scan-json.ts';
import { writeSliced } from './json-writer.ts';
import { sliceChars } from './slices.ts';
import { Pacer } from './turns.ts';

/**
 * The JSON text of a value, written piece by piece so that the event loop goes on in between. The value must not change
 * before the promise resolves. The same text as JSON.stringify gives.
 */
export async function stringifySliced(value: Json): Promise<string> {
  const parts: string[] = [];
  await writeSliced(value, (part) => parts.push(part));
  return parts.join('');
}

/**
 * The value of a JSON text, read piece by piece so that the event loop goes on in between: what a thread parsed would
 * have to be copied back in the event loop, which takes as long as parsing it here. The same value as readJson gives, but
 * for the members of the outermost object that `omit` names: those are not made. Rejects with SyntaxError.
 */
export async function parseSliced(text: string, omit: readonly string[] = []): Promise<Json> {
  if (text.length <= sliceChars) return omitMembers(readJson(text), omit);
  const reader = new Reader(text, omit);
  const value = await reader.read();
  reader.expectEnd();
  return value;
}

/** Parses JSON text from outside the process as `parseJson` does, what is large piece by piece. Never throws or rejects. */
export function parseJsonSliced(text: string, rules: JsonRules): ParsedJson | Promise<ParsedJson> {
  return text.length <= sliceChars ? parseJson(text, rules) : parseLarge(text, rules);
}

async function parseLarge(text: string, rules: JsonRules): Promise<ParsedJson> {
  const reader = new Reader(text, [], rules);
  try {
    const value = await reader.read();
    reader.expectEnd();
    return { kind: 'json', value };
  } catch (error) {
    if (error instanceof Refusal) return error.parsed;
    throw error;
  }
}

/** Why a text is not read further. */
class Refusal extends SyntaxError {
  readonly parsed: Exclude<ParsedJson, { kind: 'json' }>;

  constructor(parsed: Refusal['parsed']) {
    super(parsed.kind === 'malformed' ? `no JSON at position ${parsed.position}` : parsed.kind);
    this.parsed = parsed;
  }
}

/** What the store holds was checked when it came. */
const trusting: JsonRules = { maxDepth: Number.POSITIVE_INFINITY, protoKeys: 'keep' };

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

class Reader {
  readonly #text: string;
  readonly #rules: JsonRules;
  readonly #pacer = new Pacer();
  #at = 0;
  /** Objects and arrays around the value that is being read. */
  #depth = 0;
  /** Names of members that the next object is read without. */
  #omit: readonly string[];

  constructor(text: string, omit: readonly string[], rules: JsonRules = trusting) {
    this.#text = text;
    this.#omit = omit;
    this.#rules = rules;
  }

  async read(): Promise<Json> {
    const pause = this.#pacer.pause();
    if (pause !== undefined) await pause;
    this.#skipSpace();
    const end = this.#endOfValue(this.#at, sliceChars);
    if (end !== null) return this.#parse(this.#at, end);
    if (this.#text.charCodeAt(this.#at) !== openBrace) this.#omit = [];
    switch (this.#text.charCodeAt(this.#at)) {
      case openBracket:
        return await this.#readItems();
      case openBrace:
        return await this.#readMembers();
      case quote:
        return await this.#readText();
      default:
        return this.#parse(this.#at, this.#text.length);
    }
  }

  expectEnd(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) this.#refuse(this.#at);
  }

  async #readItems(): Promise<Json> {
    const items: Json[] = [];
    this.#enter();
    for (;;) {
      const end = this.#endOfBatchAfter(items.length);
      if (end !== null) for (const item of this.#parse(this.#at, end, '[', ']') as Json[]) items.push(item);
      else items.push(await this.read());
      if (this.#leaves(closeBracket)) return items;
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
  }

  async #readMembers(): Promise<Json> {
    const members: Record<string, Json> = {};
    this.#enter();
    const omit = this.#omit;
    this.#omit = [];
    for (let batches = 0; ; batches++) {
      const end = this.#endOfBatchAfter(batches);
      if (end !== null) {
        for (const [name, member] of Object.entries(this.#parse(this.#at, end, '{', '}') as Record<string, Json>)) {
          if (!omit.includes(name)) define(members, name, member);
        }
      } else {
        this.#skipSpace();
        if (this.#text.charCodeAt(this.#at) !== quote) this.#refuse(this.#at);
        const name = String(await this.read());
        if (name === '__proto__' && this.#rules.protoKeys === 'refuse') throw new Refusal({ kind: 'proto-key' });
        this.#skipSpace();
        if (this.#text.charCodeAt(this.#at) !== colon) this.#refuse(this.#at);
        this.#at += 1;
        if (omit.includes(name)) await this.#skip();
        else define(members, name, await this.read());
      }
      if (this.#leaves(closeBrace)) return members;
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
  }

  async #readText(): Promise<Json> {
    const parts: string[] = [];
    let at = this.#at + 1;
    for (;;) {
      const end = this.#endOfText(at, sliceChars);
      parts.push(String(this.#parse(at, end.at, '"', '"')));
      at = end.at;
      if (end.closes) break;
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    this.#at = at + 1;
    return parts.join('');
  }

  /** Steps over a value without making it. */
  async #skip(): Promise<void> {
    let depth = 0;
    for (;;) {
      const limit = Math.min(this.#text.length, this.#at + sliceChars);
      for (; this.#at < limit; this.#at += 1) {
        const code = this.#text.charCodeAt(this.#at);
        if (code === quote) this.#at = endOfString(this.#text, this.#at + 1);
        else if (code === openBracket || code === openBrace) depth += 1;
        else if (depth === 0 && (code === comma || code === closeBrace)) return;
        else if (code === closeBracket || code === closeBrace) depth -= 1;
      }
      if (this.#at >= this.#text.length) this.#refuse(this.#text.length);
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
  }

  /** Steps into an object or an array. */
  #enter(): void {
    this.#at += 1;
    this.#depth += 1;
    if (this.#depth > this.#rules.maxDepth) throw new Refusal({ kind: 'too-deep' });
  }

  /** Steps over a comma (false) or out of what is being read (true). */
  #leaves(close: number): boolean {
    this.#skipSpace();
    const code = this.#text.charCodeAt(this.#at);
    if (code !== comma && code !== close) this.#refuse(this.#at);
    this.#at += 1;
    if (code === comma) return false;
    this.#depth -= 1;
    return true;
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0xa && code !== 0xd && code !== 0x9) return;
      this.#at += 1;
    }
  }

  /** A comma must be followed by something. */
  #endOfBatchAfter(count: number): number | null {
    const end = this.#endOfBatch();
    if (end !== null && count > 0 && this.#text.slice(this.#at, end).trim() === '') this.#refuse(end);
    return end;
  }

  /** Where the members or items end that fit into one slice, before a comma or the end; null: the next one does not fit. */
  #endOfBatch(): number | null {
    const limit = Math.min(this.#text.length, this.#at + sliceChars);
    let depth = 0;
    let last: number | null = null;
    for (let at = this.#at; at < limit; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === quote) {
        const end = this.#endOfText(at + 1, limit - at);
        if (!end.closes) return last;
        at = end.at;
      } else if (code === openBracket || code === openBrace) depth += 1;
      else if (code === closeBracket || code === closeBrace) {
        if (depth === 0) return at;
        depth -= 1;
      } else if (code === comma && depth === 0) last = at;
    }
    return last;
  }

  /** Null: it is longer than `maxChars`, or never ends. */
  #endOfValue(from: number, maxChars: number): number | null {
    const first = this.#text.charCodeAt(from);
    if (first === quote) {
      const end = this.#endOfText(from + 1, maxChars);
      return end.closes ? end.at + 1 : null;
    }
    const isNested = first === openBracket || first === openBrace;
    const limit = Math.min(this.#text.length, from + maxChars);
    let depth = 0;
    for (let at = from; at < limit; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === quote) {
        const end = this.#endOfText(at + 1, limit - at);
        if (!end.closes) return null;
        at = end.at;
      } else if (code === openBracket || code === openBrace) depth += 1;
      else if (code === closeBracket || code === closeBrace) {
        if (depth === 0) return at;
        depth -= 1;
        if (depth === 0 && isNested) return at + 1;
      } else if (code === comma && depth === 0) return at;
    }
    return limit === this.#text.length && !isNested ? limit : null;
  }

  /** The closing quote, or a place between two characters after about `maxChars` where the text may be cut. */
  #endOfText(from: number, maxChars: number): { readonly at: number; readonly closes: boolean } {
    let at = from;
    for (const limit = Math.min(this.#text.length, from + maxChars); at < limit; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === quote) return { at, closes: true };
      if (code === backslash) at += this.#text.charCodeAt(at + 1) === 0x75 ? 5 : 1;
    }
    if (at >= this.#text.length) this.#refuse(this.#text.length);
    return { at, closes: false };
  }

  #parse(from: number, to: number, open = '', close = ''): Json {
    const { maxDepth, protoKeys } = this.#rules;
    // What is put around the slice stands for the object or array that it is a part of.
    const parsed = parseJson(`${open}${this.#text.slice(from, to)}${close}`, {
      maxDepth: maxDepth - this.#depth + (open === '[' || open === '{' ? 1 : 0),
      protoKeys,
    });
    if (parsed.kind === 'json') {
      this.#at = to;
      return parsed.value;
    }
    if (parsed.kind !== 'malformed') throw new Refusal(parsed);
    return this.#refuse(parsed.position === null ? to : from + parsed.position - open.length);
  }

  #refuse(at: number): never {
    throw new Refusal({ kind: 'malformed', position: at });
  }
}

/** Unlike an assignment, makes `__proto__` an ordinary member. */
function define(members: Record<string, Json>, name: string, value: Json): void {
  if (name !== '__proto__') members[name] = value;
  else Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
}

/** The value without some members, where it is an object. */
export function omitMembers(value: Json, omit: readonly string[]): Json {
  if (omit.length === 0 || !isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !omit.includes(name)));
}
