import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { Log } from '../../contract/domain/log.ts';

const intervalMs = 100;
/** Starting a thread costs a tenth of a second of processor time, which a gateway that just started needs for its runs. */
const firstAfterMs = 2000;

const report = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
]);

/**
 * Runs checkpoints in a worker thread while there are writes. A failed checkpoint is logged and repeated. When the
 * worker itself ends, `onLost` is called once.
 */
export class Checkpoints {
  readonly #file: string;
  readonly #log: Log;
  readonly #onLost: () => void;
  #worker: Worker | null = null;
  #timer: NodeJS.Timeout;
  #written = false;
  #working = false;
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
    this.#written = true;
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
      workerData: { file: this.#file },
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
    if (!this.#written || this.#working) return;
    this.#written = false;
    this.#working = true;
    worker.postMessage('checkpoint');
  }

  #receive(message: unknown): void {
    this.#working = false;
    const parsed = report.parse(message);
    if (parsed.kind === 'done') return;
    this.#written = true;
    this.#log.warn({ reason: parsed.reason }, 'checkpoint failed; retrying');
  }
}
