import type { CallRule } from '../src/contract/adapter/http.ts';

/** Starts a run, or hands one an input: where the answer is lost, the vendor may have acted. */
export const actOnce = { retry: 'at-most-once' } as const satisfies CallRule;

/** Asks how a run is. Only "not found" is more than a delay: a refusal may pass, such as that of a key being renewed. */
export const observeRun = { retry: 'safe', faults: { refused: 'retry', notFound: 'gone' } } as const satisfies CallRule;

/** Ends a run. Ending it twice is harmless, but what the vendor refuses is not asked again. */
export const endRun = { retry: 'safe', faults: { notFound: 'gone' } } as const satisfies CallRule;
