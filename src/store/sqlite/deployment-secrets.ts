import { randomBytes } from 'node:crypto';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { z } from 'zod';
import type { WriteQueue } from './write-queue.ts';

const secretRow = z.object({ value: z.string() });

/** Secrets that a deployment makes for itself, in the SQLite file. */
export class DeploymentSecrets {
  readonly #writes: WriteQueue;
  readonly #add: StatementSync;
  readonly #find: StatementSync;

  constructor(database: DatabaseSync, writes: WriteQueue) {
    this.#writes = writes;
    this.#add = database.prepare('INSERT INTO deployment_secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING');
    this.#find = database.prepare('SELECT value FROM deployment_secrets WHERE name = ?');
  }

  /** 32 random bytes, made when they are first asked for. Rejects with `StorageFault`. */
  async get(name: 'tickets' | 'thread-names'): Promise<Buffer> {
    const value = await this.#writes.submit(() => {
      this.#add.run(name, randomBytes(32).toString('hex'));
      return secretRow.parse(this.#find.get(name)).value;
    });
    return Buffer.from(value, 'hex');
  }
}
