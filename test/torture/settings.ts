import { parseArgs } from 'node:util';
import { z } from 'zod';

const count = z.coerce.number().int();

const schema = z
  .strictObject({
    rounds: count.min(1).max(100_000).default(20),
    store: z.enum(['sqlite', 'postgres']).default('sqlite'),
    replicas: count.min(1).max(16).default(1),
    seed: count
      .min(0)
      .max(2 ** 32 - 1)
      .optional(),
    /** Long runs that are kept in flight besides those of the clients. */
    live: count.min(0).max(50_000).default(0),
    /** Runs that are kept asleep until a push, a client, a cancellation, their deadline or a poll that is due wakes them. */
    parked: count.min(0).max(1000).default(0),
    clients: count.min(1).max(500).default(24),
    /** How long the vendors take for the runs of the clients, at most. */
    maxMs: count.min(10).max(60_000).default(5000),
    /** The share of rounds that start a gateway on a copy of the database, and of those that start one by a link. */
    copies: z.coerce.number().min(0).max(0.5).default(0.15),
    deadAfterSeconds: z.coerce.number().min(0.5).max(60).default(2),
    /** Whether the vendors call the gateways when a run ends, by which a start at Intuned is adopted. */
    pushes: z.enum(['yes', 'no']).default('yes'),
    /** What stands between the gateways and PostgreSQL. */
    pooler: z.enum(['none', 'pgbouncer']).default('none'),
    /** Whether another PostgreSQL server takes the place of the first in the middle. The gateways are killed together then. */
    failover: z.enum(['yes', 'no']).default('no'),
  })
  .refine(({ store, replicas }) => store === 'postgres' || replicas === 1, {
    path: ['replicas'],
    message: 'SQLite has one process; several need --store postgres',
  })
  .refine(({ store, pooler, failover }) => store === 'postgres' || (pooler === 'none' && failover === 'no'), {
    path: ['store'],
    message: 'a pooler and a failover need --store postgres',
  })
  .transform((given) => ({ ...given, seed: given.seed ?? Math.floor(Math.random() * 2 ** 32) }));

export type Settings = z.infer<typeof schema>;

export const usage = `npm run torture -- [--rounds N] [--store sqlite|postgres] [--replicas R] [--seed S] [--live L] [--parked P]
                    [--clients C] [--longest-ms MS] [--dead-after-seconds T]
                    [--pushes yes|no] [--copies SHARE]
                    [--pooler none|pgbouncer] [--failover yes|no]
`;

/** Defaults for what is not given. Throws `ZodError`. */
export function makeSettings(given: z.input<typeof schema>): Settings {
  return schema.parse(given);
}

/** Reads a command line. Throws `ZodError`, or what `parseArgs` throws. */
export function readSettings(argv: readonly string[]): Settings {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: text,
      store: text,
      replicas: text,
      seed: text,
      live: text,
      parked: text,
      copies: text,
      clients: text,
      'longest-ms': text,
      'dead-after-seconds': text,
      pushes: text,
      pooler: text,
      failover: text,
    },
  });
  const { 'longest-ms': maxMs, 'dead-after-seconds': deadAfterSeconds, ...rest } = values;
  return schema.parse({ ...rest, maxMs, deadAfterSeconds });
}
