import type { Store } from '../../contract/store/store.ts';
import type { Stops } from '../limits/stops.ts';
import type { LiveRuns } from '../worker/live-runs.ts';
import type { ChangeStream } from './change-stream.ts';

type Streamed = {
  readonly changeStream: ChangeStream;
  readonly stops: Stops;
  readonly store: Store;
  readonly live: LiveRuns;
};

/** Brings changes to the streams of operators, and wakes queued runs when a stop is lifted. Returns a function that ends that. */
export function streamChanges({ changeStream, stops, store, live }: Streamed): () => void {
  const endStops = stops.onChange(({ added, lifted }) => {
    for (const stop of added) changeStream.note('stop', `${stop.kind} ${stop.name}`, () => ({ stop: { ...stop } }));
    for (const { kind, name } of lifted) changeStream.note('lift', `${kind} ${name}`, () => ({ stop: { kind, name } }));
    if (lifted.length > 0) for (const run of live.values()) if (run.phase === 'queued') run.wake();
  });
  const endForeign = store.shared
    ? store.subscribe((change) => {
        if (change.kind === 'run') changeStream.noteRun(change.id, undefined);
      })
    : () => {};
  return () => {
    endStops();
    endForeign();
  };
}
