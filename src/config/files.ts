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
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new UnreadableFileError(error);
  }
}
