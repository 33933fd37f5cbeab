import { z } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import { type Cap, capLimits } from '../contract/domain/cap.ts';
import { nameSchema } from '../validation/name-schema.ts';
import { type ConfigReader, listNames } from './reader.ts';
import { count } from './value-schemas.ts';

/** A run reads what it is counted with from the store when it is made. */
const maxCaps = 100;
const amount = z.number().positive().max(1_000_000_000);

const capSchema = z.strictObject({
  agent: z
    .string()
    .nullable()
    .default(null)
    .meta({
      description: 'Name of the agent whose runs are counted. Null: those of all agents.',
      examples: ['price-scraper'],
    }),
  tenant: nameSchema
    .nullable()
    .default(null)
    .meta({ description: 'Tenant whose runs are counted. Null: those of all tenants together.', examples: ['acme'] }),
  runsPerHour: count
    .nullable()
    .default(null)
    .meta({ description: 'Runs that are accepted in any hour. Null: no limit.', examples: [100] }),
  runsPerDay: count
    .nullable()
    .default(null)
    .meta({ description: 'Runs that are accepted in any 24 hours. Null: no limit.', examples: [1000] }),
  costPerHour: amount
    .nullable()
    .default(null)
    .meta({
      description:
        'Cost in any hour, by the `cost` of the mapping. Once it is reached, no run is accepted. Null: no limit.',
      examples: [10],
    }),
  costPerDay: amount
    .nullable()
    .default(null)
    .meta({ description: 'The same in any 24 hours. Null: no limit.', examples: [50] }),
  reserve: z
    .number()
    .min(0)
    .max(1_000_000_000)
    .default(0)
    .describe(
      'What a run counts as until its cost is known, and for good where that is never known. With a reserve that no run exceeds, the cost stays within the limits; without, it exceeds them by what the runs under way cost.',
    ),
});

export const capsSchema = z
  .array(capSchema)
  .max(maxCaps)
  .default([])
  .describe(
    'What all runs of an agent, of a tenant, or of both together may use in an hour and in a day, over all replicas. A run that finds no room is refused with 429 (`cap_reached`).',
  );

/** Reads `caps` and checks each one against the agents. */
export function readCaps(value: unknown, names: readonly string[], reader: ConfigReader): readonly Cap[] {
  const entries = reader.parse(z.array(z.unknown()).max(maxCaps), value ?? [], ['caps']) ?? [];
  const caps: Cap[] = [];
  const known = new Map<string, number>();
  for (const [index, raw] of entries.entries()) {
    const path = ['caps', index];
    const entry = reader.parse(capSchema, raw, path);
    if (entry === undefined) continue;
    const { agent, tenant, costPerHour, costPerDay, reserve } = entry;
    if (agent === null && tenant === null) reader.report(path, 'must name an agent, a tenant or both');
    if (capLimits.every((limit) => entry[limit] === null))
      reader.report(path, `must have one of ${capLimits.join(', ')}`);
    if (agent !== null && !names.includes(agent)) {
      reader.report([...path, 'agent'], `names no agent${listNames(names)}`, { hint: findNearest(agent, names) });
    }
    const least = Math.min(costPerHour ?? Number.POSITIVE_INFINITY, costPerDay ?? Number.POSITIVE_INFINITY);
    if (reserve > 0 && least === Number.POSITIVE_INFINITY)
      reader.report([...path, 'reserve'], 'is for a cap with costPerHour or costPerDay');
    else if (reserve > least) reader.report([...path, 'reserve'], `must be at most ${least}, or no run has room`);
    const name = nameOf(agent, tenant);
    const first = known.get(name);
    if (first !== undefined) reader.report(path, `is of the same runs as caps[${first}]`);
    known.set(name, index);
    caps.push({ ...entry, name });
  }
  return caps;
}

/** No name of an agent or a tenant has a space. */
function nameOf(agent: string | null, tenant: string | null): string {
  if (agent === null) return `tenant ${tenant}`;
  return tenant === null ? `agent ${agent}` : `agent ${agent} of tenant ${tenant}`;
}
