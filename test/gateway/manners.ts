import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import type { Json } from '../../src/contract/domain/json.ts';
import { readJson } from '../../src/json/exact-number.ts';

/** One request as a stand-in received it. */
export type Asked = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Json;
};

/** Answers one request, or does something worse. */
export type Answering = (response: ServerResponse, asked: Asked) => void;

type Manner = (response: ServerResponse, status: number, text: string) => void;

/** Different ways to send the same JSON in valid HTTP. */
const manners: readonly Manner[] = [
  (response, status, text) => {
    response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) });
    response.end(text);
  },
  // In many small chunks, cut anywhere, also within a character.
  (response, status, text) => {
    response.writeHead(status, { Server: 'stand-in/2', 'content-type': 'application/json; charset=utf-8' });
    const bytes = Buffer.from(text);
    const size = Math.ceil(bytes.length / 7);
    for (let at = 0; at < bytes.length; at += size) response.write(bytes.subarray(at, at + size));
    response.end();
  },
  // The head long before the body.
  (response, status, text) => {
    response.sendDate = false;
    response.writeHead(status, { 'Cache-Control': 'no-store', 'CONTENT-TYPE': 'application/json' });
    response.flushHeaders();
    setImmediate(() => setImmediate(() => response.end(text)));
  },
  // A server that keeps no connection.
  (response, status, text) => {
    response.writeHead(status, { Connection: 'close', 'Content-Type': 'text/json' });
    response.end(text);
  },
  // Made readable, with a byte order mark, and no word about its type.
  (response, status, text) => {
    response.writeHead(status, { 'X-Request-Id': 'r-1', 'Keep-Alive': 'timeout=30' });
    response.end(`\uFEFF${JSON.stringify(readJson(text), null, 2)}\r\n`);
  },
  // Members in another order.
  (response, status, text) => {
    response.writeHead(status, { Vary: 'Accept', 'Content-Type': 'application/problem+json' });
    response.end(JSON.stringify(turnAround(readJson(text))));
  },
];

export function speak(turn: number, response: ServerResponse, status: number, body: Json): void {
  manners[turn % manners.length]?.(response, status, JSON.stringify(body));
}

function turnAround(value: Json): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse());
}

/** One plain answer: JSON, or the text as it is. */
export function reply(status: number, body: Json, headers: Readonly<Record<string, string>> = {}): Answering {
  return (response) => {
    const type = typeof body === 'string' ? 'text/plain' : 'application/json';
    response.writeHead(status, { 'content-type': type, ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  };
}

/** The request is read and never answered. */
export const neverReply: Answering = () => {};

/** The request is read, and the connection goes. */
export const hangUp: Answering = (response) => void response.socket?.destroy();

/** The connection goes in the middle of the answer. */
export function breakOff(status: number): Answering {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': '400' });
    response.write('{"runId":"abc', () => response.socket?.destroy());
  };
}
