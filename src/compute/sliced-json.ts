import type { Json } from '../contract/domain/json.ts';
import { readJson } from '../json/exact-number.ts';
import { measureJson } from '../json/measure-json.ts';
import { Pacer, sliceBounds, sliceChars, textSlices } from './slices.ts';

/**
 * The JSON text of a value, written piece by piece so that the event loop goes on in between. The value must not change
 * before the promise resolves. The same text as JSON.stringify gives.
 */
export async function stringifySliced(value: Json): Promise<string> {
  return await new Writer().write(value);
}

class Writer {
  readonly #pacer = new Pacer();

  async write(value: Json): Promise<string> {
    const pause = this.#pacer.pause();
    if (pause !== undefined) await pause;
    if (typeof value === 'string') return value.length <= sliceChars ? JSON.stringify(value) : await this.#text(value);
    if (typeof value !== 'object' || value === null) return JSON.stringify(value);
    if (measureJson(value, sliceBounds) !== null) return JSON.stringify(value);
    return Array.isArray(value) ? await this.#items(value) : await this.#members(value as Record<string, Json>);
  }

  async #text(value: string): Promise<string> {
    const parts: string[] = [];
    for (const slice of textSlices(value)) {
      parts.push(JSON.stringify(slice).slice(1, -1));
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    return `"${parts.join('')}"`;
  }

  /** Small items are written many at a time. */
  async #items(items: readonly Json[]): Promise<string> {
    const parts: string[] = [];
    const batch = new Batch<Json>((some) => JSON.stringify(some).slice(1, -1));
    for (const item of items) {
      const size = measureJson(item, sliceBounds);
      if (size !== null) batch.add(item, size.nodes + size.chars, parts);
      else {
        batch.flush(parts);
        parts.push(await this.write(item));
      }
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    batch.flush(parts);
    return `[${parts.join(',')}]`;
  }

  async #members(members: Readonly<Record<string, Json>>): Promise<string> {
    const parts: string[] = [];
    const batch = new Batch<[string, Json]>((some) => JSON.stringify(Object.fromEntries(some)).slice(1, -1));
    for (const [name, member] of Object.entries(members)) {
      if (member === undefined) continue;
      const size = measureJson(member, sliceBounds);
      if (size !== null && name.length <= sliceChars)
        batch.add([name, member], size.nodes + size.chars + name.length, parts);
      else {
        batch.flush(parts);
        parts.push(`${await this.write(name)}:${await this.write(member)}`);
      }
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    batch.flush(parts);
    return `{${parts.join(',')}}`;
  }
}

class Batch<T> {
  readonly #write: (some: readonly T[]) => string;
  #some: T[] = [];
  #weight = 0;

  constructor(write: (some: readonly T[]) => string) {
    this.#write = write;
  }

  add(one: T, weight: number, parts: string[]): void {
    this.#some.push(one);
    this.#weight += weight;
    if (this.#weight > sliceBounds.maxNodes * 4) this.flush(parts);
  }

  flush(parts: string[]): void {
    if (this.#some.length > 0) parts.push(this.#write(this.#some));
    this.#some = [];
    this.#weight = 0;
  }
}

/**
 * The value of a JSON text, read piece by piece so that the event loop goes on in between: what a thread parsed would
 * have to be copied back in the event loop, which takes as long as parsing it here. The same value as readJson gives.
 * Rejects with SyntaxError.
 */
export async function parseSliced(text: string): Promise<Json> {
  if (text.length <= sliceChars) return readJson(text);
  const reader = new Reader(text);
  const value = await reader.read();
  reader.expectEnd();
  return value;
}

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBracket, closeBracket, openBrace, closeBrace] = [0x5b, 0x5d, 0x7b, 0x7d];

class Reader {
  readonly #text: string;
  readonly #pacer = new Pacer();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  async read(): Promise<Json> {
    const pause = this.#pacer.pause();
    if (pause !== undefined) await pause;
    this.#skipSpace();
    const end = this.#endOfValue(this.#at, sliceChars);
    if (end !== null) return this.#parse(this.#at, end);
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
    this.#at += 1;
    for (;;) {
      const end = this.#endOfBatchAfter(items.length);
      if (end !== null) for (const item of this.#parse(this.#at, end, '[', ']') as Json[]) items.push(item);
      else items.push(await this.read());
      if (this.#closes(closeBracket)) return items;
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
  }

  async #readMembers(): Promise<Json> {
    const members: Record<string, Json> = {};
    this.#at += 1;
    for (let batches = 0; ; batches++) {
      const end = this.#endOfBatchAfter(batches);
      if (end !== null) {
        for (const [name, member] of Object.entries(this.#parse(this.#at, end, '{', '}') as Record<string, Json>)) {
          define(members, name, member);
        }
      } else {
        this.#skipSpace();
        if (this.#text.charCodeAt(this.#at) !== quote) this.#refuse(this.#at);
        const name = await this.read();
        this.#skipSpace();
        if (this.#text.charCodeAt(this.#at) !== colon) this.#refuse(this.#at);
        this.#at += 1;
        define(members, String(name), await this.read());
      }
      if (this.#closes(closeBrace)) return members;
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

  /** Steps over a comma (false) or the end of what is being read (true). */
  #closes(close: number): boolean {
    this.#skipSpace();
    const code = this.#text.charCodeAt(this.#at);
    if (code !== comma && code !== close) this.#refuse(this.#at);
    this.#at += 1;
    return code === close;
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
    try {
      const value = readJson(`${open}${this.#text.slice(from, to)}${close}`);
      this.#at = to;
      return value;
    } catch (error) {
      const position = /position (\d+)/.exec(error instanceof Error ? error.message : '')?.[1];
      return this.#refuse(position === undefined ? to : from + Number(position) - open.length);
    }
  }

  #refuse(at: number): never {
    throw new SyntaxError(`no JSON at position ${at}`);
  }
}

/** Unlike an assignment, makes `__proto__` an ordinary member. */
function define(members: Record<string, Json>, name: string, value: Json): void {
  if (name !== '__proto__') members[name] = value;
  else Object.defineProperty(members, name, { value, enumerable: true, configurable: true, writable: true });
}
