import { AsyncLocalStorage } from 'node:async_hooks';
import type { AdmittedRequest, RequestAdmission } from '../../contract/adapter/request-admission.ts';
import type { TraceContext } from '../../contract/domain/trace.ts';

/** The right to make one call of an adapter. It counts against the budget until it is sent or released. */
export interface Permit {
  /** Makes the call, and throws what it throws. The results of its requests update the health of the account. */
  send<T>(call: () => Promise<T>): Promise<T>;
  /** Does nothing once the call was sent. */
  release(): void;
}

/** A request that the queue has let through. */
export interface PermittedRequest extends AdmittedRequest {
  /** It goes now. */
  begin(): void;
  /** It is not sent. */
  abandon(): void;
}

/** The wait of further requests of one call. Null: the signal fired first. */
export type Admit = (signal: AbortSignal | undefined) => Promise<PermittedRequest | null>;

const current = new AsyncLocalStorage<RequestAdmission>();

/** What admits the requests of the adapter's call in whose course this is called; undefined outside of one. */
export function currentAdmission(): RequestAdmission | undefined {
  return current.getStore();
}

/**
 * Counts a call by its HTTP requests: the first one has been admitted with the permit, each further one waits for its turn.
 * A call that makes no request of its own counts as one.
 */
export class CallPermit implements Permit, RequestAdmission {
  readonly #admit: Admit;
  readonly #request: PermittedRequest;
  readonly trace: TraceContext | undefined;
  #isOpen = true;
  /** The admitted request, until the client claims it. */
  #unclaimed: PermittedRequest | null = null;

  constructor(request: PermittedRequest, admit: Admit, trace?: TraceContext) {
    this.#request = request;
    this.#admit = admit;
    this.trace = trace;
  }

  release(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#request.abandon();
  }

  send<T>(call: () => Promise<T>): Promise<T> {
    this.#isOpen = false;
    this.#unclaimed = this.#request;
    this.#request.begin();
    let answer: Promise<T>;
    try {
      answer = current.run(this, call);
    } catch (error) {
      this.#settle(error);
      throw error;
    }
    // A request that is under way already settles itself.
    return this.#unclaimed === null ? answer : this.#settleAfter(answer);
  }

  async #settleAfter<T>(call: Promise<T>): Promise<T> {
    try {
      const answer = await call;
      this.#settle(null);
      return answer;
    } catch (error) {
      this.#settle(error);
      throw error;
    }
  }

  enter(signal: AbortSignal | undefined): AdmittedRequest | Promise<AdmittedRequest | null> {
    const first = this.#unclaimed;
    if (first === null) return this.#enterNext(signal);
    this.#unclaimed = null;
    return first;
  }

  async #enterNext(signal: AbortSignal | undefined): Promise<AdmittedRequest | null> {
    const next = await this.#admit(signal);
    next?.begin();
    return next;
  }

  #settle(error: unknown): void {
    this.#unclaimed?.settle(error);
    this.#unclaimed = null;
  }
}
