import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { App } from './app.ts';

/** Answers each request by the app of the config in force. An earlier app finishes what it has begun. */
export class ServedApps implements App {
  #current: App;
  /** Requests and sockets that an app has not finished. */
  readonly #open = new Map<App, number>();
  #drainRetryMs: number | null = null;

  constructor(first: App) {
    this.#current = first;
  }

  /** Answers by another app from the next request on. */
  replace(next: App): void {
    this.#current = next;
    if (this.#drainRetryMs !== null) next.drain(this.#drainRetryMs);
  }

  get openStreams(): number {
    return [...this.#apps()].reduce((sum, app) => sum + app.openStreams, 0);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#hold(this.#current, response);
    this.#current.handle(request, response);
  };

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#hold(this.#current, socket);
    this.#current.upgrade(request, socket, head);
  }

  drain(retryMs: number): void {
    this.#drainRetryMs = retryMs;
    for (const app of this.#apps()) app.drain(retryMs);
  }

  #apps(): ReadonlySet<App> {
    return new Set([this.#current, ...this.#open.keys()]);
  }

  #hold(app: App, until: ServerResponse | Duplex): void {
    this.#open.set(app, (this.#open.get(app) ?? 0) + 1);
    until.once('close', () => {
      const left = (this.#open.get(app) ?? 1) - 1;
      if (left === 0) this.#open.delete(app);
      else this.#open.set(app, left);
    });
  }
}
