import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { z } from 'zod';
import type { Book, KnownRun } from './book.ts';
import type { Chance } from './chance.ts';
import type { GatewayProcess } from './gateway-process.ts';
import { drawLongPlan, type Plan } from './plan.ts';

const ownerRow = z.object({ owner: z.string().nullable() });
const runRow = z.object({ run_id: z.string() });
const created = z.looseObject({ run_id: z.string() });
const probeMs = 1500;

/** Which gateway owns which live runs: the clients cannot know it, so it is read from the database. */
export class Owners {
  readonly #client: Client;
  readonly #book: Book;
  readonly #chance: Chance;
  readonly #replicas = new Map<GatewayProcess, string>();
  #probes = 0;

  constructor(databaseUrl: string, book: Book, chance: Chance) {
    this.#client = new Client({ connectionString: databaseUrl });
    this.#book = book;
    this.#chance = chance;
  }

  async open(): Promise<void> {
    await this.#client.connect();
  }

  /** Learns under which name a new process owns runs, by having it create one. Gives up when it is down. */
  async identify(gateway: GatewayProcess): Promise<void> {
    for (let { client } = gateway; client !== null; client = gateway.client) {
      this.#probes += 1;
      const plan = drawLongPlan(this.#chance, `probe-${this.#probes}`, probeMs);
      const body = { agent_id: plan.agent, input: plan.input };
      const answer = await client.call('POST', '/runs', { body }).catch(() => null);
      const owner = answer?.status === 200 ? await this.#ownerOf(created.parse(answer.body).run_id, plan) : null;
      if (owner !== null) {
        this.#replicas.set(gateway, owner);
        return;
      }
      await sleep(100);
    }
  }

  /** Live runs that were acknowledged and that this gateway owns. */
  async ownedBy(gateway: GatewayProcess): Promise<readonly KnownRun[]> {
    const { rows } = await this.#client.query('SELECT run_id FROM runs WHERE ended_at_ms IS NULL AND owner = $1', [
      this.#replicas.get(gateway) ?? '',
    ]);
    const owned = new Set(rows.map((row) => runRow.parse(row).run_id));
    return this.#book.live.filter(({ runId }) => owned.has(runId));
  }

  /** Null when it has ended already. */
  async #ownerOf(runId: string, plan: Plan): Promise<string | null> {
    this.#book.acknowledge(runId, plan);
    const { rows } = await this.#client.query('SELECT owner FROM runs WHERE run_id = $1', [runId]);
    return ownerRow.parse(rows[0]).owner;
  }

  async close(): Promise<void> {
    await this.#client.end();
  }
}
