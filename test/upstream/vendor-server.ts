import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { Json } from '../../src/contract/domain/json.ts';

type Received = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

/** Answers a request that was read to its end, or does something worse. */
export type Reply = (response: ServerResponse, received: Received) => void;

/** A vendor that does as a test tells it, over real sockets. */
export type Vendor = {
  readonly url: string;
  readonly received: Received[];
  readonly connections: Set<Socket>;
  /** How many connections were ever accepted. */
  accepted: number;
  reply: Reply;
  /** Called for each new connection, before anything is read from it. */
  greet: (socket: Socket) => void;
  /** Stops listening and drops every connection; the URL is refused from then on. */
  stop(): Promise<void>;
};

export async function startVendor(reply: Reply = answer(200, {})): Promise<Vendor> {
  const received: Received[] = [];
  const connections = new Set<Socket>();
  const server = createServer(async (request, response) => {
    const { method = '', url: path = '', headers } = request;
    const whole = { method, path, headers, body: await text(request) };
    received.push(whole);
    vendor.reply(response, whole);
  });
  server.on('connection', (socket) => {
    vendor.accepted += 1;
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
    vendor.greet(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const vendor: Vendor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    connections,
    accepted: 0,
    reply,
    greet: () => {},
    async stop() {
      if (!server.listening) return;
      server.close();
      server.closeAllConnections();
      for (const socket of connections) socket.destroy();
      await once(server, 'close');
    },
  };
  return vendor;
}

/** A JSON answer, or text where the body is a string. */
export function answer(status: number, body: Json, headers: Readonly<Record<string, string>> = {}): Reply {
  return (response) => {
    const isText = typeof body === 'string';
    response.writeHead(status, { 'content-type': isText ? 'text/html' : 'application/json', ...headers });
    response.end(isText ? body : JSON.stringify(body));
  };
}

/** Never answers. */
export const silence: Reply = () => {};

/** Reads the request and hangs up without an answer. */
export const hangUp: Reply = (response) => {
  response.socket?.destroy();
};

/** Begins an answer of this status and hangs up within its body. */
export function cutShort(status: number): Reply {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': '1000' });
    response.write('{"runId":', () => response.socket?.destroy());
  };
}
