/**
 * Both vendors of the siege in a process of their own. What a run does is decided by the `api` (Intuned) or the agent
 * (Restack) that it was started with; the normal ones end after as long as their input says and give back its number.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { answerCommands } from './companion.ts';

type Run = {
  readonly id: string;
  readonly api: string;
  readonly n: unknown;
  readonly startedMs: number;
  readonly takesMs: number;
  looks: number;
  hasEvent: boolean;
};

const runs = new Map<string, Run>();
/** Starts by project and number. */
const starts = new Map<string, number>();
const maxRuns = 50_000;
let made = 0;

const mebibytes = (count: number, letter: string): string => letter.repeat(count * 1024 * 1024);
/** Nine of ten bytes that are allowed. */
const bigText = Buffer.from(`"${mebibytes(9, 'b')}"`);
const shownText = Buffer.from(`"${mebibytes(1, 's')}"`);
const essay = mebibytes(3, 'e');

/** An answer; `around` stands in place of the text LARGE in its body, so that it is not copied. */
type Said = {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly around?: Buffer;
};

const placeholder = '"LARGE"';
const notFound: Said = { status: 404, body: { message: 'no such run' } };

function send(response: ServerResponse, { status, body, headers, around }: Said): void {
  const written = JSON.stringify(body);
  const type = { 'content-type': 'application/json', ...headers };
  if (around === undefined) {
    response.writeHead(status, type).end(written);
    return;
  }
  const [head = '', tail = ''] = written.split(placeholder);
  response.writeHead(status, { ...type, 'content-length': head.length + around.length + tail.length });
  response.write(head);
  response.write(around);
  response.end(tail);
}

function start(project: string, api: string, input: Record<string, unknown>): Run {
  made += 1;
  const { n = null, ms = 0 } = input;
  const run: Run = {
    id: `run-${made}`,
    api,
    n,
    startedMs: performance.now(),
    takesMs: Number(ms),
    looks: 0,
    hasEvent: false,
  };
  runs.set(run.id, run);
  const key = `${project}/${JSON.stringify(n).slice(0, 100)}`;
  starts.set(key, (starts.get(key) ?? 0) + 1);
  if (runs.size > maxRuns) runs.delete(runs.keys().next().value ?? '');
  return run;
}

/** Null: the connection is cut instead. */
async function takeIntuned(request: IncomingMessage, parts: readonly string[]): Promise<Said | null> {
  const key = request.headers['x-api-key'];
  if (key === 'cutter') return null;
  if (key === 'limited') return { status: 429, body: { message: 'too many' }, headers: { 'retry-after': '3000' } };
  const [project = '', , what = '', part] = parts;
  if (request.method === 'POST' && what === 'start') {
    const body = JSON.parse(await text(request)) as { api: string; parameters: Record<string, unknown> };
    if (body.api === 'essay-refusal') return { status: 400, body: { message: essay } };
    return { status: 201, body: { runId: start(project, body.api, body.parameters).id, status: 'pending' } };
  }
  const run = part === 'result' ? runs.get(what) : undefined;
  if (run === undefined) return notFound;
  run.looks += 1;
  return lookAtIntuned(run);
}

function lookAtIntuned(run: Run): Said {
  const runId = run.id;
  const [kind = '', status = '', ...rest] = run.api.split(' ');
  const ok = (body: object): Said => ({ status: 200, body: { runId, ...body } });
  const later = (seconds: string): Said['headers'] & object => ({ 'retry-after': seconds });
  switch (kind) {
    case 'odd':
      return { status: Number(status), body: { message: 'odd' }, headers: later(rest.join(' ')) };
    case 'limited-once':
      if (run.looks === 1) return { status: 429, body: { message: 'slow down' }, headers: later('86400') };
      return ok({ status: 'completed', result: { n: run.n } });
    case 'poison':
      return ok({ status: 'completed', result: { s: `${'a'.repeat(31)}!`, n: run.n } });
    case 'big':
      return { ...ok({ status: 'completed', result: { text: 'LARGE' } }), around: bigText };
    case 'essay-error':
      return ok({ status: 'failed', error: { code: essay, message: essay } });
    case 'essay-list':
      return ok({ status: 'failed', error: [essay, { message: essay }] });
    case 'essay-status':
      return ok({ status: essay });
    default:
      if (performance.now() - run.startedMs < run.takesMs) return ok({ status: 'started' });
      return ok({ status: 'completed', result: { n: run.n } });
  }
}

async function takeRestack(request: IncomingMessage, parts: readonly string[]): Promise<Said> {
  const [name = '', ...ids] = parts;
  if (request.method === 'POST') {
    const { input } = JSON.parse(await text(request)) as { input: Record<string, unknown> };
    const run = start('desk', name, input);
    return { status: 200, body: { agentId: `agent-${run.id}`, runId: run.id, status: 'running' } };
  }
  const run = runs.get(ids.at(-1) ?? '');
  if (run === undefined) return notFound;
  if (request.method === 'PUT') {
    run.hasEvent = true;
    return { status: 200, body: {} };
  }
  run.looks += 1;
  const ok = (status: string, output: unknown): Said => ({
    status: 200,
    body: { agentId: `agent-${run.id}`, runId: run.id, agentName: name, status, output },
  });
  const isOver = name === 'asker' ? run.hasEvent : performance.now() - run.startedMs >= run.takesMs;
  if (isOver) return ok('completed', { n: run.n });
  if (name === 'asker') return ok('running', { interrupt: { interrupt_type: 'approval', question: 'go on?' } });
  if (name === 'shower') return { ...ok('running', { look: run.looks, shown: 'LARGE' }), around: shownText };
  return ok('running', null);
}

const server = createServer(async (request, response) => {
  const [, first, ...parts] = (request.url ?? '').split('/').map(decodeURIComponent);
  try {
    const said = await answerTo(request, first ?? '', parts);
    if (said === null) request.socket.destroy();
    else send(response, said);
  } catch (error) {
    if (!response.headersSent) send(response, { status: 500, body: { message: String(error) } });
  }
});
// A client that is cut off is part of the siege.
server.on('clientError', (_, socket) => socket.destroy());
server.keepAliveTimeout = 60_000;

async function answerTo(request: IncomingMessage, first: string, parts: readonly string[]): Promise<Said | null> {
  if (first === 'starts') return { status: 200, body: { starts: startsOf(parts[0] ?? '') } };
  return parts[0] === 'agents'
    ? await takeRestack(request, parts.slice(1))
    : await takeIntuned(request, parts.slice(4));
}

function startsOf(project: string): number {
  return [...starts].reduce((sum, [key, count]) => (key.startsWith(`${project}/`) ? sum + count : sum), 0);
}

answerCommands({
  listen: async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  },
  /** Numbers of the others' runs that were started more than once. */
  startedTwice: () => [...starts].filter(([key, count]) => /\/"calm-/.test(key) && count > 1).map(([key]) => key),
});
