import { derivePushKey, makePushToken, readPushToken } from './push-token.ts';

/** After this many ends in a row without a push, polling takes over again. */
const maxUnpushedEnds = 3;

/** The pushes of one backend: their URLs, how they are authenticated, and whether they have arrived lately. */
export class PushChannel {
  readonly #backend: string;
  readonly #publicUrl: string;
  readonly #key: Buffer;
  /** Pushes are not expected before the first one has arrived. */
  #unpushedEnds = maxUnpushedEnds;

  /** `secrets` are the backend's own. Throws `TypeError` when there are none. */
  constructor(backend: string, publicUrl: string, secrets: readonly string[]) {
    this.#backend = backend;
    this.#publicUrl = publicUrl.replace(/\/+$/, '');
    this.#key = derivePushKey(backend, secrets);
  }

  /** Whether pushes arrive, judged by the newest ends. */
  get isAlive(): boolean {
    return this.#unpushedEnds < maxUnpushedEnds;
  }

  sinkFor(runId: string): { readonly url: string } {
    const token = makePushToken(this.#key, runId);
    return { url: `${this.#publicUrl}/push/${encodeURIComponent(this.#backend)}/${token}` };
  }

  /** The run that a push is for; null when the token is not ours. */
  read(token: string): string | null {
    const runId = readPushToken(this.#key, token);
    if (runId !== null) this.#unpushedEnds = 0;
    return runId;
  }

  /** Notes that a run with a sink of ours ended without a push. */
  noteUnpushedEnd(): void {
    this.#unpushedEnds += 1;
  }
}
