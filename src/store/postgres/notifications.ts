import type { StoreChange } from '../../contract/store/store.ts';

type Named = Exclude<StoreChange, { kind: 'missed' }>;

/**
 * Changes are published on this channel as `origin id,id,… threads`: the store that made them, the ids of runs, then
 * those of threads, and how many of the ids are threads. Replicas of version 0.1.0 send and read the first two parts
 * only, runs and threads alike.
 */
export const changeChannel = 'rungate_runs';

/** Wake signals for the loops of runs are published on this channel as `origin id`. */
export const wakeChannel = 'rungate_nudges';

/** What clients watch is published on this channel, in the form of changes, for the replicas that drive it. */
export const watchChannel = 'rungate_watched';

/** Changes of stops and drains are published on this channel, as the origin alone. */
export const operationsChannel = 'rungate_operations';

/** Of ids of 36 characters; a message may have 8,000 bytes. */
const maxIdsPerMessage = 150;

/**
 * A common table expression that publishes the `run_id`s of one source and the `thread_id`s of another, in few messages.
 * They are sent only if the statement's select list has {@link countNotified}.
 *
 * @param origin a SQL expression that names this store.
 */
export function notify(sources: { readonly runs?: string; readonly threads?: string }, origin: string): string {
  const ids = [
    ...(sources.runs === undefined ? [] : [`SELECT run_id AS id, 0 AS is_thread FROM ${sources.runs}`]),
    ...(sources.threads === undefined ? [] : [`SELECT thread_id, 1 FROM ${sources.threads}`]),
  ];
  return `notified AS MATERIALIZED (
    SELECT pg_notify('${changeChannel}',
      concat_ws(' ', ${origin}, string_agg(id, ',' ORDER BY is_thread), sum(is_thread))) AS sent
    FROM (SELECT id, is_thread, row_number() OVER () / ${maxIdsPerMessage} AS part
      FROM (${ids.join(' UNION ALL ')}) AS changes (id, is_thread)) AS parts GROUP BY part)`;
}

export const countNotified = '(SELECT count(notified.sent) FROM notified)';

/** The messages that publish changes, each of which names a run or a thread once. */
export function formatChanges(
  origin: string,
  { runs, threads }: { readonly runs: readonly string[]; readonly threads: readonly string[] },
): readonly string[] {
  const ids = [...runs, ...threads];
  const messages: string[] = [];
  for (let at = 0; at < ids.length; at += maxIdsPerMessage) {
    const part = ids.slice(at, at + maxIdsPerMessage);
    messages.push(`${origin} ${part.join(',')} ${Math.max(0, part.length - Math.max(0, runs.length - at))}`);
  }
  return messages;
}

/** Reads a message of the change or the watch channel; empty for one of this store's own. */
export function parseChanges(payload: string, ownOrigin: string): readonly Named[] {
  const [origin, listed = '', threadCount] = payload.split(' ');
  if (origin === ownOrigin) return [];
  const ids = listed.split(',');
  // From version 0.1.0, which does not say which ids are threads: an id of the wrong kind is watched by nothing.
  if (threadCount === undefined) return [...ids.map(changeOf('run')), ...ids.map(changeOf('thread'))];
  const runCount = ids.length - Number(threadCount);
  return ids.map((id, at) => changeOf(at < runCount ? 'run' : 'thread')(id));
}

/** Reads a message of the wake channel: the run to wake; null for one of this store's own. */
export function parseWake(payload: string, ownOrigin: string): string | null {
  const [origin, runId = ''] = payload.split(' ');
  return origin === ownOrigin ? null : runId;
}

function changeOf(kind: Named['kind']): (id: string) => Named {
  return (id) => ({ kind, id });
}
