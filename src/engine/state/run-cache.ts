import { LRUCache } from 'lru-cache';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';

/** Rough bytes that a cached run holds on to beside its payloads. */
const bytesPerRun = 1024;

/**
 * Reads runs, from memory where that is as new as the store. A run that is done never changes again but by removal, so
 * it is kept, within bounds.
 */
export class RunCache {
  readonly #store: Pick<Store, 'find' | 'shared'>;
  readonly #finished: LRUCache<string, Run>;

  #findLive: (runId: string) => Run | undefined = () => undefined;

  constructor(store: Pick<Store, 'find' | 'shared'>, bounds: { readonly maxRuns: number; readonly maxBytes: number }) {
    this.#store = store;
    this.#finished = new LRUCache({ max: bounds.maxRuns, maxSize: bounds.maxBytes, sizeCalculation: sizeOf });
  }

  /** Whoever drives a run knows it as it was written last. Not asked where other processes write runs too. */
  onFindLive(findLive: (runId: string) => Run | undefined): void {
    if (!this.#store.shared) this.#findLive = findLive;
  }

  /**
   * The run as it is, where memory has it. Another tenant's run takes the way of one that is nowhere, so that the time of
   * the answer tells nothing either.
   */
  peek({ tenant, runId }: RunKey): Run | undefined {
    const run = this.#finished.get(runId) ?? this.#findLive(runId);
    return run?.tenant === tenant ? run : undefined;
  }

  /** The run as it is; null when there is none, or it is another tenant's. */
  async find(key: RunKey): Promise<Run | null> {
    const recalled = this.peek(key);
    if (recalled !== undefined) return recalled;
    const run = await this.#store.find(key);
    if (run !== null) this.keep(run);
    return run;
  }

  keep(run: Run): void {
    if (run.phase === 'done') this.#finished.set(run.runId, run);
  }

  forget(runId: string): void {
    this.#finished.delete(runId);
  }

  /** The runs of a thread that was removed with them. */
  forgetThread(threadId: string): void {
    for (const [runId, run] of this.#finished.entries()) if (run.threadId === threadId) this.#finished.delete(runId);
  }

  forgetAll(): void {
    this.#finished.clear();
  }
}

function sizeOf(run: Run): number {
  return bytesPerRun + 2 * (JSON.stringify(run.request).length + JSON.stringify(run.outcome).length);
}
