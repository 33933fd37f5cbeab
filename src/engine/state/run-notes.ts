import type { CallNote, LookNotes, RunNotes } from '../../contract/domain/operator.ts';
import type { Run } from '../../contract/domain/run.ts';
import { boundText } from '../../json/bound-text.ts';

/** What is remembered of a run for its timeline, and is written with its next commit. */
export type NotesMemory = {
  /** When the call that is under way was sent, by both clocks; null: none is. */
  sentAtMs: number;
  sentMonotonicMs: number;
  /** Of the last call to start, and of the polls. */
  start: CallNote | undefined;
  looks: { count: number; failed: number; last: CallNote } | undefined;
  /** The longest wait before the start. */
  readonly longestWait: { readonly cause: string; readonly tookMs: number } | null;
};

/** Of the words of a fault. */
const maxFaultLength = 300;
/** Of one run. */
const maxActions = 8;

export function beginNotes({
  notes,
}: Pick<Run, 'notes'>): Pick<NotesMemory, 'sentAtMs' | 'sentMonotonicMs' | 'start' | 'looks'> {
  const { start, looks } = notes ?? {};
  return { sentAtMs: 0, sentMonotonicMs: 0, start, looks: looks === undefined ? undefined : { ...looks } };
}

/** Notes a call to the vendor that is over. `fault` is null for one that was answered well. */
export function noteOutcome(
  memory: NotesMemory,
  purpose: string,
  nowMonotonicMs: number,
  fault: { readonly httpStatus: number | null; readonly message: string } | null,
): void {
  if (purpose !== 'start' && purpose !== 'observe') return;
  const note: CallNote = {
    atMs: memory.sentAtMs,
    tookMs: Math.round(nowMonotonicMs - memory.sentMonotonicMs),
    httpStatus: fault?.httpStatus ?? null,
    ...(fault === null ? {} : { fault: boundText(fault.message, maxFaultLength) }),
  };
  if (purpose === 'start') memory.start = note;
  else if (memory.looks === undefined) memory.looks = { count: 1, failed: fault === null ? 0 : 1, last: note };
  else {
    memory.looks.count += 1;
    if (fault !== null) memory.looks.failed += 1;
    memory.looks.last = note;
  }
}

/** The run with what is remembered of it, for its next commit. */
export function withNotes(run: Run, { start, looks, longestWait }: NotesMemory): Run {
  if (start === undefined && looks === undefined && longestWait === null) return run;
  const known: LookNotes | undefined = looks === undefined ? undefined : { ...looks };
  const waits = longestWait === null ? undefined : [{ ...longestWait, tookMs: Math.round(longestWait.tookMs) }];
  const notes: RunNotes = { ...run.notes, start, looks: known, waits: waits ?? run.notes?.waits };
  return { ...run, notes };
}

/** The run with one more action of an operator; of many the newest are kept. */
export function withAction(run: Run, action: NonNullable<RunNotes['actions']>[number]): Run {
  const actions = [...(run.notes?.actions ?? []), action].slice(-maxActions);
  return { ...run, notes: { ...run.notes, actions } };
}
