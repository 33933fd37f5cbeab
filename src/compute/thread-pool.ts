import { availableParallelism } from 'node:os';
import { PoolThread, type Program, type TaskResult, type ThreadOptions } from './pool-thread.ts';

export type TaskOptions = {
  /** Milliseconds of processor time that the task may take. */
  readonly timeMs: number;
  /** Whose task it is. Keys take turns, and none of them has all threads. */
  readonly key: object;
};

export type PoolOptions = ThreadOptions & {
  readonly maxThreads: number;
  /** Heap of the one thread for tasks that are large, or need more than the others have. */
  readonly largeHeapMb: number;
};

type Task = {
  readonly program: Program;
  readonly input: string;
  readonly options: TaskOptions;
  readonly isLarge: boolean;
  readonly settle: (result: TaskResult) => void;
};

/** What a large task has left in its thread is given back soon. */
const largeIdleMs = 1000;
/** Characters of an input that makes a task a large one. */
const largeInput = 1_048_576;

let lastProgram = 0;

/** `module` is the URL of a file that exports `prepare`; see `ComputeModule`. */
export function createProgram(module: string, definition: unknown): Program {
  lastProgram += 1;
  return { id: lastProgram, module, definition };
}

/**
 * Runs programs in threads, so that the event loop goes on, and ends the thread of a task that takes too long or too
 * much memory. Threads are made when they are first needed. A task's time counts from when a thread begins it.
 *
 * Threads have small heaps, so that all of them together have a small one. A large task, and one that a small heap was not
 * enough for, runs in a thread that has more, one at a time.
 */
export class ThreadPool {
  readonly #options: PoolOptions;
  /** In the order in which their keys have a turn. */
  readonly #tasksByKey = new Map<object, Task[]>();
  readonly #threads = new Set<PoolThread>();
  #largeThread: PoolThread | null = null;
  readonly #runningByKey = new Map<object, number>();

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Never rejects. `input` is handed to the program as it is. */
  run(program: Program, input: string, options: TaskOptions): Promise<TaskResult> {
    return new Promise((settle) => {
      const task = { program, input, options, settle, isLarge: input.length > largeInput };
      const waiting = this.#tasksByKey.get(options.key);
      if (waiting === undefined) this.#tasksByKey.set(options.key, [task]);
      else waiting.push(task);
      this.#dispatch();
    });
  }

  #dispatch(): void {
    if (this.#largeThread?.isBusy !== true) {
      const large = this.#take(true);
      if (large !== null) void this.#carryOut(large, this.#largeThread ?? this.#addLargeThread());
    }
    this.#dispatchSmall();
  }

  #dispatchSmall(): void {
    for (;;) {
      const thread = this.#idleThread();
      if (thread === null) return;
      const task = this.#take(false);
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
  #take(isLarge: boolean): Task | null {
    const maxOfKey = Math.ceil(this.#options.maxThreads / 2);
    for (const [key, tasks] of this.#tasksByKey) {
      if (!isLarge && (this.#runningByKey.get(key) ?? 0) >= maxOfKey) continue;
      const at = tasks.findIndex((task) => task.isLarge === isLarge);
      const [task] = at < 0 ? [] : tasks.splice(at, 1);
      if (task === undefined) continue;
      this.#tasksByKey.delete(key);
      if (tasks.length > 0) this.#tasksByKey.set(key, tasks);
      return task;
    }
    return null;
  }

  async #carryOut(task: Task, thread: PoolThread): Promise<void> {
    const { key } = task.options;
    if (!task.isLarge) this.#count(key, 1);
    const end = await thread.run(task.program, task.input, task.options.timeMs);
    if (!task.isLarge) this.#count(key, -1);
    if (end.kind === 'exhausted' && !task.isLarge) {
      this.#tasksByKey.set(key, [{ ...task, isLarge: true }, ...(this.#tasksByKey.get(key) ?? [])]);
    } else task.settle(end);
    this.#dispatch();
    if (end.kind !== 'done' && !task.isLarge) this.#replace(task.program);
  }

  #count(key: object, difference: 1 | -1): void {
    const running = (this.#runningByKey.get(key) ?? 0) + difference;
    if (running === 0) this.#runningByKey.delete(key);
    else this.#runningByKey.set(key, running);
  }

  /** A thread was ended: the next task need not wait until another one has come up. */
  #replace(program: Program): void {
    if (this.#threads.size >= this.#options.maxThreads) return;
    void this.#addThread()
      .warmUp(program)
      .then(() => this.#dispatch());
  }

  #addLargeThread(): PoolThread {
    const { largeHeapMb: maxHeapMb } = this.#options;
    const thread = new PoolThread({ maxHeapMb, idleMs: largeIdleMs }, () => {
      if (this.#largeThread === thread) this.#largeThread = null;
    });
    this.#largeThread = thread;
    return thread;
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
export const computeThreads = new ThreadPool({ maxThreads, maxHeapMb: 64, largeHeapMb: 256, idleMs: 60_000 });
