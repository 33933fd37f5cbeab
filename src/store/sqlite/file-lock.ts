import { DatabaseSync } from 'node:sqlite';
import { StorageFault } from '../../contract/store/store.ts';
import { isBusy } from './faults.ts';

/**
 * Takes `<file>.lock` for this process, and gives back what releases it. The lock is the operating system's, held by an
 * open exclusive transaction: it ends with the process, however that ends.
 *
 * @throws StorageFault when another session process holds it.
 */
export function lockFile(file: string): () => void {
  const lock = new DatabaseSync(`${file}.lock`);
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (!isBusy(error)) throw error;
    throw new StorageFault(`${file} is in use by another process; several processes need a postgres:// store`, error);
  }
  return () => lock.close();
}
