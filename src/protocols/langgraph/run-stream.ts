import type { Api } from '../../contract/api/api.ts';
import type { Answer } from '../../contract/api/protocol.ts';
import type { RunEvent, SentEvent } from '../../contract/domain/event.ts';
import type { Run } from '../../contract/domain/run.ts';
import { emptyAnswer } from '../shared/answers.ts';
import { expandEvents } from '../shared/expand-events.ts';
import { keyOf, type OnDisconnect } from '../shared/wait-and-stream.ts';
import { lacksInput, numberOf, places, seqOf } from './event-numbers.ts';
import { Narration } from './narration.ts';
import type { StreamMode } from './run-requests.ts';

export type FollowOptions = {
  readonly modes: readonly StreamMode[];
  /** Where the stream begins: after an event of the run, or after the last number that a reader has; null: it has none. */
  readonly from: { readonly afterSeq: number } | { readonly lastSeen: number | null };
  readonly isEnded?: boolean;
  readonly replayed?: boolean;
  readonly onDisconnect: OnDisconnect;
};

/** The stream of a run that was just read; it ends with the run, or with an interrupt that is not answered yet. */
export async function followRun(api: Api, run: Run, options: FollowOptions): Promise<Answer> {
  const { from, modes, isEnded = false, replayed = false, onDisconnect } = options;
  const lastSeen = 'afterSeq' in from ? -1 : (from.lastSeen ?? -1);
  const isOver = run.phase === 'done' || run.phase === 'interrupted';
  if (isOver && lastSeen >= numberOf(run.lastSeq, places.end)) return emptyAnswer;
  const startSeq = 'afterSeq' in from ? from.afterSeq : Math.max(0, seqOf(lastSeen));
  const isNew = lastSeen < 0;
  const narration = new Narration(api, run, {
    ...{ modes: new Set(modes), lastSeen, isEnded },
    isFirst: (isNew && startSeq === 0) || hasShownNothing(run, startSeq),
  });
  // The event that the reader had last is read once more: it may have had a part of what it became.
  const events = await api.runs.watch(keyOf(run), isNew ? startSeq : Math.max(0, startSeq - 1));
  const before: SentEvent[] = [];
  if (isNew) {
    const data = { run_id: run.runId, attempt: 1 };
    before.push({ id: `${numberOf(startSeq, places.metadata)}`, event: 'metadata', data });
  }
  if (modes.includes('values') && !isEnded && (isNew || lacksInput(lastSeen)))
    before.push({ id: `${numberOf(startSeq, places.input)}`, event: 'values', data: await narration.input() });
  return {
    kind: 'events',
    events: expandEvents(events, {
      before,
      expand: narration.expand,
      endsAfter: ({ seq, change }: RunEvent): boolean => change.kind === 'interrupt' && seq >= run.lastSeq,
    }),
    ...{ runId: run.runId, waiting: run.waiting, replayed, headers: headersOf(run, 'stream') },
    ...(onDisconnect === 'continue' ? {} : { onLeft: () => cancel(api, run) }),
  };
}

/** Another replica may know the run as it was before what the reader has seen. */
function hasShownNothing({ partial, lastSeq }: Run, seenSeq: number): boolean {
  return partial === undefined && lastSeq >= seenSeq;
}

async function cancel(api: Api, run: Run): Promise<void> {
  await api.runs.cancel(keyOf(run), { action: 'interrupt', wait: false });
}

/** Where a run is, and where its answer goes on. Clients put both after the address of the server, mount included. */
export function headersOf({ runId, threadId }: Run, again?: 'stream' | 'join'): Readonly<Record<string, string>> {
  const place = `/threads/${threadId ?? runId}/runs/${runId}`;
  return { 'Content-Location': place, ...(again === undefined ? {} : { Location: `${place}/${again}` }) };
}
