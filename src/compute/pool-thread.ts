import { Worker } from 'node:worker_threads';
import type { ThreadOrder, ThreadReport } from './thread-messages.ts';

/** Work that threads can be given: a module and what its `prepare` is called with, sent once to each thread. */
export type Program = { readonly id: number; readonly module: string; readonly definition: unknown };

/** `done`: the text that the program gave. The others end the thread, and nothing else. */
export type TaskResult =
  | { readonly kind: 'done'; readonly text: string }
  | { readonly kind: 'overdue' }
  | { readonly kind: 'exhausted' }
  | { readonly kind: 'failed'; readonly reason: string };

export type ThreadOptions = {
  /** Of the thread's heap. */
  readonly maxHeapMb: number;
  /** Having nothing to do for so long, the thread ends. */
  readonly idleMs: number;
};

/** For a thread to come up, and for a program to be compiled: config, not what a client sends. */
const patienceMs = 20_000;
/** How much longer than its time a task may take where the machine does not let the thread run. */
const maxStretch = 5;
/** A thread that has compiled so many programs, as of a config that was reloaded, is replaced. */
const maxPrograms = 2000;

/** One thread and its one task at a time. It is over after any end but `done`. */
export class PoolThread {
  readonly #worker: Worker;
  readonly #options: ThreadOptions;
  readonly #onGone: () => void;
  readonly #prepared = new Set<number>();
  #reports = Promise.withResolvers<ThreadReport | null>();
  #cpuMs = 0;
  #isReady = false;
  #isBusy = false;
  #isGone = false;
  #memoryEnded = false;
  #idle: NodeJS.Timeout | undefined;

  /** `onGone` is called when the thread takes no more tasks. */
  constructor(options: ThreadOptions, onGone: () => void) {
    this.#options = options;
    this.#onGone = onGone;
    this.#worker = new Worker(new URL('./thread.ts', import.meta.url), {
      // What the process was started with, such as modules to load first, is meant for its main thread.
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: options.maxHeapMb, maxYoungGenerationSizeMb: 12 },
    });
    this.#worker.unref();
    this.#worker.on('message', (report: ThreadReport) => {
      this.#cpuMs = report.cpuMs;
      this.#reports.resolve(report);
    });
    this.#worker.on('error', (error: Error & { code?: string }) => {
      this.#memoryEnded = error.code === 'ERR_WORKER_OUT_OF_MEMORY';
    });
    this.#worker.on('exit', () => {
      this.#isGone = true;
      this.#reports.resolve(null);
      this.#onGone();
    });
  }

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Never rejects. */
  async run(program: Program, input: string, timeMs: number): Promise<TaskResult> {
    this.#isBusy = true;
    clearTimeout(this.#idle);
    const result = await this.#run(program, input, timeMs);
    if (result.kind === 'done' && this.#prepared.size < maxPrograms) {
      this.#isBusy = false;
      this.#rest();
    } else this.#end();
    return result;
  }

  #rest(): void {
    this.#idle = setTimeout(() => this.#end(), this.#options.idleMs);
    this.#idle.unref();
  }

  #end(): void {
    void this.#worker.terminate();
    this.#onGone();
  }

  /** Gets ready for a program before there is a task of it. Resolves when a task can be taken; never rejects. */
  async warmUp(program: Program): Promise<void> {
    this.#isBusy = true;
    const failure = await this.#prepare(program);
    this.#isBusy = false;
    if (failure !== null) this.#end();
    else this.#rest();
  }

  async #prepare({ id, module, definition }: Program): Promise<TaskResult | null> {
    if (!this.#isReady) {
      const failure = failureOf(await this.#within(patienceMs));
      if (failure !== null) return failure;
      this.#isReady = true;
    }
    if (this.#prepared.has(id)) return null;
    this.#order({ kind: 'prepare', id, module, definition });
    const failure = failureOf(await this.#within(patienceMs));
    if (failure === null) this.#prepared.add(id);
    return failure;
  }

  async #run(program: Program, input: string, timeMs: number): Promise<TaskResult> {
    const failure = await this.#prepare(program);
    if (failure !== null) return failure;
    const { id } = program;
    this.#order({ kind: 'run', id, input });
    const report = await this.#within(timeMs);
    if (report === null)
      return this.#memoryEnded ? { kind: 'exhausted' } : { kind: 'failed', reason: 'the thread ended' };
    if (report === 'overdue') return { kind: 'overdue' };
    return report.kind === 'done' ? { kind: 'done', text: report.text } : { kind: 'failed', reason: reasonOf(report) };
  }

  #order(order: ThreadOrder): void {
    this.#reports = Promise.withResolvers();
    if (this.#isGone) this.#reports.resolve(null);
    else this.#worker.postMessage(order);
  }

  /** The next report. Null: the thread ended. `overdue`: it used up its time, of which that counts in which it ran. */
  async #within(timeMs: number): Promise<ThreadReport | null | 'overdue'> {
    const { promise: overdue, resolve } = Promise.withResolvers<'overdue'>();
    const before = this.#cpuMs;
    const last = performance.now() + timeMs * maxStretch;
    const check = () => {
      const leftMs = last - performance.now();
      if (leftMs <= 0) return resolve('overdue');
      timer = setTimeout(check, Math.min(timeMs, leftMs));
      // A thread in the middle of a long call of the engine itself does not answer; then the clock on the wall counts.
      this.#readCpuMs().then(
        (usedMs) => usedMs - before >= timeMs * 0.9 && resolve('overdue'),
        () => {},
      );
    };
    let timer = setTimeout(check, timeMs);
    try {
      return await Promise.race([this.#reports.promise, overdue]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #readCpuMs(): Promise<number> {
    // Node 24.0 to 24.5 cannot say.
    if (typeof this.#worker.cpuUsage !== 'function') return Number.POSITIVE_INFINITY;
    const { user, system } = await this.#worker.cpuUsage();
    return (user + system) / 1000;
  }
}

function failureOf(report: ThreadReport | null | 'overdue'): TaskResult | null {
  if (report === null) return { kind: 'failed', reason: 'the thread ended' };
  if (report === 'overdue') return { kind: 'failed', reason: 'the thread did not come up' };
  return report.kind === 'failed' ? { kind: 'failed', reason: report.reason } : null;
}

function reasonOf(report: ThreadReport): string {
  return report.kind === 'failed' ? report.reason : 'an unexpected report';
}
