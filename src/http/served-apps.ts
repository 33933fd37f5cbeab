import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { App } from './app.ts';

/** An app with what it has not finished. */
type Served = {
  readonly app: App;
  /** Requests and sockets. */
  open: number;
  /** Called when one of them is over; one function for all, because a request is too frequent for one of its own. */
  readonly close: () => void;
};

/** Answers each request by the app of the config in force. An earlier app finishes what it has begun. */
export class ServedApps implements App {
  #current: Served;
  /** Those that have something open, and the current one. */
  readonly #served = new Set<Served>();
  #drainRetryMs: number | null = null;

  constructor(first: App) {
    this.#current = this.#serve(first);
  }

  /** Answers by another app from the next request on. */
  replace(next: App): void {
    const last = this.#current;
    this.#current = this.#serve(next);
    if (last.open === 0) this.#served.delete(last);
    if (this.#drainRetryMs !== null) next.drain(this.#drainRetryMs);
  }

  get openStreams(): number {
    return [...this.#served].reduce((sum, { app }) => sum + app.openStreams, 0);
  }

  readonly handle = (request: IncomingMessage, response: ServerResponse): void => {
    this.#hold(response).handle(request, response);
  };

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.#hold(socket).upgrade(request, socket, head);
  }

  drain(retryMs: number): void {
    this.#drainRetryMs = retryMs;
    for (const { app } of this.#served) app.drain(retryMs);
  }

  #serve(app: App): Served {
    const served: Served = {
      app,
      open: 0,
      close: () => {
        served.open -= 1;
        if (served.open === 0 && served !== this.#current) this.#served.delete(served);
      },
    };
    this.#served.add(served);
    return served;
  }

  /** The current app, which counts as serving until the answer or the socket is closed. */
  #hold(until: ServerResponse | Duplex): App {
    const { app, close } = this.#current;
    this.#current.open += 1;
    // Node says it once.
    until.on('close', close);
    return app;
  }
}
