import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { z } from 'zod';
import { withStorageFaults } from './postgres-faults.ts';

const secretRow = z.object({ value: z.string() });

const add = 'INSERT INTO deployment_secrets (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING';
const find = 'SELECT value FROM deployment_secrets WHERE name = $1';

/** 32 random bytes that all replicas have, made when the first of them asks. Rejects with `StorageFault`. */
export async function findSecret(pool: Pool, name: 'tickets' | 'thread-names'): Promise<Buffer> {
  // Whichever replica comes first: the row that is read is the one that all of them read.
  await withStorageFaults(pool.query(add, [name, randomBytes(32).toString('hex')]));
  const { rows } = await withStorageFaults(pool.query(find, [name]));
  return Buffer.from(secretRow.parse(rows[0]).value, 'hex');
}
