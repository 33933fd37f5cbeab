import { AsyncLocalStorage } from 'node:async_hooks';
import type { RunTrace } from '../contract/domain/trace.ts';

/** Knows in the course of which client request something is done, so that no protocol has to hand it on. */
export class RequestScope {
  readonly #current = new AsyncLocalStorage<RunTrace>();

  /** Undefined outside of a request. */
  get current(): RunTrace | undefined {
    return this.#current.getStore();
  }

  run<T>(trace: RunTrace, work: () => T): T {
    return this.#current.run(trace, work);
  }
}
