/** What a module of programs exports for the threads. */
export type ComputeModule = {
  /** Compiles a definition. What it gives is called with the input of each task, and settles with the task's text. */
  prepare(definition: unknown): (input: string) => string | Promise<string>;
};

/** From the pool to a thread. A thread has one task at a time. */
export type ThreadOrder =
  | { readonly kind: 'prepare'; readonly id: number; readonly module: string; readonly definition: unknown }
  | { readonly kind: 'run'; readonly id: number; readonly input: string };

/** From a thread to the pool, one for each order and one when it is ready; `cpuMs` is what the thread has used so far. */
export type ThreadReport =
  | { readonly kind: 'ready' | 'prepared'; readonly cpuMs: number }
  | { readonly kind: 'done'; readonly text: string; readonly cpuMs: number }
  | { readonly kind: 'failed'; readonly reason: string; readonly cpuMs: number };
