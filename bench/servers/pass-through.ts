// The least that a gateway can do: node:http and undici's cheapest call, the body unread, nothing kept.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Pool } from 'undici';
import { sayUrl } from './say-url.ts';

const vendor = new URL(process.argv[2] ?? '');
const pool = new Pool(vendor.origin, { connections: 128, pipelining: 1 });

function forward({ method, url = '/', headers }: IncomingMessage, chunks: readonly Buffer[], response: ServerResponse) {
  const { 'x-api-key': key = '', 'content-type': type = 'application/json' } = headers;
  pool.dispatch(
    {
      path: url,
      method: method === 'GET' ? 'GET' : 'POST',
      headers: { 'x-api-key': key, 'content-type': type },
      body: chunks.length === 0 ? null : chunks.length === 1 ? (chunks[0] ?? null) : Buffer.concat(chunks),
    },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, answered) {
        response.writeHead(status, {
          'content-type': String(answered['content-type']),
          'content-length': String(answered['content-length']),
        });
      },
      onResponseData: (_controller, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError: () => void response.destroy(),
    },
  );
}

const server = createServer({ keepAliveTimeout: 75_000, noDelay: true }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => forward(request, chunks, response));
});
sayUrl(server);
