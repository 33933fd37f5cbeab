import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StorageFault } from '../contract/store/store.ts';

/** One numbered SQL file; immutable once released. */
export type Migration = { readonly version: number; readonly name: string; readonly sql: string };

const migrationsFolder = fileURLToPath(new URL('./migrations', import.meta.url));

/** The migrations of an engine, in order. Throws when the numbers have a gap. */
export function readMigrations(engine: 'sqlite' | 'postgres'): readonly Migration[] {
  const directory = join(migrationsFolder, engine);
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    const version = Number.parseInt(name, 10);
    if (version !== index + 1)
      throw new StorageFault(`migration ${engine}/${name} should have the number ${index + 1}`);
    return { version, name, sql: readFileSync(join(directory, name), 'utf8') };
  });
}

/**
 * The migrations that a database at `current` still lacks.
 *
 * @throws StorageFault when the database is newer than the program: an older program would misread it.
 */
export function selectPending(migrations: readonly Migration[], current: number): readonly Migration[] {
  const known = migrations.length;
  if (current > known) {
    throw new StorageFault(
      `the database has schema version ${current}, this program knows up to ${known}: start a newer rungate`,
    );
  }
  return migrations.slice(current);
}
