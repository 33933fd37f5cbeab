import { isUtf8 } from 'node:buffer';
import { hash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ELOOP: 'its symbolic links lead in a circle',
  ENAMETOOLONG: 'its name is too long',
  ENXIO: 'it is a socket, or a device that is not there',
  ERR_INVALID_ARG_VALUE: 'its name holds a NUL character',
};

/** Bounds of the files that a config is made of, in bytes. The parser may need 400 bytes of memory for one of a text. */
export const maxConfigBytes = 2 * 1024 * 1024;
export const maxSecretBytes = 1024 * 1024;

/** A file that the config names cannot be read; the message says why, in words that follow "cannot be read: ". */
export class UnreadableFileError extends Error {
  readonly isMissing: boolean;

  constructor(cause: unknown) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    super(reasons[code] ?? (cause instanceof Error ? cause.message : 'unknown reason'), { cause });
    this.name = 'UnreadableFileError';
    this.isMissing = code === 'ENOENT';
  }
}

/**
 * The text of a regular UTF-8 file of at most `maxBytes`, without a byte order mark. Never waits for a writer and never
 * reads without end. Throws {@link UnreadableFileError}.
 */
export async function readText(file: string, maxBytes: number): Promise<string> {
  try {
    // Without O_NONBLOCK, opening a fifo waits until a writer comes.
    const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      return decode(await readBounded(handle, maxBytes));
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new UnreadableFileError(error);
  }
}

export type ReadText = typeof readText;

/** Reads files, and keeps what they said as a digest: whether one has changed shows in it. */
export class NotedFiles {
  readonly #digests = new Map<string, string>();

  readonly read: ReadText = async (file, maxBytes) => {
    const text = await readText(file, maxBytes);
    this.#digests.set(file, hash('sha256', text));
    return text;
  };

  /** Of all that was read, whatever the order. */
  get digest(): string {
    return hash('sha256', JSON.stringify([...this.#digests].toSorted()));
  }
}

async function readBounded(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const stats = await handle.stat();
  if (stats.isDirectory()) throw new Error('it is a directory');
  if (stats.isFIFO()) throw new Error('it is a pipe, not a regular file');
  if (!stats.isFile()) throw new Error('it is a device, not a regular file');
  const chunks: Buffer[] = [];
  // The size is no bound: files of /proc have none, and a file may grow while it is read.
  for (let length = 0; ; ) {
    const { bytesRead, buffer } = await handle.read({ buffer: Buffer.allocUnsafe(65_536) });
    if (bytesRead === 0) return Buffer.concat(chunks, length);
    length += bytesRead;
    if (length > maxBytes) throw new Error(`it is larger than ${maxBytes} bytes`);
    chunks.push(buffer.subarray(0, bytesRead));
  }
}

/** No byte is replaced: a config would mean something else. */
function decode(bytes: Buffer): string {
  const mark = bytes.toString('hex', 0, 2);
  if (mark === 'fffe' || mark === 'feff') throw new Error('it is UTF-16; save it as UTF-8');
  if (!isUtf8(bytes)) throw new Error(`line ${findBrokenLine(bytes)} has bytes that are not UTF-8`);
  const end = bytes.indexOf(0);
  if (end !== -1) throw new Error(`it is not text: byte ${end + 1} is NUL`);
  return new TextDecoder().decode(bytes);
}

/** The byte of a line break is never part of another character. */
function findBrokenLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; ; line++) {
    const end = bytes.indexOf(0x0a, start);
    if (end === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = end + 1;
  }
}
