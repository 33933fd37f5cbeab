import { PushArrivals } from './push-arrivals.ts';
import { derivePushKey, makePushToken, readPushToken } from './push-token.ts';

/** The pushes of one backend that go to a URL for each run: the URLs, how they are authenticated, and their arrivals. */
export class PushChannel {
  readonly #backend: string;
  readonly #publicUrl: string;
  readonly #key: Buffer;
  readonly arrivals = new PushArrivals();

  /** `secrets` are the backend's own. Throws `TypeError` when there are none. */
  constructor(backend: string, publicUrl: string, secrets: readonly string[]) {
    this.#backend = backend;
    this.#publicUrl = publicUrl.replace(/\/+$/, '');
    this.#key = derivePushKey(backend, secrets);
  }

  sinkFor(runId: string): { readonly url: string } {
    const token = makePushToken(this.#key, runId);
    return { url: `${this.#publicUrl}/push/${encodeURIComponent(this.#backend)}/${token}` };
  }

  /** The run that a push is for; null when the token is not ours. */
  read(token: string): string | null {
    const runId = readPushToken(this.#key, token);
    if (runId !== null) this.arrivals.noteArrival();
    return runId;
  }
}
