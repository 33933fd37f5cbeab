import type { Json, JsonObject } from './json.ts';
import type { RunPhase, RunStatus } from './run.ts';
import type { WaitingCause } from './waiting.ts';

/** What a client answered. `extra` has members that the engine does not read, in the words of the answer's protocol. */
export type GivenAnswer = { readonly payload: Json; readonly extra?: JsonObject | undefined };

/** What changed. `result` and `error` are terminal: nothing follows them. Of partial outputs a run keeps the last one. */
export type Change =
  | {
      readonly kind: 'phase';
      readonly phase: RunPhase;
      readonly note?: string | undefined;
      /** The phase is as before, and the run waits. */
      readonly waiting?: WaitingCause | undefined;
      /** What made the run go on; present in `resuming`, except where an earlier version wrote the event. */
      readonly answer?: GivenAnswer | undefined;
    }
  | { readonly kind: 'partial'; readonly value: Json }
  /** Was a partial output, until a later one took its place. */
  | { readonly kind: 'replaced' }
  | { readonly kind: 'interrupt'; readonly payload: Json }
  | { readonly kind: 'result'; readonly value: Json }
  | { readonly kind: 'error'; readonly errcode: number; readonly description: string };

/** One recorded change of a run. `seq` starts at 1, has no gaps, and is the `id` of the server-sent event. */
export type RunEvent = {
  readonly runId: string;
  readonly seq: number;
  readonly atMs: number;
  /** The run's status after the change. */
  readonly status: RunStatus;
  readonly change: Change;
};

/**
 * An event of a run of a thread. `threadSeq` grows from event to event over all runs of the thread, in the order in
 * which they were written; it has gaps, and no value is used twice, even after runs were removed.
 */
export type ThreadEvent = RunEvent & { readonly threadSeq: number };

/**
 * Events for one reader, pulled in batches, in order. `next` waits for news; `return` is how the reader leaves, and
 * ends a `next` that waits.
 */
export interface EventBatches<Event> extends AsyncIterableIterator<readonly Event[], undefined, undefined> {
  return(): Promise<IteratorReturnResult<undefined>>;
  /**
   * Lets a reader that waits in `next` take news in the turn in which they come. `take` gives null when it took all, and
   * otherwise what `next` has to hand over, which may be nothing. `isEnd`: nothing follows these events.
   */
  tap?(take: (events: readonly Event[], isEnd: boolean) => readonly Event[] | null): void;
}

/** One server-sent event, prepared for one reader; without `id` or `event` it has no such line. */
export type SentEvent = { readonly id?: string; readonly event?: string; readonly data: Json };
