import type { Api } from '../../contract/api/api.ts';
import type { Answer } from '../../contract/api/protocol.ts';
import type { SentEvent } from '../../contract/domain/event.ts';
import type { ThreadKey } from '../../contract/domain/thread.ts';
import { expandEvents } from '../shared/expand-events.ts';
import { seqOf } from './event-numbers.ts';
import { findState } from './thread-history.ts';
import { ThreadNarration } from './thread-narration.ts';
import type { ThreadStreamMode } from './thread-requests.ts';
import { readOpenThread } from './thread-state.ts';

/** Updates that one change of a thread shows at most. */
const maxUpdates = 100;

export type FollowThreadOptions = {
  readonly modes: readonly ThreadStreamMode[];
  /** The last number that the reader has; null: it begins with what goes on now. */
  readonly lastSeen: number | null;
};

/** The stream of a thread: all its runs, those to come too, until the client leaves or the thread is removed. */
export async function followThread(api: Api, key: ThreadKey, options: FollowThreadOptions): Promise<Answer> {
  const { modes, lastSeen } = options;
  const showsUpdates = modes.includes('state_update');
  const updates = showsUpdates ? new StateUpdates(api, key) : null;
  await updates?.next();
  // The event that the reader had last is read once more: it may have had a part of what it became.
  const afterSeq = lastSeen === null ? null : Math.max(0, seqOf(lastSeen) - 1);
  const events = await api.threads.watch(key, { afterSeq, hasEmptyBatches: showsUpdates });
  const narration = new ThreadNarration(api, key, { isWhole: modes.includes('run_modes'), lastSeen: lastSeen ?? -1 });
  const showsRuns = modes.includes('run_modes') || modes.includes('lifecycle');
  return {
    kind: 'events',
    events: expandEvents(events, {
      expand: showsRuns ? narration.expand : () => [],
      ...(updates === null ? {} : { expandBatch: () => updates.next() }),
    }),
    headers: { Location: `/threads/${key.threadId}/stream?stream_mode=${modes.join(',')}` },
  };
}

/** The states that clients have written since the last look. They have no number, and are not shown again after a cut. */
class StateUpdates {
  readonly #api: Api;
  readonly #key: ThreadKey;
  /** The newest checkpoint; null before the first look, empty where there is none. */
  #lastId: string | null = null;

  constructor(api: Api, key: ThreadKey) {
    this.#api = api;
    this.#key = key;
  }

  async next(): Promise<readonly SentEvent[]> {
    const ids = await this.#listNew();
    if (ids.length === 0) return [];
    const { threadId: thread_id } = this.#key;
    const open = await readOpenThread(this.#api, this.#key);
    const sent: SentEvent[] = [];
    for (const id of ids) {
      const state = await findState(this.#api, open, id);
      if (state !== null) sent.push({ event: 'state_update', data: { state, thread_id } });
    }
    return sent;
  }

  /** Oldest first; none at the first look. */
  async #listNew(): Promise<readonly string[]> {
    const lastId = this.#lastId;
    const query = { limit: lastId === null ? 1 : maxUpdates, beforeId: null, omitState: true };
    const ids: string[] = [];
    for await (const { rows } of this.#api.threads.history(this.#key, query)) {
      // Checkpoints may be removed, so the last one is not looked for.
      const newer = rows.filter(({ checkpointId }) => checkpointId > (lastId ?? ''));
      this.#lastId = [this.#lastId ?? '', ...newer.map(({ checkpointId }) => checkpointId)].toSorted().at(-1) ?? '';
      ids.push(...newer.filter(({ runId }) => runId === null).map(({ checkpointId }) => checkpointId));
      if (newer.length < rows.length) break;
    }
    this.#lastId ??= '';
    return lastId === null ? [] : ids.toReversed();
  }
}
