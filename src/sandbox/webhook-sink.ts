import { type ClientRequest, request } from 'node:http';
import type { JsonObject } from '../contract/domain/json.ts';
import type { RunTable, SandboxRun } from './run-table.ts';
import type { View } from './script.ts';
import type { StartLog } from './start-log.ts';

const attempts = 4;
const firstRetryMs = 100;
const timeoutMs = 5_000;
// setTimeout fires at once for longer delays.
const maxTimerMs = 2 ** 31 - 1;

/** Posts the results of runs to this machine when they end. Only these runs of the sandbox need a timer. */
export class WebhookSink {
  readonly #runs: RunTable;
  readonly #startLog: StartLog;
  readonly #closed = new AbortController();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** What posts the end of a run that is watched. */
  readonly #posts = new WeakMap<SandboxRun, () => void>();

  constructor(runs: RunTable, startLog: StartLog) {
    this.#runs = runs;
    this.#startLog = startLog;
  }

  /**
   * Posts what `encode` makes of the run's end, unless it is null. A run that does not end by itself posts nothing before
   * {@link settle}.
   */
  watch(
    run: SandboxRun,
    url: string,
    headers: Readonly<Record<string, string>>,
    encode: (view: View) => JsonObject | null,
  ): void {
    this.#posts.set(run, () => {
      const body = encode(this.#runs.view(run));
      if (body !== null) void this.#deliver(url, headers, JSON.stringify(body), 1);
    });
    this.#wait(run);
  }

  /** Posts the end of a run that was ended by a call. */
  settle(run: SandboxRun): void {
    const { kind } = this.#runs.view(run);
    if (kind === 'queued' || kind === 'running') return;
    this.#posts.get(run)?.();
    this.#posts.delete(run);
  }

  #wait(run: SandboxRun): void {
    const leftMs = run.script.endsAtMs(run) - this.#runs.nowMs;
    if (!Number.isFinite(leftMs)) return;
    this.#after(Math.min(leftMs, maxTimerMs), () => {
      this.settle(run);
      if (this.#posts.has(run)) this.#wait(run);
    });
  }

  close(): void {
    this.#closed.abort();
    this.forget();
  }

  /** Drops what is not yet under way. */
  forget(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  async #deliver(url: string, headers: Readonly<Record<string, string>>, body: string, attempt: number): Promise<void> {
    if (await post(url, headers, body, this.#closed.signal)) return this.#startLog.countWebhook(true);
    if (this.#closed.signal.aborted) return;
    if (attempt >= attempts) return this.#startLog.countWebhook(false);
    this.#after(firstRetryMs * 2 ** (attempt - 1), () => void this.#deliver(url, headers, body, attempt + 1));
  }

  #after(delayMs: number, callback: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      callback();
    }, delayMs);
    timer.unref();
    this.#timers.add(timer);
  }
}

/** Whether a URL names this machine: a client's sink must not make the sandbox call other machines. */
export function isLoopback(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return (
    protocol === 'http:' && (/^127(\.\d{1,3}){3}$/.test(hostname) || hostname === '[::1]' || hostname === 'localhost')
  );
}

/** Whether the receiver accepted it, with any 2xx. */
function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const own = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    let call: ClientRequest;
    try {
      call = request(url, { method: 'POST', headers: { ...headers, ...own }, signal, timeout: timeoutMs });
    } catch {
      // Header names and values come from clients; Node throws for those that HTTP cannot carry.
      return resolve(false);
    }
    call.on('response', (response) => {
      response.resume();
      const { statusCode = 0 } = response;
      resolve(statusCode >= 200 && statusCode < 300);
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(false));
    call.on('close', () => resolve(false));
    call.end(body);
  });
}
