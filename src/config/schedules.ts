import { z } from 'zod';
import { findNearest } from '../collections/nearest-word.ts';
import { missedPolicies, overlapPolicies, type Schedule, type ScheduleTimes } from '../contract/domain/schedule.ts';
import { nameSchema } from '../validation/name-schema.ts';
import type { AgentEntries } from './agents.ts';
import type { ConfigPath } from './config-error.ts';
import { type ConfigReader, listNames } from './reader.ts';
import { jsonObject } from './value-schemas.ts';

const maxSchedules = 1000;

const scheduleSchema = z.strictObject({
  name: nameSchema.meta({
    description:
      'Name of the schedule, unique in the config. Each of its runs has it in its metadata, under `rungate.schedule`.',
    examples: ['nightly-prices'],
  }),
  agent: z.string().meta({ description: 'Name of the agent that runs.', examples: ['price-scraper'] }),
  cron: z.string().meta({
    description:
      'When: minute, hour, day of the month, month, day of the week, as cron has them, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`.',
    examples: ['30 2 * * 1-5'],
  }),
  timeZone: z
    .string()
    .default('UTC')
    .meta({
      description: 'Time zone of `cron`, by its IANA name.',
      examples: ['Europe/Berlin'],
    }),
  tenant: nameSchema.default('default').describe('Tenant that the runs belong to.'),
  input: z
    .json()
    .default({})
    .meta({
      description: 'Input of each run. Checked against the schema of the agent.',
      examples: [{ url: 'https://shop.example/' }],
    }),
  config: jsonObject.optional().meta({ description: 'Config of each run.', examples: [{ saveTrace: true }] }),
  metadata: jsonObject.default({}).meta({ description: 'Metadata of each run.', examples: [{ team: 'pricing' }] }),
  overlap: z
    .enum(overlapPolicies)
    .default('skip')
    .describe(
      'What happens while the last run of the schedule has not ended: `skip` makes no run, `queue` makes one when it has ended, `allow` makes one.',
    ),
  missed: z
    .enum(missedPolicies)
    .default('one')
    .describe(
      'What becomes of times that passed more than a minute ago while no gateway ran: `one` makes one run for the latest of them, `skip` none.',
    ),
  enabled: z.boolean().default(true).describe('False: it makes no runs, and its times are not made up for later.'),
});

export const schedulesSchema = z
  .array(scheduleSchema)
  .max(maxSchedules)
  .default([])
  .describe('Runs that the gateway makes by itself at certain times, once over all replicas.');

type Entry = z.output<typeof scheduleSchema>;

/** Reads `schedules` and checks each one against its agent. */
export async function readSchedules(
  value: unknown,
  { agents, names }: AgentEntries,
  reader: ConfigReader,
): Promise<readonly Schedule[]> {
  const entries = reader.parse(z.array(z.unknown()).max(maxSchedules), value ?? [], ['schedules']) ?? [];
  const schedules: Schedule[] = [];
  const known = new Map<string, number>();
  for (const [index, raw] of entries.entries()) {
    const path = ['schedules', index];
    const entry = reader.parse(scheduleSchema, raw, path);
    if (entry === undefined) continue;
    const first = known.get(entry.name);
    if (first !== undefined) reader.report([...path, 'name'], `is the name of schedules[${first}] too`);
    known.set(entry.name, index);
    if (!names.includes(entry.agent)) {
      const hint = findNearest(entry.agent, names);
      reader.report([...path, 'agent'], `names no agent${listNames(names)}`, { hint });
    }
    const agent = agents.find(({ name }) => name === entry.agent);
    const times = await readTimes(entry, path, reader);
    if (agent !== undefined) await checkRun(entry, agent, { path, reader });
    if (times !== null) schedules.push({ ...entry, times });
  }
  return schedules;
}

/** The library is loaded for a config that has schedules. */
async function readTimes(entry: Entry, path: ConfigPath, reader: ConfigReader): Promise<ScheduleTimes | null> {
  const { CronTimes } = await import('./cron-times.ts');
  if (!isTimeZone(entry.timeZone)) {
    reader.report([...path, 'timeZone'], 'is not a time zone; write its IANA name, such as Europe/Berlin or UTC');
    return null;
  }
  try {
    const times = new CronTimes(entry.cron, entry.timeZone);
    if (times.next(Date.now()) !== null) return times;
    reader.report([...path, 'cron'], 'never comes');
  } catch (error) {
    const reason = error instanceof Error ? error.message.replace(/^\w+: /, '') : '';
    reader.report([...path, 'cron'], `is not a cron expression of five fields: ${reason}`);
  }
  return null;
}

function isTimeZone(name: string): boolean {
  try {
    return name !== '' && new Intl.DateTimeFormat('en', { timeZone: name }) !== null;
  } catch {
    return false;
  }
}

async function checkRun(
  { input, config }: Entry,
  agent: AgentEntries['agents'][number],
  { path, reader }: { readonly path: ConfigPath; readonly reader: ConfigReader },
): Promise<void> {
  const violation = (await agent.checkInput(input)) ?? (await agent.checkConfig(config ?? {}));
  if (violation === null) return;
  const place = violation.path.startsWith('config') ? 'config' : 'input';
  reader.report([...path, place], `is refused by the agent: ${violation.path} ${violation.message}`);
}
