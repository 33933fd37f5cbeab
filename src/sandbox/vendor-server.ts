import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json } from '../contract/domain/json.ts';
import { readJson } from '../json/exact-number.ts';
import { type Fault, type FaultOrders, type Operation, takesEffect, type Vendor } from './faults.ts';
import type { StartLog } from './start-log.ts';

export type Headers = IncomingMessage['headers'];

/** A vendor's answer; `fault` spoils it on its way out. */
export type Reply = {
  readonly status: number;
  readonly body: Json;
  readonly fault?: Fault | null;
  /** It is held back for so long, unless the call comes to have another answer before, which is not held. */
  readonly holdMs?: number;
};

/** What a request asks for. `handle` gets the parsed body, or undefined without one. */
export type Call = {
  readonly operation: Operation;
  handle(body: unknown, headers: Headers): Reply;
};

/** One vendor's wire: no sockets, no state. */
export type Wire = {
  readonly vendor: Vendor;
  /** Parts of the path, decoded; null where the vendor has no such path. */
  route(method: string, deps: readonly string[]): Call | null;
  /** An error body in the vendor's form. */
  encodeError(status: number, message: string, code?: string): Json;
};

const maxBodyBytes = 10 * 1024 * 1024;
/** A run's state is computed on request, so that a held answer is computed again and again. */
const holdStepMs = 10;

export type VendorServerDeps = { readonly wire: Wire; readonly startLog: StartLog; readonly faults: FaultOrders };

/** A vendor as an HTTP server on this machine. */
export class VendorServer {
  readonly #wire: Wire;
  readonly #startLog: StartLog;
  readonly #faults: FaultOrders;
  readonly #server: Server;
  readonly #host: string;
  #port: number;
  #inFlight = 0;

  constructor(deps: VendorServerDeps, address: { readonly host: string; readonly port: number }) {
    this.#wire = deps.wire;
    this.#startLog = deps.startLog;
    this.#faults = deps.faults;
    this.#host = address.host;
    this.#port = address.port;
    // A client's pool keeps connections for longer than Node's 5 s, and a vendor that hangs up first is a fault by itself.
    this.#server = createServer({ keepAliveTimeout: 65_000, noDelay: true }, (request, response) =>
      this.#answer(request, response),
    );
  }

  get origin(): string {
    return originOf(this.#host, this.#port);
  }

  async listen(): Promise<void> {
    this.#port = await listen(this.#server, this.#host, this.#port);
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
    return this.#inFlight;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.refuses) {
      request.socket.destroy();
      return;
    }
    const call = this.#route(request);
    const operation = call?.operation ?? 'other';
    this.#startLog.countRequest(this.#wire.vendor, operation);
    const fault = this.#faults.nextFor(this.#wire.vendor, operation);
    this.#inFlight += 1;
    response.on('close', () => {
      this.#inFlight -= 1;
    });
    if (fault?.kind === 'cut-before') {
      this.#startLog.countAnswer(this.#wire.vendor, fault.kind);
      request.socket.destroy();
      return;
    }
    readBody(request, (text) => {
      if (fault !== null && !takesEffect(fault)) return this.#spoil(fault, response);
      const reply = this.#handle(call, text, request.headers);
      const spoiling = fault ?? reply.fault ?? null;
      if (spoiling !== null) return this.#spoil(spoiling, response);
      if (reply.holdMs === undefined) this.#send(response, reply.status, JSON.stringify(reply.body));
      else this.#hold(response, reply.holdMs, () => this.#handle(call, text, request.headers));
    });
  }

  #hold(response: ServerResponse, holdMs: number, handle: () => Reply): void {
    const untilMs = performance.now() + holdMs;
    const timer = setInterval(() => {
      const { status, body, holdMs: stillMs } = handle();
      if (stillMs !== undefined && performance.now() < untilMs) return;
      clearInterval(timer);
      this.#send(response, status, JSON.stringify(body));
    }, holdStepMs);
    response.on('close', () => clearInterval(timer));
  }

  #route(request: IncomingMessage): Call | null {
    const path = request.url ?? '/';
    const query = path.indexOf('?');
    try {
      const deps = (query < 0 ? path : path.slice(0, query)).slice(1).split('/');
      return this.#wire.route(request.method ?? 'GET', path.includes('%') ? deps.map(decodeURIComponent) : deps);
    } catch {
      return null;
    }
  }

  #handle(call: Call | null, text: string | null, headers: Headers): Reply {
    if (call === null) return this.#fail(404, 'no such path');
    if (text === null) return this.#fail(413, 'the body is too large');
    if (text === '') return call.handle(undefined, headers);
    let body: unknown;
    try {
      body = readJson(text);
    } catch {
      return this.#fail(400, 'the body is not valid JSON');
    }
    return call.handle(body, headers);
  }

  #fail(status: number, message: string): Reply {
    return { status, body: this.#wire.encodeError(status, message) };
  }

  #spoil(fault: Fault, response: ServerResponse): void {
    if (fault.kind === 'status') {
      const status = fault.status ?? 500;
      const message = fault.message ?? `the sandbox answers ${status}, as ordered`;
      if (fault.page === true) this.#sendPage(response, status);
      else
        this.#send(
          response,
          status,
          JSON.stringify(this.#wire.encodeError(status, message, fault.code)),
          fault.retryAfterSeconds,
        );
    } else if (fault.kind === 'malformed') {
      this.#send(response, 200, '{"runId": "cut sh');
    } else if (fault.kind === 'wrong-shape') {
      this.#send(response, 200, '{"unexpected":[true]}');
    } else {
      this.#startLog.countAnswer(this.#wire.vendor, fault.kind);
      if (fault.kind !== 'hang') response.socket?.destroy();
    }
  }

  /** As a proxy in between would, which knows nothing of the vendor's form. */
  #sendPage(response: ServerResponse, status: number): void {
    this.#startLog.countAnswer(this.#wire.vendor, String(status));
    const page = `<html><body><h1>${status}</h1></body></html>`;
    response.writeHead(status, { 'content-type': 'text/html', 'content-length': page.length }).end(page);
  }

  #send(response: ServerResponse, status: number, text: string, retryAfterSeconds?: number): void {
    this.#startLog.countAnswer(this.#wire.vendor, String(status));
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    if (retryAfterSeconds !== undefined) headers['retry-after'] = retryAfterSeconds;
    if (this.refuses) headers.connection = 'close';
    if (status === 204) response.writeHead(status).end();
    else response.writeHead(status, headers).end(text);
  }
}

/** Reads the body as text; null when it is too large. Does not call back when the client disconnects. */
export function readBody(request: IncomingMessage, callback: (text: string | null) => void): void {
  if (request.method === 'GET') {
    request.resume();
    callback('');
    return;
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxBodyBytes) chunks.push(chunk);
  });
  request.on('end', () => callback(bytes > maxBodyBytes ? null : Buffer.concat(chunks).toString('utf8')));
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
