import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { z } from 'zod';
import { type FaultOrder, type FileVendor, faultOrder } from './faults.ts';
import type { RunNote } from './start-log.ts';
import { closeServer, listen, originOf } from './vendor-server.ts';
import { readBody } from './wire-host.ts';

type StartsFilter = { readonly atLeast: number; readonly offset: number; readonly limit: number };

export type SandboxStats = {
  /** By vendor and kind; a vendor by file that was not asked is left out. */
  readonly requests: Readonly<Record<'intuned' | 'restack', Readonly<Record<string, number>>>> &
    Readonly<Partial<Record<FileVendor, Readonly<Record<string, number>>>>>;
  /** By vendor and HTTP status, or the way the answer was spoiled: `intuned 200`, `restack hang`. */
  readonly answers: Readonly<Record<string, number>>;
  /** Accepted starts, with and without a key. */
  readonly starts: number;
  readonly keys: number;
  readonly keysStartedTwice: number;
  /** Keys that were forgotten because there were too many; unless it is 0, counts by key are incomplete. */
  readonly keysDropped: number;
  readonly webhooks: { readonly delivered: number; readonly failed: number };
  readonly liveRuns: number;
  readonly heldRuns: number;
  readonly inFlight: number;
};

/** The control API of a sandbox, the same over HTTP and within the process. */
export type SandboxControl = {
  /** Accepted starts by key. */
  starts(filter?: Partial<StartsFilter>): ReadonlyMap<string, number>;
  runs(key: string): readonly RunNote[];
  stats(): SandboxStats;
  /** The next requests that match are spoiled. */
  orderFault(order: FaultOrder): Promise<void>;
  faults(): readonly FaultOrder[];
  clearFaults(): Promise<void>;
  /** Zeroes every count and clears the faults; forgets the runs too unless `keepRuns` is set. */
  reset(options?: { readonly keepRuns?: boolean }): Promise<void>;
};

const startsQuery = z.object({
  atLeast: z.coerce.number().int().positive().optional(),
  offset: z.coerce.number().int().nonnegative().optional(),
  limit: z.coerce.number().int().positive().optional(),
});
const resetBody = z.strictObject({ keepRuns: z.boolean().optional() }).prefault({});

type Answer = { readonly status: number; readonly body: unknown };
export type ControlServer = { readonly url: string; close(): Promise<void> };

/** Serves a sandbox's control API below `/control`. */
export async function serveControl(control: SandboxControl, host: string, port: number): Promise<ControlServer> {
  const server = createServer((request, response) => {
    readBody(request, (text) => {
      answer(control, request, text ?? '').then(
        (reply) => send(response, reply),
        (error: unknown) => send(response, refuse(error)),
      );
    });
  });
  const bound = await listen(server, host, port);
  return { url: `${originOf(host, bound)}/control`, close: () => closeServer(server) };
}

async function answer(control: SandboxControl, request: IncomingMessage, text: string): Promise<Answer> {
  const url = new URL(request.url ?? '/', 'http://sandbox');
  const row = `${request.method} ${url.pathname}`;
  const key = /^GET \/control\/runs\/([^/]+)$/.exec(row)?.[1];
  if (key !== undefined) return { status: 200, body: control.runs(decodeURIComponent(key)) };
  switch (row) {
    case 'GET /control/starts': {
      const filter = startsQuery.parse(Object.fromEntries(url.searchParams));
      return { status: 200, body: Object.fromEntries(control.starts(filter)) };
    }
    case 'GET /control/stats':
      return { status: 200, body: control.stats() };
    case 'GET /control/faults':
      return { status: 200, body: control.faults() };
    case 'POST /control/faults':
      await control.orderFault(faultOrder.parse(JSON.parse(text)));
      return { status: 200, body: control.faults() };
    case 'DELETE /control/faults':
      await control.clearFaults();
      return { status: 200, body: [] };
    case 'POST /control/reset':
      await control.reset(resetBody.parse(text === '' ? undefined : JSON.parse(text)));
      return { status: 200, body: control.stats() };
    default:
      return { status: 404, body: { error: `no such path: ${row}` } };
  }
}

function refuse(error: unknown): Answer {
  const wrong = error instanceof z.ZodError || error instanceof SyntaxError || error instanceof URIError;
  return {
    status: wrong ? 400 : 500,
    body: { error: error instanceof z.ZodError ? z.prettifyError(error) : String(error) },
  };
}

function send(response: ServerResponse, { status, body }: Answer): void {
  const text = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
  response.writeHead(status, headers).end(text);
}
