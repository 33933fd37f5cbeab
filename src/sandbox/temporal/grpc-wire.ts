import {
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { JsonObject } from '../../contract/domain/json.ts';
import { temporalSchema } from '../../contract/wire/temporal.ts';
import { decodeMessage, encodeMessage } from '../../json/protobuf.ts';
import type { CallDesk, Outcome } from './call-desk.ts';
import { codes, TemporalError } from './temporal-error.ts';

const service = '/temporal.api.workflowservice.v1.WorkflowService/';
const grpcType = { 'content-type': 'application/grpc' } as const;
const frameHead = 5;
const maxMessageBytes = 4 * 1024 * 1024;

/** Temporal's frontend over gRPC: HTTP/2 without TLS. */
export function createGrpcServer(desk: CallDesk): Http2Server {
  const server = createServer();
  // A client that cuts a connection is no fault of this server.
  server.on('sessionError', () => {});
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    stream.on('error', () => {});
    const abort = new AbortController();
    stream.once('close', () => abort.abort());
    readFramed(stream, (framed) => {
      void answer(desk, stream, { headers, framed, signal: abort.signal });
    });
  });
  return server;
}

type Arrived = {
  readonly headers: IncomingHttpHeaders;
  /** Null: it is too large. */
  readonly framed: Buffer | null;
  readonly signal: AbortSignal;
};

async function answer(desk: CallDesk, stream: ServerHttp2Stream, { headers, framed, signal }: Arrived): Promise<void> {
  const path = headers[':path'] ?? '';
  const method = path.startsWith(service) ? path.slice(service.length) : '';
  const message = framed === null ? null : decode(method, framed);
  if (message instanceof TemporalError || message === null) {
    sendError(stream, message ?? new TemporalError(codes.resourceExhausted, 'grpc: received message larger than max'));
    return;
  }
  const { authorization } = headers;
  const outcome = await desk.take({ method, message, authorization, signal });
  if (!stream.destroyed) send(stream, method, outcome);
}

function decode(method: string, framed: Buffer): JsonObject | TemporalError {
  const name = `${method}Request`;
  if (!Object.hasOwn(temporalSchema.messages, name))
    return new TemporalError(codes.unimplemented, `unknown method ${method} for service WorkflowService`);
  try {
    return decodeMessage(temporalSchema, name, framed.subarray(frameHead));
  } catch (error) {
    return new TemporalError(codes.internal, `grpc: error unmarshalling request: ${String(error)}`);
  }
}

function send(stream: ServerHttp2Stream, method: string, outcome: Outcome): void {
  if (outcome.kind === 'error') sendError(stream, outcome.error, outcome.retryAfterMs);
  else if (outcome.kind === 'spoiled') spoil(stream, outcome.fault.kind);
  else if (outcome.fault?.kind === 'cut-after') cut(stream);
  else {
    if (outcome.fault?.kind === 'goaway') stream.session?.goaway(constants.NGHTTP2_NO_ERROR, stream.id ?? 0);
    const isBroken = outcome.fault?.kind === 'malformed';
    const message = isBroken ? Buffer.from([0xff]) : encodeMessage(temporalSchema, `${method}Response`, outcome.body);
    respond(stream, frame(message), { 'grpc-status': '0' });
  }
}

function spoil(stream: ServerHttp2Stream, kind: string): void {
  if (kind === 'refuse-stream') stream.close(constants.NGHTTP2_REFUSED_STREAM);
  else if (kind !== 'hang') cut(stream);
}

function cut(stream: ServerHttp2Stream): void {
  stream.session?.destroy();
}

function sendError(stream: ServerHttp2Stream, { code, message, detail }: TemporalError, retryAfterMs?: number): void {
  const details =
    detail === null ? [] : [{ typeUrl: typeUrlOf(detail.type), value: encodeDetail(detail.type, detail.value) }];
  const status = encodeMessage(temporalSchema, 'Status', { code, message, details });
  const head = {
    ':status': 200,
    ...grpcType,
    'grpc-status': String(code),
    'grpc-message': encodeURIComponent(message),
    'grpc-status-details-bin': Buffer.from(status).toString('base64'),
    ...(retryAfterMs === undefined ? {} : { 'grpc-retry-pushback-ms': String(retryAfterMs) }),
  };
  stream.respond(head, { endStream: true });
}

export function typeUrlOf(type: string): string {
  return `type.googleapis.com/temporal.api.errordetails.v1.${type}`;
}

function encodeDetail(type: string, value: JsonObject): string {
  return Buffer.from(encodeMessage(temporalSchema, type, value)).toString('base64');
}

function respond(stream: ServerHttp2Stream, body: Uint8Array, trailers: Readonly<Record<string, string>>): void {
  stream.respond({ ':status': 200, ...grpcType }, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers(trailers));
  stream.end(body);
}

function frame(message: Uint8Array): Uint8Array {
  const head = Buffer.alloc(frameHead);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

function readFramed(stream: ServerHttp2Stream, callback: (framed: Buffer | null) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= maxMessageBytes) chunks.push(chunk);
  });
  stream.on('end', () => callback(bytes > maxMessageBytes ? null : Buffer.concat(chunks)));
}
