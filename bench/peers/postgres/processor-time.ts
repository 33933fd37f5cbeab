import { readdirSync, readFileSync } from 'node:fs';

/** The kernel counts what a process's ended children used in these: USER_HZ is 100 on every Linux of today. */
const tickMicros = 10_000;

/** What the scheduler let a process run, all of its threads, to the microsecond; 0 for one that has ended. */
export function processMicros(pid: number): number {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const nanos = threads.map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
    );
    return nanos.reduce((sum, each) => sum + each, 0) / 1000;
  } catch {
    return 0;
  }
}

/** The same of a PostgreSQL server: its first process, those that it has, and, in ticks, those that it had. */
export function serverMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [endedUser = 0, endedSystem = 0] = fields.slice(13, 15);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  const living = children.reduce((sum, child) => sum + processMicros(Number(child)), processMicros(pid));
  return living + (endedUser + endedSystem) * tickMicros;
}
