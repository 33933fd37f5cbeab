import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a program and its PostgreSQL, and can lose an answer on the way back. */
export type PostgresProxy = AsyncDisposable & {
  /** The URL by which the database is reached through it. */
  through(url: string): string;
  /** The next request that has this in it is carried out; its connection breaks before the answer arrives. */
  loseAnswerTo(text: string): Promise<void>;
  /** Resolves when the answer to the next request that has this in it has come; the client gets it with `release`. */
  holdAnswerTo(text: string): Promise<{ release(): void }>;
  /** Resolves with the next request that has this in it. */
  seeRequest(text: string): Promise<void>;
};

export async function openPostgresProxy(port: number): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  let fatal: { readonly text: string; readonly lost: () => void } | null = null;
  let held: { readonly text: string; readonly arrived: (hold: { release(): void }) => void } | null = null;
  const awaited: { readonly text: string; readonly seen: () => void }[] = [];
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    let lost: (() => void) | null = null;
    let arrived: ((hold: { release(): void }) => void) | null = null;
    let withheld: (string | Buffer)[] | null = null;
    client.on('data', (request) => {
      if (fatal !== null && request.includes(fatal.text)) {
        lost = fatal.lost;
        fatal = null;
      }
      if (held !== null && request.includes(held.text)) {
        arrived = held.arrived;
        held = null;
      }
      for (const one of awaited.splice(0)) {
        if (request.includes(one.text)) one.seen();
        else awaited.push(one);
      }
      server.write(request);
    });
    server.on('data', (answer) => {
      if (arrived !== null) {
        const parts: (string | Buffer)[] = [];
        withheld = parts;
        arrived({
          release: () => {
            withheld = null;
            for (const part of parts) client.write(part);
          },
        });
        arrived = null;
      }
      if (withheld !== null) return void withheld.push(answer);
      if (lost === null) return void client.write(answer);
      client.destroy();
      lost();
    });
    for (const [socket, peer] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        peer.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  return {
    through: (url) => {
      const own = new URL(url);
      own.port = String((proxy.address() as AddressInfo).port);
      return own.href;
    },
    loseAnswerTo: (text) =>
      new Promise((lost) => {
        fatal = { text, lost };
      }),
    holdAnswerTo: (text) =>
      new Promise((arrived) => {
        held = { text, arrived };
      }),
    seeRequest: (text) => new Promise((seen) => void awaited.push({ text, seen })),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
