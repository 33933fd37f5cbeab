import { type CallRule, UpstreamFault } from '../src/contract/adapter/http.ts';

/** Starts a run, or hands one an input: where the answer is lost, the vendor may have acted. */
export const actOnce = { retry: 'at-most-once' } as const satisfies CallRule;

/** Asks how a run is. Only "not found" is more than a delay: a refusal may pass, such as that of a key being renewed. */
export const observeRun = { retry: 'safe', faults: { refused: 'retry', notFound: 'gone' } } as const satisfies CallRule;

/** Ends a run. Ending it twice is harmless, but what the vendor refuses is not asked again. */
export const endRun = { retry: 'safe', faults: { notFound: 'gone' } } as const satisfies CallRule;

/** Ids are shown up to this length. */
const maxShownLength = 100;

/**
 * Refuses an observation that says that it is of another run: never taken as ours, and asked for again.
 *
 * @param named the id in the answer; one that is left out says nothing.
 * @throws UpstreamFault
 */
export function refuseOther(asked: string, named: unknown): void {
  const id = typeof named === 'number' ? String(named) : (named ?? asked);
  if (id === asked) return;
  const shown = (typeof named === 'string' ? named : JSON.stringify(named)).slice(0, maxShownLength);
  const message = `the vendor was asked for the run ${asked} and answered with the run ${shown}`;
  throw new UpstreamFault({ consequence: 'retry', kind: 'malformed', message });
}
