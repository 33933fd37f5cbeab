import { closeSync, lstatSync, openSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StorageFault } from '../../contract/store/store.ts';
import { isBusy } from './sqlite-faults.ts';

/** Which file a path leads to, on this machine. */
export type FileIdentity = { readonly device: string; readonly inode: string };

/** Null when there is none. Throws Node's errors. */
export function identifyFile(path: string): (FileIdentity & { readonly names: number }) | null {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (found === undefined) return null;
  return { device: String(found.dev), inode: String(found.ino), names: Number(found.nlink) };
}

/**
 * The path of a database without symbolic links, so that its lock, fence and write-ahead log have one name each. Throws
 * `StorageFault` for a link that leads nowhere.
 */
export function resolveFile(file: string): string {
  if (lstatSync(file, { throwIfNoEntry: false }) === undefined)
    return join(realpathSync(dirname(file)), basename(file));
  if (identifyFile(file) === null) throw new StorageFault(`${file} is a symbolic link to a file that does not exist`);
  return realpathSync(file);
}

/**
 * The right of this process to a database: one lock beside the file, which other machines and containers see on a shared
 * volume, and one by device and inode, which does not depend on the name. Both are the operating system's, held by open
 * exclusive transactions: they end with the process, however it ends.
 */
export class FileLock {
  readonly #path: string;
  readonly #inodePath: string;
  readonly #inodeLock: DatabaseSync | null;
  #lock: DatabaseSync;
  #lockInode: string | undefined;

  /**
   * Creates the file when there is none.
   *
   * @param path without symbolic links.
   * @throws StorageFault when another live process has the file, or when it has several names.
   */
  constructor(path: string) {
    this.#path = path;
    this.#lock = this.#acquire();
    try {
      // Not opened otherwise: closing any descriptor of a file ends all locks that its process has on it.
      if (identifyFile(path) === null) closeSync(openSync(path, 'a', 0o644));
      const { device, inode, names } = identifyFile(path) ?? { device: '', inode: '', names: 1 };
      if (names > 1) {
        throw new StorageFault(
          `${path} has ${names} names (hard links), and SQLite keeps a write-ahead log for each: remove all names but one`,
        );
      }
      this.#inodePath = join(tmpdir(), `rungate-${device}-${inode}.lock`);
      this.#inodeLock = tryOpen(this.#inodePath);
      if (this.#inodeLock !== null) lock(this.#inodeLock, path);
    } catch (error) {
      this.#lock.close();
      throw error;
    }
  }

  /** Takes the lock again where its file was removed. Throws `StorageFault` when another process was faster. */
  renew(): void {
    if (identifyFile(lockPath(this.#path))?.inode === this.#lockInode) return;
    const before = this.#lock;
    this.#lock = this.#acquire();
    before.close();
  }

  release(): void {
    if (this.#inodeLock !== null) {
      rmSync(this.#inodePath, { force: true });
      this.#inodeLock.close();
    }
    this.#lock.close();
  }

  #acquire(): DatabaseSync {
    const acquired = new DatabaseSync(lockPath(this.#path));
    lock(acquired, this.#path);
    this.#lockInode = identifyFile(lockPath(this.#path))?.inode;
    return acquired;
  }
}

function lockPath(path: string): string {
  return `${path}.lock`;
}

/** Closes the database when it throws. */
function lock(database: DatabaseSync, path: string): void {
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (!isBusy(error)) throw error;
    throw new StoreInUse(path, error);
  }
}

/** Null where temporary files cannot be written, or another user's stands there: the other lock remains. */
function tryOpen(path: string): DatabaseSync | null {
  try {
    return new DatabaseSync(path);
  } catch {
    return null;
  }
}

/** Another live process has the database. */
export class StoreInUse extends StorageFault {
  constructor(path: string, cause: unknown) {
    super(`${path} is in use by another process; several processes need a postgres:// store`, cause);
  }
}
