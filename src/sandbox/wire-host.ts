import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Json } from '../contract/domain/json.ts';
import { readJson } from '../json/exact-number.ts';
import { type Fault, type FaultOrders, type Operation, takesEffect, type Vendor } from './faults.ts';
import type { StartLog } from './start-log.ts';

export type Headers = IncomingMessage['headers'];

/** A vendor's answer; `fault` spoils it on its way out. */
export type Reply = {
  readonly status: number;
  readonly body: Json;
  /** Sent in place of the body, as a stream of server-sent events that ends with the last of them. */
  readonly events?: readonly Json[];
  readonly fault?: Fault | null;
  /** It is held back for so long, unless the call comes to have another answer before, which is not held. */
  readonly holdMs?: number;
};

/** What a request asks for. `handle` gets the parsed body, or undefined without one. */
export type Call = {
  readonly operation: Operation;
  handle(body: unknown, headers: Headers): Reply;
};

/** The query with its `?`, as sent, and the headers. */
export type Routed = { readonly query: string; readonly headers: Headers };

/** One vendor's wire: no sockets, no state. */
export type Wire = {
  readonly vendor: Vendor;
  /** Parts of the path, decoded; null where the vendor has no such path. */
  route(method: string, deps: readonly string[], more: Routed): Call | null;
  /** An error body in the vendor's form. */
  encodeError(status: number, message: string, code?: string): Json;
};

const maxBodyBytes = 10 * 1024 * 1024;
/** A run's state is computed on request, so that a held answer is computed again and again. */
const holdStepMs = 10;

export type WireHostDeps = {
  readonly wire: Wire;
  readonly startLog: StartLog;
  readonly faults: FaultOrders;
  /** Whether the vendor takes no requests now. */
  readonly refuses: () => boolean;
};

/** Answers requests to one vendor: finds the call, spoils it where that is ordered, and counts. */
export class WireHost {
  readonly #deps: WireHostDeps;
  readonly #wire: Wire;
  readonly #startLog: StartLog;
  readonly #faults: FaultOrders;
  #inFlight = 0;

  constructor(deps: WireHostDeps) {
    this.#deps = deps;
    this.#wire = deps.wire;
    this.#startLog = deps.startLog;
    this.#faults = deps.faults;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** `path` is that of the request, or what is left of it below the vendor's name. */
  answer(request: IncomingMessage, response: ServerResponse, path: string): void {
    if (this.#deps.refuses()) {
      request.socket.destroy();
      return;
    }
    const call = this.#route(request.method ?? 'GET', path, request.headers);
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
      if (reply.events !== undefined) this.#stream(response, reply.status, reply.events);
      else if (reply.holdMs === undefined) this.#send(response, reply.status, JSON.stringify(reply.body));
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

  #route(method: string, path: string, headers: Headers): Call | null {
    const end = path.indexOf('?');
    try {
      const deps = (end < 0 ? path : path.slice(0, end)).slice(1).split('/');
      const query = end < 0 ? '' : path.slice(end);
      return this.#wire.route(method, path.includes('%') ? deps.map(decodeURIComponent) : deps, { query, headers });
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

  #stream(response: ServerResponse, status: number, events: readonly Json[]): void {
    this.#startLog.countAnswer(this.#wire.vendor, String(status));
    response.writeHead(status, { 'content-type': 'text/event-stream' });
    response.end(events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(''));
  }

  #send(response: ServerResponse, status: number, text: string, retryAfterSeconds?: number): void {
    this.#startLog.countAnswer(this.#wire.vendor, String(status));
    const headers: Record<string, string | number> = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
    };
    if (retryAfterSeconds !== undefined) headers['retry-after'] = retryAfterSeconds;
    if (this.#deps.refuses()) headers.connection = 'close';
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
