import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { WireHost, type WireHostDeps } from './wire-host.ts';

export type VendorServerDeps = Omit<WireHostDeps, 'refuses'>;

/** A client's pool keeps connections for longer than Node's 5 s, and a vendor that hangs up first is a fault by itself. */
export const serverOptions = { keepAliveTimeout: 65_000, noDelay: true };

/** A vendor as an HTTP server on this machine. */
export class VendorServer {
  readonly #host: WireHost;
  readonly #server: Server;
  readonly #address: string;
  #port: number;

  constructor(deps: VendorServerDeps, address: { readonly host: string; readonly port: number }) {
    this.#host = new WireHost({ ...deps, refuses: () => this.refuses });
    this.#address = address.host;
    this.#port = address.port;
    this.#server = createServer(serverOptions, (request, response) =>
      this.#host.answer(request, response, request.url ?? '/'),
    );
  }

  get origin(): string {
    return originOf(this.#address, this.#port);
  }

  async listen(): Promise<void> {
    this.#port = await listen(this.#server, this.#address, this.#port);
  }

  /** Refuses connections until {@link listen}; requests under way are answered. */
  refuse(): void {
    this.#server.close();
    this.#server.closeIdleConnections();
  }

  get refuses(): boolean {
    return !this.#server.listening;
  }

  async close(): Promise<void> {
    await closeServer(this.#server);
  }

  get inFlight(): number {
    return this.#host.inFlight;
  }
}

export function originOf(host: string, port: number): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Listens and returns the port; rejects when the port is taken. */
export async function listen(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, backlog: 4_096 }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  return (server.address() as AddressInfo).port;
}

/** Closes a server with all its connections; resolves even when it is not listening. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
