import type { Api } from '../../contract/api/api.ts';
import type { SentEvent, ThreadEvent } from '../../contract/domain/event.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import { foundOrNull } from '../shared/found-or-null.ts';
import { streamModesOf } from '../shared/run-create.ts';
import { isCancelled } from './encode.ts';
import { numberOf, places, sendAfter } from './event-numbers.ts';
import { Narration } from './narration.ts';
import { isStreamMode, type StreamMode } from './run-requests.ts';

export type ThreadNarrationOptions = {
  /** Whether the reader wants what runs do between their beginnings and ends. */
  readonly isWhole: boolean;
  /** The last number that the reader has; -1 before the first. */
  readonly lastSeen: number;
};

type NumberedEvent = Omit<SentEvent, 'id'> & { readonly at: number };
type OpenRun = { readonly run: Run; readonly narration: Narration };

/**
 * The events of a thread's runs for one reader, in LangGraph's words: one run after the other, each in the modes that it was made
 * with, between a `metadata` that names it and one that says that it is done. A run that waits for its turn is silent.
 */
export class ThreadNarration {
  readonly #api: Api;
  readonly #key: ThreadKey;
  readonly #options: ThreadNarrationOptions;
  /** Runs that the reader has the beginning of. */
  readonly #open = new Map<string, OpenRun>();

  constructor(api: Api, key: ThreadKey, options: ThreadNarrationOptions) {
    this.#api = api;
    this.#key = key;
    this.#options = options;
  }

  readonly expand = async (event: ThreadEvent): Promise<readonly SentEvent[]> => {
    const { change, runId } = event;
    if (change.kind === 'phase' && (change.phase === 'queued' || change.phase === 'starting')) return [];
    const known = this.#open.get(runId);
    const found = known ?? (await this.#openRun(event));
    if (found === null) return [];
    const isResumed = change.kind === 'phase' && change.phase === 'resuming';
    const begins = isResumed || (known === undefined && isBeginning(found.run, event));
    const events = isSkipped(found.run) ? endOf(event) : await this.#narrate(found, event, begins);
    if (change.kind === 'result' || change.kind === 'error') this.#open.delete(runId);
    return sendAfter(this.#options.lastSeen, events);
  };

  async #narrate({ run, narration }: OpenRun, event: ThreadEvent, begins: boolean): Promise<readonly NumberedEvent[]> {
    const { threadSeq } = event;
    const { isWhole } = this.#options;
    const narrated = isWhole ? await narration.narrate(event) : [];
    const events: NumberedEvent[] = [];
    if (begins) {
      // Their numbers are those of the event before, which has none of these places.
      const data = { run_id: run.runId, attempt: 1 };
      events.push({ at: numberOf(threadSeq - 1, places.metadata), event: 'metadata', data });
      if (isWhole && modesOf(run).includes('values'))
        events.push({ at: numberOf(threadSeq - 1, places.input), event: 'values', data: await narration.input() });
    }
    for (const { place, ...each } of narrated)
      if (place !== places.end) events.push({ at: numberOf(threadSeq, place), ...each });
    return [...events, ...endOf(event)];
  }

  /** Null where the run was removed since. */
  async #openRun(event: ThreadEvent): Promise<OpenRun | null> {
    const run = await foundOrNull(
      this.#api.runs.get({ tenant: this.#key.tenant, runId: event.runId }),
      'run_not_found',
    );
    if (run === null) return null;
    const { lastSeen } = this.#options;
    const options = { modes: new Set(modesOf(run)), lastSeen, isEnded: false, isFirst: isBeginning(run, event) };
    const opened = { run, narration: new Narration(this.#api, run, options) };
    this.#open.set(run.runId, opened);
    return opened;
  }
}

function modesOf({ request }: Run): readonly StreamMode[] {
  const modes = streamModesOf(request)?.filter(isStreamMode) ?? [];
  return modes.length === 0 ? ['values'] : modes;
}

/** Whether the event is the first one after the run has waited for its turn. */
function isBeginning({ startedAtMs }: Run, { atMs }: ThreadEvent): boolean {
  return startedAtMs === null || atMs <= startedAtMs;
}

/** Whether the run was cancelled before its turn, perhaps in the middle of another one. */
function isSkipped(run: Run): boolean {
  return run.startedAtMs === null && isCancelled(run);
}

function endOf({ runId, threadSeq, change }: ThreadEvent): readonly NumberedEvent[] {
  const isEnd = change.kind === 'result' || change.kind === 'error' || change.kind === 'interrupt';
  const data = { status: 'run_done', run_id: runId };
  return isEnd ? [{ at: numberOf(threadSeq, places.end), event: 'metadata', data }] : [];
}
