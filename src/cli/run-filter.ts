import { duration } from '../protocols/admin/requests.ts';
import { type CommandLine, type Flag, UsageError } from './command.ts';

/** Flags that say which runs are meant, in the order of the help. */
export const filterFlags = {
  live: { help: 'Runs that have not ended.' },
  backend: { value: 'NAME', help: 'Runs at this backend.' },
  agent: { value: 'NAME', help: 'Runs of this agent.' },
  tenant: { value: 'TENANT', help: 'Runs of this tenant.' },
  phase: { value: 'PHASE', help: 'Phases, separated by commas, such as `queued,starting`.' },
  status: { value: 'STATUS', help: 'Statuses, separated by commas, such as `error,timeout`.' },
  errcode: { value: 'CODE', help: 'Errcodes, separated by commas, such as `1002`.' },
  owner: { value: 'REPLICA', help: 'Runs that this replica drives.' },
  older: { value: 'AGE', help: 'Runs that were created longer ago than this, such as `90s`, `10m`, `2h` or `7d`.' },
  younger: { value: 'AGE', help: 'Runs that were created less long ago.' },
  thread: { value: 'ID', help: 'Runs of this thread.' },
  'vendor-id': { value: 'ID', help: 'The run that has this id at its vendor; whole.' },
  text: { value: 'TEXT', help: 'Part of an id, of the name of an agent, of metadata, or of what an error says.' },
} as const satisfies Readonly<Record<string, Flag>>;

/** The parameters of the admin API that a flag sets. */
const parameters: Readonly<Record<keyof typeof filterFlags, string>> = {
  live: 'live',
  backend: 'backend',
  agent: 'agent',
  tenant: 'tenant',
  phase: 'phase',
  status: 'status',
  errcode: 'errcode',
  owner: 'owner',
  older: 'older_than',
  younger: 'younger_than',
  thread: 'thread_id',
  'vendor-id': 'vendor_id',
  text: 'text',
};

/** What the flags select, as a query of the admin API. */
export function readFilter(line: CommandLine): Readonly<Record<string, string>> {
  const query: Record<string, string> = {};
  for (const [flag, parameter] of Object.entries(parameters)) {
    const given = line.isSet(flag) ? 'true' : line.text(flag);
    if (given !== undefined) query[parameter] = given;
  }
  for (const flag of ['older', 'younger']) {
    const age = line.text(flag);
    if (age !== undefined && !duration.safeParse(age).success)
      throw new UsageError(`--${flag} takes a duration such as 90s, 10m, 2h or 7d, not ${age}`);
  }
  return query;
}
