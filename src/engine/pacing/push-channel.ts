import { derivePushKey, makePushToken, readPushToken } from './push-token.ts';

/** After this many ends in a row without a push, polling takes over again. */
const maxUnpushedEnds = 3;

/** A backend that calls us: where, how we know that it is meant, and whether it has been heard lately. */
export class Push {
  readonly #backend: string;
  readonly #publicUrl: string;
  readonly #key: Buffer;
  /** Nothing is trusted to arrive before something has. */
  #unpushedEnds = maxUnpushedEnds;

  /** `secrets` are the backend's own. Throws `TypeError` when there are none. */
  constructor(backend: string, publicUrl: string, secrets: readonly string[]) {
    this.#backend = backend;
    this.#publicUrl = publicUrl.replace(/\/+$/, '');
    this.#key = derivePushKey(backend, secrets);
  }

  /** Whether pushes arrive, as far as the newest ends tell. */
  get isAlive(): boolean {
    return this.#unpushedEnds < maxUnpushedEnds;
  }

  sinkFor(runId: string): { readonly url: string } {
    const token = makePushToken(this.#key, runId);
    return { url: `${this.#publicUrl}/push/${encodeURIComponent(this.#backend)}/${token}` };
  }

  /** The run that a push is for; null when the token is none of ours. */
  read(token: string): string | null {
    const runId = readPushToken(this.#key, token);
    if (runId !== null) this.#unpushedEnds = 0;
    return runId;
  }

  /** A run with a sink of ours ended, and no push had come for it. */
  noteUnpushedEnd(): void {
    this.#unpushedEnds += 1;
  }
}
