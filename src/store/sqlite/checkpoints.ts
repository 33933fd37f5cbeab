import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { z } from 'zod';
import type { Log } from '../../contract/log.ts';

const intervalMs = 100;

const report = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('done') }),
  z.object({ kind: z.literal('failed'), reason: z.string() }),
]);

/**
 * Runs checkpoints in a worker thread while there are writes. A checkpoint that fails is only logged; without a worker
 * `onLost` is called once, and nothing else is harmed.
 */
export class Checkpoints {
  readonly #worker: Worker;
  readonly #log: Log;
  readonly #timer: NodeJS.Timeout;
  #written = false;
  #working = false;
  #exited = false;
  #closing = false;

  constructor(options: { readonly file: string; readonly log: Log; readonly onLost: () => void }) {
    this.#log = options.log;
    this.#worker = new Worker(new URL('./checkpoint-worker.ts', import.meta.url), {
      workerData: { file: options.file },
    });
    this.#worker.on('message', (message: unknown) => this.#receive(message));
    this.#worker.on('error', (error) => this.#log.warn({ err: error }, 'the checkpoint worker failed'));
    this.#worker.once('exit', () => {
      this.#exited = true;
      clearInterval(this.#timer);
      if (!this.#closing) options.onLost();
    });
    // After the listeners: one for messages makes the worker keep the process alive again.
    this.#worker.unref();
    this.#timer = setInterval(() => this.#request(), intervalMs);
    this.#timer.unref();
  }

  /** Says that there is something to copy. */
  note(): void {
    this.#written = true;
  }

  /** Resolves when the worker has ended. */
  async close(): Promise<void> {
    this.#closing = true;
    clearInterval(this.#timer);
    if (this.#exited) return;
    this.#worker.ref();
    this.#worker.postMessage('close');
    await once(this.#worker, 'exit');
  }

  #request(): void {
    if (!this.#written || this.#working) return;
    this.#written = false;
    this.#working = true;
    this.#worker.postMessage('checkpoint');
  }

  #receive(message: unknown): void {
    this.#working = false;
    const parsed = report.parse(message);
    if (parsed.kind === 'done') return;
    this.#written = true;
    this.#log.warn({ reason: parsed.reason }, 'a checkpoint failed; it is tried again');
  }
}
