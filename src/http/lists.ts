import { encodeSliced, stringifySmall } from '../compute/json-writer.ts';
import { Pacer } from '../compute/turns.ts';
import type { ListAnswer, NextPage } from '../contract/api/protocol.ts';
import type { Json } from '../contract/domain/json.ts';

/** A list as far as it fits. */
export type WrittenList = {
  readonly buffers: readonly Buffer[];
  /** Null: nothing follows. */
  readonly next: NextPage | null;
};

/** How often the bytes of an answer may be read for it: what is left out of the rows has to be read with them. */
const maxReadFactor = 8;

/**
 * Writes the rows of a list as they are read, up to `maxBytes` but at least one, with turns of the event loop in between.
 *
 * @param mayGrow asked before each further row: whether there is room for an answer of so many bytes.
 */
export async function writeList(
  { rows, limit, next, frame = ['[', ']'], isReversed = false }: ListAnswer,
  maxBytes: number,
  mayGrow: (bytes: number) => boolean,
): Promise<WrittenList> {
  const pacer = new Pacer();
  const written: (readonly Buffer[])[] = [];
  let small: string[] = [];
  let bytes = frame[0].length + frame[1].length;
  let read = 0;
  let count = 0;
  let last: Json = null;
  const flush = (): void => {
    if (small.length > 0) written.push([Buffer.from((isReversed ? small.reverse() : small).join(','))]);
    small = [];
  };
  /** False: the row does not fit. */
  const add = async (row: Json): Promise<boolean> => {
    const text = stringifySmall(row);
    const buffers = text === null ? await encodeSliced(row) : null;
    const size = (buffers === null ? Buffer.byteLength(text ?? '') : sizeOf(buffers)) + 1;
    if (count > 0 && (bytes + size > maxBytes || !mayGrow(bytes + size))) return false;
    if (buffers === null) small.push(text ?? '');
    else {
      flush();
      written.push(buffers);
    }
    bytes += size;
    count += 1;
    last = row;
    return true;
  };
  const take = async (): Promise<boolean> => {
    for await (const batch of rows) {
      for (const row of batch.rows) {
        if (!(await add(row))) return false;
        const pause = pacer.pause();
        if (pause !== undefined) await pause;
      }
      flush();
      read += batch.size;
      if (count > 0 && read > maxBytes * maxReadFactor) return false;
    }
    return true;
  };
  const isWhole = await take();
  flush();
  const parts = isReversed ? written.reverse() : written;
  const buffers = [
    Buffer.from(frame[0]),
    ...parts.flatMap((part, at) => (at === 0 ? part : [comma, ...part])),
    Buffer.from(frame[1]),
  ];
  return { buffers, next: isWhole && count < limit ? null : next(count, last) };
}

const comma = Buffer.from(',');

/** The bytes of several buffers. */
export function sizeOf(buffers: readonly Buffer[]): number {
  return buffers.reduce((sum, { length }) => sum + length, 0);
}
