import { isUtf8 } from 'node:buffer';
import { readFile } from 'node:fs/promises';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'it may not be read',
  EISDIR: 'it is a directory',
};

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

/** The text of a UTF-8 file. Throws {@link UnreadableFileError}. */
export async function readText(file: string): Promise<string> {
  try {
    return decode(await readFile(file));
  } catch (error) {
    throw new UnreadableFileError(error);
  }
}

/** No byte is replaced: a config would mean something else. */
function decode(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  for (let [line, from] = [1, 0]; ; line += 1) {
    const end = bytes.indexOf('\n', from);
    const to = end === -1 ? bytes.length : end;
    if (end === -1 || !isUtf8(bytes.subarray(from, to))) throw new Error(`line ${line} has bytes that are not UTF-8`);
    from = to + 1;
  }
}
