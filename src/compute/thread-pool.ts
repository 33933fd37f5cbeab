import { availableParallelism } from 'node:os';
import { PoolThread, type Program, type TaskResult, type ThreadOptions } from './pool-thread.ts';

export type TaskOptions = {
  /** Milliseconds of processor time that the task may take. */
  readonly timeMs: number;
  /** Whose task it is. Keys take turns, and none of them has all threads. */
  readonly key: object;
};

export type PoolOptions = ThreadOptions & { readonly maxThreads: number };

type Task = {
  readonly program: Program;
  readonly input: string;
  readonly options: TaskOptions;
  readonly settle: (result: TaskResult) => void;
};

let lastProgram = 0;

/** `module` is the URL of a file that exports `prepare`; see `ComputeModule`. */
export function createProgram(module: string, definition: unknown): Program {
  lastProgram += 1;
  return { id: lastProgram, module, definition };
}

/**
 * Runs programs in threads, so that the event loop goes on, and ends the thread of a task that takes too long or too
 * much memory. Threads are made when they are first needed. A task's time counts from when a thread begins it.
 */
export class ThreadPool {
  readonly #options: PoolOptions;
  /** In the order in which their keys have a turn. */
  readonly #tasksByKey = new Map<object, Task[]>();
  readonly #threads = new Set<PoolThread>();
  readonly #runningByKey = new Map<object, number>();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Never rejects. `input` is handed to the program as it is. */
  run(program: Program, input: string, options: TaskOptions): Promise<TaskResult> {
    return new Promise((settle) => {
      const task = { program, input, options, settle };
      const waiting = this.#tasksByKey.get(options.key);
      if (waiting === undefined) this.#tasksByKey.set(options.key, [task]);
      else waiting.push(task);
      this.#dispatch();
    });
  }

  #dispatch(): void {
    for (;;) {
      const thread = this.#idleThread();
      if (thread === null) return;
      const task = this.#take();
      if (task === null) return;
      void this.#carryOut(task, thread ?? this.#addThread());
    }
  }

  /** Null: all are busy. Undefined: another one may be made. */
  #idleThread(): PoolThread | null | undefined {
    for (const thread of this.#threads) if (!thread.isBusy) return thread;
    return this.#threads.size < this.#options.maxThreads ? undefined : null;
  }

  /** The next task of the key whose turn it is. A key never has all threads, so that a free one is soon found by others. */
  #take(): Task | null {
    const maxOfKey = Math.ceil(this.#options.maxThreads / 2);
    for (const [key, tasks] of this.#tasksByKey) {
      if ((this.#runningByKey.get(key) ?? 0) >= maxOfKey) continue;
      const task = tasks.shift();
      this.#tasksByKey.delete(key);
      if (tasks.length > 0) this.#tasksByKey.set(key, tasks);
      if (task !== undefined) return task;
    }
    return null;
  }

  async #carryOut(task: Task, thread: PoolThread): Promise<void> {
    const { key } = task.options;
    this.#runningByKey.set(key, (this.#runningByKey.get(key) ?? 0) + 1);
    const end = await thread.run(task.program, task.input, task.options.timeMs);
    const left = (this.#runningByKey.get(key) ?? 1) - 1;
    if (left === 0) this.#runningByKey.delete(key);
    else this.#runningByKey.set(key, left);
    task.settle(end);
    this.#dispatch();
    if (end.kind !== 'done') this.#replace(task.program);
  }

  /** A thread was ended: the next task need not wait until another one has come up. */
  #replace(program: Program): void {
    if (this.#threads.size >= this.#options.maxThreads) return;
    void this.#addThread()
      .warmUp(program)
      .then(() => this.#dispatch());
  }

  #addThread(): PoolThread {
    const thread = new PoolThread(this.#options, () => this.#threads.delete(thread));
    this.#threads.add(thread);
    return thread;
  }
}

/** Half of the processors, because the event loop and the store need theirs; two at least, so that one may hang. */
const maxThreads = Math.max(2, Math.min(8, Math.floor(availableParallelism() / 2)));

/** One for the process: the processors that it shares out are one set for the process too. */
export const computeThreads = new ThreadPool({ maxThreads, maxHeapMb: 256, idleMs: 60_000 });
