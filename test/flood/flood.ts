import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type Calls = {
  readonly count: number;
  /** What failed, in the words of the first few. */
  readonly failed: readonly string[];
  readonly p50Ms: number;
  readonly p99Ms: number;
};

/** How the server ended connections, and how many: by a status, or without one. */
class Refusals {
  readonly #counts = new Map<string, number>();

  /** Counts the end of a connection, unless `isOver` says then that it was ours. */
  watch(socket: Socket, isOver: () => boolean): void {
    let said = '';
    socket.on('data', (chunk: Buffer) => {
      said ||= /^HTTP\/1\.1 (\d+)/.exec(chunk.toString('latin1'))?.[1] ?? 'no HTTP';
    });
    socket.once('close', () => {
      if (isOver()) return;
      const words = said === '' ? 'closed without a word' : said;
      this.#counts.set(words, (this.#counts.get(words) ?? 0) + 1);
    });
  }

  describe(): string {
    const all = [...this.#counts]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([words, count]) => `${words}: ${count}`);
    return all.length === 0 ? 'none' : all.join(', ');
  }
}

/** Connections that are opened and say nothing, each opened anew when the server has had enough of it. */
export class IdleConnections {
  readonly #port: number;
  readonly refused = new Refusals();
  readonly #sockets = new Set<Socket>();
  #over = false;

  constructor(port: number) {
    this.#port = port;
  }

  get open(): number {
    return this.#sockets.size;
  }

  /** Resolves when all of them are open. */
  async start(count: number): Promise<void> {
    // In steps: a burst of thousands would measure the kernel's queue.
    while (this.#sockets.size < count) {
      await Promise.all(Array.from({ length: Math.min(250, count - this.#sockets.size) }, () => this.#open()));
    }
  }

  stop(): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async #open(): Promise<void> {
    const socket = await openOne(this.#port);
    this.#sockets.add(socket);
    this.refused.watch(socket, () => this.#over);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      if (this.#over) return;
      this.#open().catch(() => {});
    });
  }
}

/** Requests whose bodies come a byte at a time, each begun anew when the server has had enough of it. */
export class SlowWriters {
  readonly #port: number;
  readonly refused = new Refusals();
  readonly #sockets = new Set<Socket>();
  #over = false;

  constructor(port: number) {
    this.#port = port;
  }

  get open(): number {
    return this.#sockets.size;
  }

  start(count: number): void {
    for (let at = 0; at < count; at += 1) void this.#write(at);
  }

  stop(): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  async #write(at: number): Promise<void> {
    while (!this.#over) {
      const socket = await openOne(this.#port);
      this.#sockets.add(socket);
      this.refused.watch(socket, () => this.#over);
      // Half of them are slow with their heads, half with their bodies.
      const head =
        'POST /runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n';
      socket.write(at % 2 === 0 ? head : `${head}\r\n{"input":"`);
      while (!socket.destroyed && !this.#over) {
        socket.write(at % 2 === 0 ? 'X-' : 'x');
        await delay(500);
      }
      this.#sockets.delete(socket);
    }
  }
}

/** Creates and reads runs, one after the other in each of a few parallel loops, for a given time. */
export async function measureCalls(url: string, lanes: number, forMs: number): Promise<Calls> {
  const tookMs: number[] = [];
  const failed: string[] = [];
  const untilMs = performance.now() + forMs;
  const call = async (path: string, init: RequestInit): Promise<string> => {
    const startedMs = performance.now();
    try {
      const answer = await fetch(url + path, { ...init, signal: AbortSignal.timeout(10_000) });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
      tookMs.push(performance.now() - startedMs);
      return text;
    } catch (error) {
      failed.push(error instanceof Error ? error.message : 'unknown');
      return '';
    }
  };
  const body = JSON.stringify({ agent_id: 'echo', input: { hello: 'world' } });
  const create = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
  const run = async (): Promise<void> => {
    while (performance.now() < untilMs) {
      const id = /"run_id":"([^"]+)"/.exec(await call('/runs', create))?.[1];
      if (id !== undefined) await call(`/runs/${id}`, {});
      await delay(10);
    }
  };
  await Promise.all(Array.from({ length: lanes }, run));
  tookMs.sort((a, b) => a - b);
  const at = (share: number): number => tookMs[Math.floor(tookMs.length * share)] ?? Number.NaN;
  return { count: tookMs.length, failed, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function openOne(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket));
    socket
      .on('error', reject)
      .resume()
      .on('end', () => socket.destroy());
  });
}
