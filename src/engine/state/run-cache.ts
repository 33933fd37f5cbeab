import { LRUCache } from 'lru-cache';
import type { Run, RunKey } from '../../contract/domain/run.ts';
import type { Store } from '../../contract/store/store.ts';
import { measureJson } from '../../json/measure-json.ts';

/** Rough bytes that a cached run takes in addition to its payloads, and that a value and a character of those take. */
const bytesPerRun = 1024;
const bytesPerValue = 40;
const bytesPerChar = 2;
const measured = { maxNodes: 20_000, maxChars: Number.POSITIVE_INFINITY };
/** No cache is as large. */
const tooLarge = Number.MAX_SAFE_INTEGER;

type FindLive = (runId: string) => Run | undefined;

/**
 * Reads runs, from memory where that is as new as the store. A run that is done never changes again except by removal, so
 * it is kept, within bounds.
 */
export class RunCache {
  readonly #store: Pick<Store, 'find' | 'shared'>;
  readonly #finished: LRUCache<string, Run>;
  readonly #findLive: FindLive;

  /** `findLive` gives a live run as its loop wrote it last. It is not asked where other processes write runs too. */
  constructor(
    store: Pick<Store, 'find' | 'shared'>,
    bounds: { readonly maxRuns: number; readonly maxBytes: number },
    findLive: FindLive,
  ) {
    this.#store = store;
    this.#finished = new LRUCache({ max: bounds.maxRuns, maxSize: bounds.maxBytes, sizeCalculation: sizeOf });
    this.#findLive = store.shared ? () => undefined : findLive;
  }

  /**
   * The run as it is, where memory has it. Another tenant's run is not found, like one that does not exist, so that the
   * time of the answer does not reveal it either.
   */
  peek({ tenant, runId }: RunKey): Run | undefined {
    const run = this.#finished.get(runId) ?? this.#findLive(runId);
    return run?.tenant === tenant ? run : undefined;
  }

  /** The run as it is; null when there is none, or it is another tenant's. Rejects with `StorageFault`. */
  async find(key: RunKey): Promise<Run | null> {
    const cached = this.peek(key);
    if (cached !== undefined) return cached;
    const run = await this.#store.find(key);
    if (run === null) return run;
    // Of what many readers got at the same time, one copy is kept: a large output is in memory once.
    const known = this.peek(key);
    if (known?.version === run.version) return known;
    this.keep(run);
    return run;
  }

  keep(run: Run): void {
    if (run.phase === 'done') this.#finished.set(run.runId, run);
  }

  delete(runId: string): void {
    this.#finished.delete(runId);
  }

  /** Drops the runs of a thread that was removed with them. */
  deleteThread(threadId: string): void {
    for (const [runId, run] of this.#finished.entries()) if (run.threadId === threadId) this.#finished.delete(runId);
  }

  clear(): void {
    this.#finished.clear();
  }
}

/** Takes no longer than some thousand values need; a run with more of them is read from the store each time. */
function sizeOf({ request, outcome }: Run): number {
  const size = measureJson([request, outcome], measured);
  return size === null ? tooLarge : bytesPerRun + size.nodes * bytesPerValue + size.chars * bytesPerChar;
}
