import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';
import { pageBytes } from './database.ts';

/** Larger files are not rewritten at a start, which would take longer than about a second. */
const maxRewrittenBytes = 67_108_864;

const sizes = z.object({ page_size: z.number(), page_count: z.number() });

/**
 * Gives a database with pages of another size, from an earlier version, those of this one. The file is rewritten in place, under
 * a rollback journal: it stays the same file, and a crash leaves it as it was. A large file keeps its pages, and so does one
 * that cannot be rewritten: all sizes work, they only write more. Throws SQLite's errors where the log cannot be put back.
 */
export function rewritePages(database: DatabaseSync, log: Log): void {
  const found = sizes.parse(database.prepare('SELECT * FROM pragma_page_size, pragma_page_count').get());
  if (found.page_size === pageBytes) return;
  const bytes = found.page_size * found.page_count;
  const facts = { bytes, page_bytes: found.page_size, wanted_page_bytes: pageBytes };
  if (bytes > maxRewrittenBytes) {
    log.info(
      facts,
      'database keeps its larger pages, which write more; docs/operate/deploy.md says how to change them',
    );
    return;
  }
  try {
    // The size of pages cannot change in the mode of the write-ahead log.
    database.exec(`PRAGMA journal_mode = DELETE; PRAGMA page_size = ${pageBytes}; VACUUM`);
    log.info(facts, 'database rewritten with smaller pages');
  } catch (error) {
    log.warn({ ...facts, err: error }, 'database keeps its larger pages, because it could not be rewritten');
  } finally {
    database.exec('PRAGMA journal_mode = WAL');
  }
}
