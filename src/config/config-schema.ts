import { z } from 'zod';
import { anyAuthSchema } from './auth-section.ts';
import { capsSchema } from './caps.ts';
import { agentSchema, backendSchema } from './entry-schemas.ts';
import { schedulesSchema } from './schedules.ts';
import {
  a2aSchema,
  adminSchema,
  limitsSchema,
  logSchema,
  pacingSchema,
  replicasSchema,
  retentionSchema,
  serverSchema,
  storeSchema,
  tracingSchema,
  vendorsSchema,
  webhooksSchema,
} from './sections.ts';

/**
 * The whole config, described. The validator, `schema/config.json`, docs/config.md and rungate.example.yaml are made
 * from it. Keys of adapters, targets and mappings come from the adapters and from the mapping language.
 */
export const configSchema = z.strictObject({
  server: serverSchema,
  auth: anyAuthSchema,
  store: storeSchema,
  limits: limitsSchema,
  webhooks: webhooksSchema,
  pacing: pacingSchema,
  retention: retentionSchema,
  replicas: replicasSchema,
  admin: adminSchema,
  a2a: a2aSchema,
  log: logSchema,
  tracing: tracingSchema,
  defaultAgent: z
    .string()
    .nullable()
    .default(null)
    .meta({
      description: 'Name of the agent that takes runs whose request names none. Null: such requests are refused.',
      examples: ['price-scraper'],
    }),
  vendors: vendorsSchema,
  backends: z
    .record(z.string(), backendSchema)
    .describe(
      'Accounts at vendors, each under a name of your choice. The keys of its adapter stand among the shared ones.',
    ),
  agents: z.array(agentSchema).min(1).describe('What clients can run.'),
  schedules: schedulesSchema,
  caps: capsSchema,
});

type SectionName = keyof typeof configSchema.shape;

/** The top level alone: its members are parsed one by one, so that each reports its own problems. */
export const rootSchema = z.strictObject(
  Object.fromEntries(Object.keys(configSchema.shape).map((name) => [name, z.unknown().optional()])) as {
    [name in SectionName]: z.ZodOptional<z.ZodUnknown>;
  },
);
