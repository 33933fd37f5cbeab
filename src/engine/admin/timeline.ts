import type { TimelineEntry } from '../../contract/api/admin-reports.ts';
import { assertNever } from '../../contract/domain/assert-never.ts';
import { errcodes } from '../../contract/domain/errcodes.ts';
import type { RunEvent } from '../../contract/domain/event.ts';
import type { CallNote, RunAction } from '../../contract/domain/operator.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { Delivery } from '../../contract/domain/webhook.ts';

type Fault = TimelineEntry['fault'];

/** Whose fault an end is that the gateway decided; those of vendors have other codes. */
const faultOfErrcode: Readonly<Record<number, Fault>> = {
  [errcodes.cancelled]: 'client',
  [errcodes.mappingFailed]: 'gateway',
};

/** What happened to a run, in the order of time, in sentences. */
export function describeTimeline(
  run: Run,
  events: readonly RunEvent[],
  deliveries: readonly Omit<Delivery, 'body'>[],
): readonly TimelineEntry[] {
  const { notes = {} } = run;
  const entries = [
    ...events.map((event, at) => entryOf(event, events[at + 1], run)),
    ...(notes.start === undefined ? [] : [startEntry(notes.start)]),
    ...(notes.looks === undefined
      ? []
      : [
          entry(notes.looks.last.atMs, 'looks', sayLooks(notes.looks), {
            tookMs: notes.looks.last.tookMs,
            fault: notes.looks.last.fault === undefined ? null : 'vendor',
          }),
        ]),
    ...(notes.actions ?? []).map((action) =>
      entry(action.atMs, 'action', sayAction(action), { fault: action.action === 'cancel' ? 'operator' : null }),
    ),
    ...deliveries.map(deliveryEntry),
  ];
  return entries.toSorted((one, other) => one.atMs - other.atMs);
}

type Details = { readonly tookMs?: number | null; readonly fault?: Fault };

function entry(atMs: number, kind: TimelineEntry['kind'], text: string, details: Details = {}): TimelineEntry {
  return { atMs, kind, text, tookMs: details.tookMs ?? null, fault: details.fault ?? null };
}

function entryOf({ atMs, change, seq }: RunEvent, next: RunEvent | undefined, run: Run): TimelineEntry {
  const untilNext = next === undefined ? null : next.atMs - atMs;
  switch (change.kind) {
    case 'phase':
      if (seq === 1) return entry(atMs, 'accepted', 'accepted', { tookMs: untilNext });
      if (change.waiting !== undefined || change.note !== undefined)
        return entry(atMs, 'queued', change.note ?? `waits: ${change.waiting}`, { tookMs: untilNext });
      if (change.phase === 'resuming') return entry(atMs, 'resumed', 'its client answered', { tookMs: untilNext });
      return entry(atMs, 'running', runningText(run), { tookMs: untilNext });
    case 'partial':
    case 'replaced':
      return entry(atMs, 'partial', 'showed a partial output');
    case 'interrupt':
      return entry(atMs, 'interrupt', 'asks its client and waits', { tookMs: untilNext });
    case 'result':
      return entry(atMs, 'end', 'ended with a result', { tookMs: atMs - run.createdAtMs });
    case 'error':
      return entry(atMs, 'end', `ended with ${change.errcode}: ${change.description}`, {
        tookMs: atMs - run.createdAtMs,
        fault: faultOfErrcode[change.errcode] ?? 'vendor',
      });
    default:
      return assertNever(change);
  }
}

function runningText({ upstream, vendor }: Run): string {
  const id = upstream?.runId ?? (typeof vendor?.runId === 'string' ? vendor.runId : null);
  return id === null ? 'runs at the vendor' : `runs at the vendor as ${id}`;
}

function startEntry({ atMs, tookMs, httpStatus, fault }: CallNote): TimelineEntry {
  const answer = httpStatus === null ? 'no answer' : `${httpStatus}`;
  if (fault === undefined) return entry(atMs, 'start', 'start call: answered', { tookMs });
  return entry(atMs, 'start', `start call: ${answer}, ${fault}`, { tookMs, fault: 'vendor' });
}

function sayLooks({ count, failed, last }: { count: number; failed: number; last: CallNote }): string {
  const failures = failed === 0 ? 'none failed' : `${failed} failed`;
  return `polled ${count} times, ${failures}; the last call: ${last.fault ?? 'answered'}`;
}

function sayAction({ action, by, runId }: RunAction): string {
  switch (action) {
    case 'cancel':
      return `cancelled by ${by}`;
    case 'replay':
      return `run again by ${by} as ${runId ?? 'another run'}`;
    case 'resume':
      return `answered by ${by}`;
    default:
      return assertNever(action);
  }
}

function deliveryEntry({
  createdAtMs,
  endedAtMs,
  state,
  url,
  attempts,
  failure,
}: Omit<Delivery, 'body'>): TimelineEntry {
  const host = URL.parse(url)?.host ?? 'its receiver';
  const words: Readonly<Record<typeof state, string>> = {
    waiting: `webhook owed to ${host}`,
    delivered: `webhook delivered to ${host}`,
    failed: `webhook given up: ${host}`,
    stopped: `webhook stopped by ${host}`,
  };
  const tries =
    attempts > 1 || failure !== null ? ` after ${attempts} attempts${failure === null ? '' : `: ${failure}`}` : '';
  return entry(endedAtMs ?? createdAtMs, 'webhook', words[state] + tries, {
    tookMs: endedAtMs === null ? null : endedAtMs - createdAtMs,
    fault: state === 'failed' ? 'client' : null,
  });
}
