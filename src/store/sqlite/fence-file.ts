import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';

const recordSchema = z.strictObject({
  lineage: z.string(),
  epoch: z.string(),
  beat: z.int(),
  /** When it was written, for people. */
  at: z.string(),
  /** Of the database's file: a copy of file and fence has another one. */
  inode: z.string(),
  stopped: z.boolean(),
  /** The epoch that a process is replacing, empty for none; null once it has. */
  taking: z.string().nullable(),
  /** A run of the last commit, and its version: a state that does not have it is older. */
  run: z.strictObject({ id: z.string(), version: z.int() }).nullable(),
});

/** What is kept outside a SQLite file, so that an old copy can be told from it. */
export type FenceRecord = Readonly<z.infer<typeof recordSchema>>;

/** Each write replaces all of the last one in one sector, so that a kill leaves one or the other. */
const recordBytes = 512;

/** Null when there is no such file. */
export function readFenceFile(path: string): FenceRecord | 'unreadable' | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    return 'unreadable';
  }
  try {
    return recordSchema.parse(JSON.parse(text));
  } catch {
    return 'unreadable';
  }
}

/** The file beside a database that holds a {@link FenceRecord}. Throws Node's errors. */
export class FenceFile {
  readonly #path: string;
  readonly #buffer = Buffer.alloc(recordBytes);
  #descriptor: number;
  #last: FenceRecord | null = null;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = openFile(path);
  }

  /** Outlives the process at once, and a power cut after the next sync. */
  write(record: FenceRecord): void {
    this.#last = record;
    this.#buffer.fill(' ');
    if (this.#buffer.write(JSON.stringify(record)) >= recordBytes - 1)
      throw new RangeError('a fence record is too long');
    this.#buffer.write('\n', recordBytes - 1);
    writeSync(this.#descriptor, this.#buffer, 0, recordBytes, 0);
  }

  /** Resolves when the record would survive a power cut. A file that was removed is made again. */
  async sync(): Promise<void> {
    const found = await stat(this.#path, { bigint: true }).catch(() => null);
    if (found === null && this.#last !== null) {
      closeSync(this.#descriptor);
      this.#descriptor = openFile(this.#path);
      this.write(this.#last);
    }
    const file = await open(this.#path, 'r+');
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /** The same, for a file that may be new in its folder. */
  syncWithFolder(): void {
    fsyncSync(this.#descriptor);
    const folder = openSync(dirname(this.#path), constants.O_RDONLY);
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

function openFile(path: string): number {
  const descriptor = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  if (fstatSync(descriptor).size > recordBytes) ftruncateSync(descriptor, recordBytes);
  return descriptor;
}
