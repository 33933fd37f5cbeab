import { connect, type Socket } from 'node:net';
import { anonymous } from '../../src/access/principals.ts';
import { StreamTickets } from '../../src/access/stream-tickets.ts';
import type { Log } from '../../src/contract/domain/log.ts';
import { type App, type AppLimits, type AppOptions, createApp } from '../../src/http/app.ts';
import { type ListenOptions, listen } from '../../src/http/server.ts';
import { RequestScope } from '../../src/observability/request-scope.ts';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { noExceptions } from '../../src/upstream/ssrf-address.ts';
import { ScriptedApi, until } from '../protocols/scripted-api.ts';
import { HeldTickets } from './held-tickets.ts';

export type LogLine = {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
};

/** The app on a real port, with the protocol at the root and under its prefix. */
export type Site = AsyncDisposable & {
  readonly url: string;
  readonly app: App;
  readonly api: ScriptedApi;
  readonly lines: readonly LogLine[];
  fetch(path: string, init?: RequestInit): Promise<Response>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** Sends bytes as they are; the answer's bytes gather in `text`. */
  raw(request: string): Promise<Raw>;
  close(graceMs: number): Promise<void>;
};

export type Raw = { readonly socket: Socket; readonly text: () => string; readonly ended: Promise<string> };

export const protocol = createAcpV01({ unknownFields: 'reject', maxBlockSeconds: 3600 });

/** What a site has that its test does not speak of. */
const appOptions = {
  heartbeatMs: 60_000,
  readiness: [],
  backends: () => [],
  authenticate: () => anonymous,
  isProtected: false,
  agents: [],
  defaultAgent: null,
  usage: null,
  adminFor: null,
  isDraining: () => false,
  exceptions: noExceptions,
  callsWebhooks: true,
  pushed: async () => false,
  hosts: [],
  publicUrl: null,
  issuer: null,
  origins: [],
  metrics: { count: () => {}, observe: () => {} },
  scope: new RequestScope(),
  renderMetrics: null,
} as const satisfies Partial<AppOptions>;

const appLimits: AppLimits = {
  maxBodyBytes: 10_000,
  maxJsonDepth: 100,
  maxMetadataBytes: 65_536,
  maxListBytes: 8_388_608,
  maxAnswerBytes: 1_048_576,
  maxUnsentBytes: 67_108_864,
  maxUnsentBytesTotal: 134_217_728,
  maxArrivingBytes: 67_108_864,
  maxArrivingBytesTotal: 134_217_728,
  maxStreams: 10_000,
  slowReaderMs: 60_000,
};

/** Where and how the servers of tests listen: a free port of this machine. */
export const listenOptions: ListenOptions = {
  host: '127.0.0.1',
  port: 0,
  maxConnections: 10_000,
  maxHeaderBytes: 16_384,
  slowRequestMs: 30_000,
  onFull: () => {},
};

export type SiteOptions = Partial<Omit<AppOptions, 'limits'>> & { readonly limits?: Partial<AppLimits> };

export async function openSite({ limits = {}, ...changes }: SiteOptions = {}): Promise<Site> {
  const api = new ScriptedApi();
  const lines: LogLine[] = [];
  const app = createApp({
    mounts: [
      { protocol, prefix: '' },
      { protocol, prefix: protocol.prefix },
    ],
    api,
    log: recordTo(lines),
    tickets: new StreamTickets({ store: new HeldTickets(), auth: null }),
    pushedForAccount: () => Promise.resolve(false),
    ...appOptions,
    ...changes,
    limits: { ...appLimits, ...limits },
  });
  const server = await listen(app, listenOptions);
  const send = (path: string, init?: RequestInit) => fetch(`${server.url}${path}`, init);
  return {
    url: server.url,
    app,
    api,
    lines,
    fetch: send,
    post: (path, body, headers = {}) =>
      send(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    raw: (request) => sendRaw(new URL(server.url), request),
    close: (graceMs) => server.close(graceMs),
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

function recordTo(lines: LogLine[]): Log {
  const write = (level: string) => (fields: Readonly<Record<string, unknown>>, message: string) => {
    lines.push({ level, message, fields });
  };
  const log: Log = {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => log,
  };
  return log;
}

async function sendRaw({ hostname, port }: URL, request: string): Promise<Raw> {
  const socket = connect(Number(port), hostname);
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk;
  });
  // A connection that the server resets has ended all the same.
  socket.on('error', () => {});
  const ended = new Promise<string>((resolve) => socket.once('close', () => resolve(text)));
  socket.write(request);
  await until(() => text.includes('\r\n\r\n') || socket.closed);
  return { socket, text: () => text, ended };
}

/** The body of a raw answer without the lengths that HTTP/1.1 puts between its chunks. */
export function dechunk(answer: string): string {
  let rest = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  let body = '';
  for (let head = /^([0-9a-f]+)\r\n/.exec(rest); head !== null; head = /^([0-9a-f]+)\r\n/.exec(rest)) {
    const length = Number.parseInt(head[1] ?? '0', 16);
    body += rest.slice(head[0].length, head[0].length + length);
    rest = rest.slice(head[0].length + length + 2);
  }
  // Chunks are measured in bytes, and one may end within a character.
  return Buffer.from(body, 'latin1').toString();
}
