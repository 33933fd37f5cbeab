import type { TraceContext } from '../domain/trace.ts';

/** One HTTP request within the budget of its account. */
export type AdmittedRequest = {
  /** The request is over: null says that it was answered, anything else is what it threw. */
  settle(error: unknown): void;
};

/**
 * Lets the HTTP requests of one call of an adapter through, one by one, as the budget of the account allows. The first one
 * goes at once, because the call of the adapter has waited for it. The client asks; adapters know nothing of it.
 */
export interface RequestAdmission {
  /** Where the spans of the requests belong; undefined where no trace is known. */
  readonly trace?: TraceContext | undefined;
  /** Null: it was given up before its turn came, and is not to be sent. The signal gives up the wait. */
  enter(signal: AbortSignal | undefined): AdmittedRequest | Promise<AdmittedRequest | null>;
}
