import { once } from 'node:events';
import { statSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';

/** How often the size of the log is looked at while there are writes. */
const intervalMs = 100;
/** After this time even a small log is copied, so that the next start has little to read. */
const maxAgeMs = 10_000;
/** Fewer commits than this in `maxAgeMs` are heartbeats, and the gateway is idle. */
const minBusyCommits = 100;
/** A gateway that just started needs its processor time for its runs, and not for a thread. */
const firstAfterMs = 2000;
/** A log of at least this size is worth a thread, and so are the commits of a busy gateway. */
const worthBytes = 4_194_304;
/** What an idle gateway writes waits for so long. It is its heartbeats, a megabyte at most. */
const maxIdleAgeMs = 600_000;
/** A thread is kept for so long, so that one is not started for each burst of runs. */
const minLifeMs = 60_000;

/** The worker has little to remember. */
const resourceLimits = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 32 } as const;

/** What the worker is started with. */
export type CheckpointWorkerData = { readonly file: string };

/** What the worker is asked for. */
export type CheckpointTask = 'copy if large' | 'copy' | 'copy and cut' | 'close';

const report = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done'), isCopied: z.boolean() }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
]);

/** A number of commits, and when the first of them was made. */
type Pending = { readonly commits: number; readonly sinceMs: number };

/**
 * Runs checkpoints in a worker thread, which lives while there is work for it: when the log is large, and otherwise now and
 * then. Copying it after every few commits would write pages again and again that the next commits change, and sync two files
 * each time. A failed checkpoint is logged and repeated. When the worker itself ends, `onLost` is called once.
 */
export class Checkpoints {
  readonly #file: string;
  readonly #log: Log;
  readonly #onLost: () => void;
  /** Null while there is too little to copy; a thread takes ten megabytes. */
  #worker: Worker | null = null;
  #startedMs = 0;
  /** Resolves when the last thread has ended. */
  #ended: Promise<unknown> = Promise.resolve();
  /** Of the log's file when that thread had nothing more to do. */
  #restBytes = 0;
  #timer: NodeJS.Timeout;
  /** Commits that are not copied yet. */
  #pending: Pending = { commits: 0, sinceMs: 0 };
  /** Those of them that the worker has been asked to copy; null: it has nothing to do. */
  #asked: Pending | null = null;
  #closing = false;

  constructor(options: { readonly file: string; readonly log: Log; readonly onLost: () => void }) {
    this.#file = options.file;
    this.#log = options.log;
    this.#onLost = options.onLost;
    this.#timer = setTimeout(() => {
      this.#timer = setInterval(() => this.#look(), intervalMs).unref();
    }, firstAfterMs);
    this.#timer.unref();
  }

  /** Notes that there is something to copy. */
  note(): void {
    const { commits, sinceMs } = this.#pending;
    this.#pending = { commits: commits + 1, sinceMs: commits === 0 ? performance.now() : sinceMs };
  }

  /** Resolves when the worker has ended. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#timer);
    this.#end();
    await this.#ended;
  }

  #end(): void {
    const worker = this.#worker;
    if (worker === null) return;
    this.#worker = null;
    worker.ref();
    worker.postMessage('close');
    this.#ended = once(worker, 'exit');
  }

  #look(): void {
    if (this.#pending.commits === 0 || this.#asked !== null) return;
    if (
      this.#worker === null &&
      !isWorthThread(this.#pending, performance.now(), () => this.#logBytes() - this.#restBytes)
    )
      return;
    this.#worker ??= this.#start();
    this.#request(this.#worker);
  }

  /** The file does not shrink when the log begins anew, only when it is cut. */
  #logBytes(): number {
    return statSync(`${this.#file}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  #start(): Worker {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), {
      workerData: { file: this.#file } satisfies CheckpointWorkerData,
      resourceLimits,
    });
    worker.on('message', (message: unknown) => this.#receive(message));
    worker.on('error', (error) => this.#log.warn({ err: error }, 'checkpoint worker failed'));
    worker.once('exit', () => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      clearTimeout(this.#timer);
      if (!this.#closing) this.#onLost();
    });
    // After adding the listeners: one for messages makes the worker keep the process alive again.
    worker.unref();
    this.#startedMs = performance.now();
    return worker;
  }

  #request(worker: Worker): void {
    worker.postMessage(taskFor(this.#pending, performance.now()));
    this.#asked = this.#pending;
    this.#pending = { commits: 0, sinceMs: 0 };
  }

  #receive(message: unknown): void {
    const parsed = report.parse(message);
    if (parsed.kind === 'failed') this.#log.warn({ reason: parsed.reason }, 'checkpoint failed; retrying');
    if (this.#asked !== null && !(parsed.kind === 'done' && parsed.isCopied)) {
      const commits = this.#asked.commits + this.#pending.commits;
      this.#pending = { commits, sinceMs: this.#asked.sinceMs };
    }
    const asked = this.#asked;
    this.#asked = null;
    if (asked === null || parsed.kind === 'failed' || !parsed.isCopied) return;
    const nowMs = performance.now();
    if (taskFor(asked, nowMs) !== 'copy and cut' || nowMs - this.#startedMs < minLifeMs) return;
    this.#restBytes = this.#logBytes();
    this.#end();
  }
}

/** Whether there is enough to copy to start a thread for it. `grownBytes`: of the log's file, since the last thread. */
export function isWorthThread({ commits, sinceMs }: Pending, nowMs: number, grownBytes: () => number): boolean {
  return commits >= minBusyCommits || nowMs - sinceMs >= maxIdleAgeMs || grownBytes() >= worthBytes;
}

/** Which checkpoint is due. */
export function taskFor({ commits, sinceMs }: Pending, nowMs: number): Exclude<CheckpointTask, 'close'> {
  if (nowMs - sinceMs < maxAgeMs) return 'copy if large';
  return commits < minBusyCommits ? 'copy and cut' : 'copy';
}
