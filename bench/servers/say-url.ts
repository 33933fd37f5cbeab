import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens on a free loopback port, prints its URL for the parent process, and ends on a signal. */
export function sayUrl(server: Server): void {
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
    const { port } = server.address() as AddressInfo;
    process.stdout.write(`listens: http://127.0.0.1:${port}\n`);
  });
  process.once('SIGTERM', () => process.exit());
}
