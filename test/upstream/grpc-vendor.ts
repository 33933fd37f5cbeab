import { once } from 'node:events';
import http2, { type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { frameMessage, readFrame } from '../../src/upstream/grpc-frame.ts';

type Received = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly message: string };

/** Answers a request that was read to its end, or does something worse. */
export type GrpcReply = (stream: ServerHttp2Stream, received: Received) => void;

/** A vendor over HTTP/2 that does as a test tells it, over real sockets. */
export type GrpcVendor = {
  readonly url: string;
  readonly received: Received[];
  readonly sessions: Set<ServerHttp2Session>;
  readonly connections: Set<Socket>;
  /** How many connections were ever accepted. */
  accepted: number;
  /** Streams that are open now, and the most that were open at a time. */
  open: number;
  mostOpen: number;
  reply: GrpcReply;
  /** Called for each new connection, before anything is read from it. */
  greet: (socket: Socket) => void;
  stop(): Promise<void>;
};

type GrpcVendorOptions = {
  readonly maxConcurrentStreams?: number;
  readonly tls?: http2.SecureServerOptions;
};

export async function startGrpcVendor({ maxConcurrentStreams, tls }: GrpcVendorOptions = {}): Promise<GrpcVendor> {
  const settings = maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams };
  const server = tls === undefined ? http2.createServer({ settings }) : http2.createSecureServer({ settings, ...tls });
  const vendor: GrpcVendor = {
    url: '',
    received: [],
    sessions: new Set(),
    connections: new Set(),
    accepted: 0,
    open: 0,
    mostOpen: 0,
    reply: grpcAnswer('pong'),
    greet: () => {},
    async stop() {
      if (!server.listening) return;
      server.close();
      for (const socket of vendor.connections) socket.destroy();
      await once(server, 'close');
    },
  };
  server.on('connection', (socket: Socket) => {
    vendor.accepted += 1;
    vendor.connections.add(socket);
    socket.once('close', () => vendor.connections.delete(socket));
    socket.on('error', () => {});
    vendor.greet(socket);
  });
  server.on('session', (session) => {
    vendor.sessions.add(session);
    session.once('close', () => vendor.sessions.delete(session));
    session.on('error', () => {});
  });
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    vendor.open += 1;
    vendor.mostOpen = Math.max(vendor.open, vendor.mostOpen);
    stream.once('close', () => {
      vendor.open -= 1;
    });
    stream.on('error', () => {});
    buffer(stream).then(
      (bytes) => {
        const frame = readFrame(bytes);
        const message = frame.kind === 'message' ? Buffer.from(frame.message).toString() : `(${frame.kind})`;
        const received = { path: headers[':path'] ?? '', headers, message };
        vendor.received.push(received);
        vendor.reply(stream, received);
      },
      () => {},
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return Object.assign(vendor, { url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}` });
}

const grpcType = { 'content-type': 'application/grpc' } as const;

/** A message and the status 0. */
export function grpcAnswer(text: string): GrpcReply {
  return grpcBytes(frameMessage(Buffer.from(text)), { 'grpc-status': '0' });
}

/** Any bytes as the body, and these trailers; without trailers the stream just ends. */
export function grpcBytes(
  bytes: Uint8Array,
  trailers: Readonly<Record<string, string>> | null,
  headers: Readonly<Record<string, string | number>> = {},
): GrpcReply {
  return (stream) => {
    stream.respond({ ':status': 200, ...grpcType, ...headers }, { waitForTrailers: trailers !== null });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers ?? {}));
    stream.end(bytes);
  };
}

/** An error as servers send it: headers alone. */
export function grpcError(
  code: number | string,
  message: string | null = null,
  more: Readonly<Record<string, string>> = {},
): GrpcReply {
  return (stream) => {
    const status = { 'grpc-status': String(code), ...(message === null ? {} : { 'grpc-message': message }) };
    stream.respond({ ':status': 200, ...grpcType, ...status, ...more }, { endStream: true });
  };
}

/** Never answers. */
export const grpcSilence: GrpcReply = () => {};

/** Resets the stream with a code of RFC 9113, section 7. */
export function resetStream(code: number): GrpcReply {
  return (stream) => stream.close(code);
}
