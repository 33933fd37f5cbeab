import { randomUUID } from 'node:crypto';
import type { Log } from '../../contract/domain/log.ts';
import type { Store } from '../../contract/store/store.ts';
import { ChangeListener } from './change-listener.ts';
import { makePool } from './connections.ts';
import { toStorageFault } from './faults.ts';
import { migrateDatabase } from './migrate.ts';
import { PostgresStore } from './postgres-store.ts';

/** Opens a PostgreSQL store; see `openStore`. Throws `StorageFault`. */
export async function openPostgresStore(url: string, { log }: { readonly log: Log }): Promise<Store> {
  const origin = randomUUID();
  const changes = new ChangeListener({ url, origin, log });
  try {
    await migrateDatabase(url);
    await changes.open();
    return new PostgresStore({ pool: makePool(url, log), changes, origin });
  } catch (error) {
    changes.close();
    throw toStorageFault(error);
  }
}
