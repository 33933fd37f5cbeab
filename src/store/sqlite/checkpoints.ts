import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';

/** How often the size of the log is looked at while there are writes. */
const intervalMs = 100;
/** After this time even a small log is copied, so that the next start has little to read. */
const maxAgeMs = 10_000;
/** Fewer commits than this in `maxAgeMs` are heartbeats, and the gateway is idle. */
const minBusyCommits = 100;
/** Starting a thread costs a tenth of a second of processor time, which a gateway that just started needs for its runs. */
const firstAfterMs = 2000;

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
 * Runs checkpoints in a worker thread: when the log is large, and otherwise now and then. Copying it after every few commits
 * would write pages again and again that the next commits change, and sync two files each time. A failed checkpoint is
 * logged and repeated. When the worker itself ends, `onLost` is called once.
 */
export class Checkpoints {
  readonly #file: string;
  readonly #log: Log;
  readonly #onLost: () => void;
  #worker: Worker | null = null;
  #timer: NodeJS.Timeout;
  /** Commits that are not copied yet. */
  #pending: Pending = { commits: 0, sinceMs: 0 };
  /** Those of them that the worker has been asked to copy; null: it has nothing to do. */
  #asked: Pending | null = null;
  #exited = false;
  #closing = false;

  constructor(options: { readonly file: string; readonly log: Log; readonly onLost: () => void }) {
    this.#file = options.file;
    this.#log = options.log;
    this.#onLost = options.onLost;
    this.#timer = setTimeout(() => this.#start(), firstAfterMs);
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
    if (this.#worker === null || this.#exited) return;
    this.#worker.ref();
    this.#worker.postMessage('close');
    await once(this.#worker, 'exit');
  }

  #start(): void {
    const worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), {
      workerData: { file: this.#file } satisfies CheckpointWorkerData,
      resourceLimits,
    });
    worker.on('message', (message: unknown) => this.#receive(message));
    worker.on('error', (error) => this.#log.warn({ err: error }, 'checkpoint worker failed'));
    worker.once('exit', () => {
      this.#exited = true;
      clearTimeout(this.#timer);
      if (!this.#closing) this.#onLost();
    });
    // After adding the listeners: one for messages makes the worker keep the process alive again.
    worker.unref();
    this.#worker = worker;
    this.#timer = setInterval(() => this.#request(worker), intervalMs);
    this.#timer.unref();
  }

  #request(worker: Worker): void {
    if (this.#pending.commits === 0 || this.#asked !== null) return;
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
    this.#asked = null;
  }
}

/** Which checkpoint is due. */
export function taskFor({ commits, sinceMs }: Pending, nowMs: number): Exclude<CheckpointTask, 'close'> {
  if (nowMs - sinceMs < maxAgeMs) return 'copy if large';
  return commits < minBusyCommits ? 'copy and cut' : 'copy';
}
