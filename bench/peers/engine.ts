import type { Child } from '../child.ts';

/** What a client learns of a run; `null` while it goes on. */
export type Ending = { readonly output: unknown } | { readonly error: string };

/** A run that a client has, as the engine wants to be asked for it. */
export type Handle = string;

/** A durable engine with the job on it, as processes that can be killed. */
export type Engine = {
  readonly name: string;
  /** Resolves when it takes runs. On the same address and data each time. */
  start(): Promise<void>;
  /** Ends all of its processes as a power cut of their machine would. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  /** Its processes, the one that keeps the data first; empty while it is killed. */
  readonly children: readonly Child[];
  /** Takes a run durably. Rejects when that is not known, and may be repeated then with the same key. */
  create(key: string, input: object): Promise<Handle>;
  /** Rejects when the engine does not answer. */
  look(handle: Handle): Promise<Ending | null>;
  /** Waits for the end in the engine's own way, in one call. */
  wait(handle: Handle): Promise<Ending>;
};

const patienceMs = 5000;

export type Answer = { readonly status: number; readonly body: unknown };

/** Rejects when nothing comes back in time. */
export async function call(
  method: 'GET' | 'POST',
  url: string,
  options: { readonly body?: object; readonly headers?: Record<string, string>; readonly patienceMs?: number } = {},
): Promise<Answer> {
  const response = await fetch(url, {
    method,
    headers: { ...(options.body && { 'content-type': 'application/json' }), ...options.headers },
    body: options.body === undefined ? null : JSON.stringify(options.body),
    signal: AbortSignal.timeout(options.patienceMs ?? patienceMs),
  });
  const text = await response.text();
  return { status: response.status, body: readJson(text) };
}

function readJson(text: string): unknown {
  try {
    return text === '' ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

export function refuse(url: string, { status, body }: Answer): never {
  throw new Error(`${url} answered ${status}: ${JSON.stringify(body)}`);
}
