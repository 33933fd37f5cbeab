import { PushArrivals } from './push-arrivals.ts';
import { derivePushKey, makePushToken, readPushToken } from './push-token.ts';

/** Credentials are renewed long before so many of them are in use. */
const maxFormerKeys = 8;

/** The pushes of one backend that go to a URL for each run: the URLs, how they are authenticated, and their arrivals. */
export class PushChannel {
  readonly #backend: string;
  readonly #publicUrl: string;
  readonly #key: Buffer;
  /** Of the credentials that the backend had before: runs were started with tokens of them. */
  readonly #formerKeys: readonly Buffer[];
  readonly arrivals = new PushArrivals();

  /** `secrets` are the backend's own; `before` is its channel of an earlier config. Throws `TypeError` when there are none. */
  constructor(
    backend: string,
    options: {
      readonly publicUrl: string;
      readonly secrets: readonly string[];
      readonly before?: PushChannel | null | undefined;
    },
  ) {
    const { publicUrl, secrets, before } = options;
    this.#backend = backend;
    this.#publicUrl = publicUrl.replace(/\/+$/, '');
    const key = derivePushKey(backend, secrets);
    this.#key = key;
    const former = before === null || before === undefined ? [] : [before.#key, ...before.#formerKeys];
    this.#formerKeys = former.filter((each) => !each.equals(key)).slice(0, maxFormerKeys);
  }

  sinkFor(runId: string): { readonly url: string } {
    const token = makePushToken(this.#key, runId);
    return { url: `${this.#publicUrl}/push/${encodeURIComponent(this.#backend)}/${token}` };
  }

  /** The run that a push is for; null when the token is not ours. */
  read(token: string): string | null {
    const keys = [this.#key, ...this.#formerKeys];
    const runId = keys.map((key) => readPushToken(key, token)).find((each) => each !== null) ?? null;
    if (runId !== null) this.arrivals.noteArrival();
    return runId;
  }
}
