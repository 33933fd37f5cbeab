import { encodeSliced, stringifySmall } from '../compute/json-writer.ts';
import { Pacer } from '../compute/turns.ts';
import type { ListAnswer, NextPage } from '../contract/api/protocol.ts';
import type { Json } from '../contract/domain/json.ts';

/** A list as far as it fits. */
export type WrittenList = {
  readonly buffers: readonly Buffer[];
  /** Null: nothing follows. */
  readonly next: NextPage | null;
  /** Null: the answer does not say how many there are. */
  readonly total: number | null;
};

/** How often the bytes of an answer may be read for it: what is left out of the rows has to be read with them. */
const maxReadFactor = 8;

/** Writes the rows of a list as they are read. */
class ListWriter {
  readonly #parts: (readonly Buffer[])[] = [];
  readonly #isReversed: boolean;
  #small: string[] = [];
  bytes: number;
  count = 0;
  last: Json = null;

  constructor(frameBytes: number, isReversed: boolean) {
    this.bytes = frameBytes;
    this.#isReversed = isReversed;
  }

  addText(row: Json, text: string, bytes: number): void {
    this.#small.push(text);
    this.#count(row, bytes);
  }

  addBuffers(row: Json, buffers: readonly Buffer[], bytes: number): void {
    this.flush();
    this.#parts.push(buffers);
    this.#count(row, bytes);
  }

  /** Small rows become one buffer. */
  flush(): void {
    const small = this.#isReversed ? this.#small.reverse() : this.#small;
    if (small.length > 0) this.#parts.push([Buffer.from(small.join(','))]);
    this.#small = [];
  }

  end([before, after]: readonly [string, string]): readonly Buffer[] {
    this.flush();
    const parts = this.#isReversed ? this.#parts.reverse() : this.#parts;
    const joined = parts.flatMap((part, at) => (at === 0 ? part : [comma, ...part]));
    return [Buffer.from(before), ...joined, Buffer.from(after)];
  }

  #count(row: Json, bytes: number): void {
    this.bytes += bytes;
    this.count += 1;
    this.last = row;
  }
}

/**
 * Writes the rows of a list as they are read, up to a number of bytes but at least one, with turns of the event loop in
 * between.
 *
 * @param bounds.maxSmall a list of more bytes is given up, and null; null: no list is.
 */
export async function writeList(
  { rows, limit, next, total, frame = ['[', ']'], isReversed = false }: ListAnswer,
  { maxBytes, maxSmall }: { readonly maxBytes: number; readonly maxSmall: number | null },
): Promise<WrittenList | null> {
  const pacer = new Pacer();
  const writer = new ListWriter(frame[0].length + frame[1].length, isReversed);
  let read = 0;
  let isCut = false;
  for await (const batch of rows) {
    for (const row of batch.rows) {
      const text = stringifySmall(row);
      if (text === null && maxSmall !== null) return null;
      const buffers = text === null ? await encodeSliced(row) : [];
      const bytes = (text === null ? sizeOf(buffers) : Buffer.byteLength(text)) + 1;
      isCut = writer.count > 0 && writer.bytes + bytes > maxBytes;
      if (isCut) break;
      if (maxSmall !== null && writer.bytes + bytes > maxSmall) return null;
      if (text === null) writer.addBuffers(row, buffers, bytes);
      else writer.addText(row, text, bytes);
      const pause = pacer.pause();
      if (pause !== undefined) await pause;
    }
    writer.flush();
    read += batch.size;
    isCut ||= writer.count > 0 && read > maxBytes * maxReadFactor;
    if (isCut) break;
  }
  const { count, last } = writer;
  const mayContinue = isCut || count >= limit;
  return {
    buffers: writer.end(frame),
    next: mayContinue ? next(count, last) : null,
    total: total?.(count, mayContinue) ?? null,
  };
}

const comma = Buffer.from(',');

/** The bytes of several buffers. */
export function sizeOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}
