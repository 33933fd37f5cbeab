import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a program and its PostgreSQL, and can lose an answer on the way back. */
export type PostgresProxy = AsyncDisposable & {
  /** The URL by which the database is reached through it. */
  through(url: string): string;
  /** The next request that has this in it is carried out; its connection breaks before the answer arrives. */
  loseAnswerTo(text: string): Promise<void>;
};

export async function openPostgresProxy(port: number): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  let fatal: { readonly text: string; readonly lost: () => void } | null = null;
  const proxy = createServer((client) => {
    const server = connect(port, '127.0.0.1');
    let lost: (() => void) | null = null;
    client.on('data', (request) => {
      if (fatal !== null && request.includes(fatal.text)) {
        lost = fatal.lost;
        fatal = null;
      }
      server.write(request);
    });
    server.on('data', (answer) => {
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
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
      await once(proxy, 'close');
    },
  };
}
