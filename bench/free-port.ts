import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A loopback port that is free now, for a program that has to be told its port, or that keeps it when it restarts. */
export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export async function findFreePorts(count: number): Promise<readonly number[]> {
  return await Promise.all(Array.from({ length: count }, findFreePort));
}
