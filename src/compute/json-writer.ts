import type { Json } from '../contract/domain/json.ts';
import { measureJson } from '../json/measure-json.ts';
import { sliceBounds, textSlices } from './slices.ts';
import { Pacer } from './turns.ts';

const maxBatchWeight = 16_000;
/** A buffer is made once this much text has come together. */
const bufferChars = 65_536;

type Around = {
  readonly before?: string;
  readonly after?: string;
  readonly escapeText?: (text: string) => string;
};

/** The last value that is being written. */
let turn: Promise<unknown> = Promise.resolve();

/** The JSON text of a small value; null where it has to be written in slices. */
export function stringifySmall(value: Json): string | null {
  return measureJson(value, sliceBounds) === null ? null : JSON.stringify(value);
}

/**
 * The bytes of a value's JSON text, written piece by piece so that the event loop goes on in between. The value must not
 * change before the promise resolves. One value is written at a time, so that those who ask for many have no more than
 * one that they have not counted yet.
 *
 * @param around text before and after it; `escapeText` changes each piece of the text between.
 */
export function encodeSliced(value: Json, around: Around = {}): Promise<readonly Buffer[]> {
  const written = turn.then(() => encode(value, around));
  turn = written.catch(() => {});
  return written;
}

async function encode(
  value: Json,
  { before = '', after = '', escapeText = (text) => text }: Around,
): Promise<readonly Buffer[]> {
  const buffers: Buffer[] = [];
  let text = before;
  await writeSliced(value, (part) => {
    text += escapeText(part);
    if (text.length < bufferChars) return;
    buffers.push(Buffer.from(text));
    text = '';
  });
  text += after;
  if (text !== '') buffers.push(Buffer.from(text));
  return buffers;
}

/** Hands the JSON text of a value to `emit`, piece by piece with turns of the event loop in between. */
export async function writeSliced(value: Json, emit: (part: string) => void): Promise<void> {
  await new Writer(emit).write(value);
}

class Writer {
  readonly #pacer = new Pacer();
  readonly #emit: (part: string) => void;

  constructor(emit: (part: string) => void) {
    this.#emit = emit;
  }

  async write(value: Json): Promise<void> {
    const pause = this.#pacer.pause();
    if (pause !== undefined) await pause;
    if (typeof value === 'string' && value.length > sliceBounds.maxChars) return await this.#writeText(value);
    const isNested = typeof value === 'object' && value !== null;
    if (!isNested || measureJson(value, sliceBounds) !== null) this.#emit(JSON.stringify(value));
    else if (Array.isArray(value)) await this.#writeItems(value);
    else await this.#writeMembers(value as Readonly<Record<string, Json>>);
  }

  async #writeText(value: string): Promise<void> {
    this.#emit('"');
    for (const slice of textSlices(value)) {
      this.#emit(JSON.stringify(slice).slice(1, -1));
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    this.#emit('"');
  }

  async #writeItems(items: readonly Json[]): Promise<void> {
    const batch = new Batch<Json>(this.#emit, (some) => JSON.stringify(some).slice(1, -1));
    this.#emit('[');
    for (const item of items) {
      const size = measureJson(item, sliceBounds);
      if (size !== null) batch.add(item, size.nodes + size.chars);
      else {
        batch.flush();
        batch.separate();
        await this.write(item);
      }
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    batch.flush();
    this.#emit(']');
  }

  async #writeMembers(members: Readonly<Record<string, Json>>): Promise<void> {
    // Many objects with names of their own take the engine far longer to make than to write.
    const batch = new Batch<[string, Json]>(this.#emit, (some) =>
      some.map(([name, member]) => `${JSON.stringify(name)}:${JSON.stringify(member)}`).join(','),
    );
    this.#emit('{');
    for (const name of Object.keys(members)) {
      const member = members[name];
      if (member === undefined) continue;
      const size = measureJson(member, sliceBounds);
      if (size !== null && name.length <= sliceBounds.maxChars) {
        batch.add([name, member], size.nodes + size.chars + name.length);
      } else {
        batch.flush();
        batch.separate();
        await this.write(name);
        this.#emit(':');
        await this.write(member);
      }
      const pause = this.#pacer.pause();
      if (pause !== undefined) await pause;
    }
    batch.flush();
    this.#emit('}');
  }
}

/** Small parts are written many at a time. */
class Batch<Part> {
  readonly #emit: (part: string) => void;
  readonly #stringify: (some: readonly Part[]) => string;
  #some: Part[] = [];
  #weight = 0;
  #isFirst = true;

  constructor(emit: (part: string) => void, stringify: (some: readonly Part[]) => string) {
    this.#emit = emit;
    this.#stringify = stringify;
  }

  add(part: Part, weight: number): void {
    this.#some.push(part);
    this.#weight += weight;
    if (this.#weight > maxBatchWeight) this.flush();
  }

  flush(): void {
    if (this.#some.length > 0) {
      this.separate();
      this.#emit(this.#stringify(this.#some));
    }
    this.#some = [];
    this.#weight = 0;
  }

  /** Writes the comma before every part but the first. */
  separate(): void {
    if (!this.#isFirst) this.#emit(',');
    this.#isFirst = false;
  }
}
