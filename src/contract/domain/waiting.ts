/**
 * What a live run can wait for before it goes on.
 *
 * - `stopped`: the operator, who stopped its agent, its backend or its tenant from starting runs.
 * - `after-seconds`: the delay that its client asked for.
 * - `thread-busy`: an earlier run of its thread.
 * - `max-concurrent-runs`: a slot at its backend.
 * - `start-unsettled`: what becomes of a start that got no answer, for which the vendor is asked.
 * - `budget`: its turn within the backend's `requestsPerSecond`.
 * - `replica-share`: the store's grant of this replica's share of the budget.
 * - `rate-limited`: the vendor, which answered 429 or 503 and asked for a pause.
 * - `circuit-open`: the vendor, which did not answer several calls in a row.
 * - `unauthorised`: the vendor's consent; the last call was answered with 401 or 403.
 * - `vendor-fault`: the next attempt; the last call failed in another way.
 * - `vendor-stuck`: the vendor, where nothing works at the run although its status says that it runs.
 */
export const waitingCauses = [
  'stopped',
  'after-seconds',
  'thread-busy',
  'max-concurrent-runs',
  'start-unsettled',
  'budget',
  'replica-share',
  'rate-limited',
  'circuit-open',
  'unauthorised',
  'vendor-fault',
  'vendor-stuck',
] as const;
export type WaitingCause = (typeof waitingCauses)[number];

/** A wait as it is stored and shown. */
export type Waiting = {
  readonly cause: WaitingCause;
  /** When the run goes on or tries again, as far as that is known. */
  readonly retryAtMs: number | null;
};
