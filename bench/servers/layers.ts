// A create cut down to what it cannot do without: each layer does all that the ones before it do, and one thing more.
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { Router } from '@koa/router';
import Koa from 'koa';
import { koaBody } from 'koa-body';
import { Pool } from 'undici';
import { v7 as uuidV7 } from 'uuid';
import { z } from 'zod';
import type { Run } from '../../src/contract/domain/run.ts';
import { createAcpV01 } from '../../src/protocols/acp-v01/protocol.ts';
import { openStore } from '../../src/store/open.ts';
import { silentLog } from '../../test/store/runs.ts';
import { makeRun } from '../growth/template-run.ts';
import { layerNames } from '../layer-names.ts';
import { startPath } from '../measures/create.ts';
import { vendorHeaders } from '../vendor.ts';
import { sayUrl } from './say-url.ts';

const { layer, vendorUrl, storeUrl, answered } = z
  .object({
    layer: z.enum(layerNames),
    vendorUrl: z.string(),
    storeUrl: z.string(),
    /** What the gateway answers a create with. */
    answered: z.object({ headers: z.record(z.string(), z.string()), body: z.string() }),
  })
  .parse(JSON.parse(process.argv[2] ?? ''));
const does = (name: (typeof layerNames)[number]): boolean => layerNames.indexOf(layer) >= layerNames.indexOf(name);

const vendor = new URL(vendorUrl);
const pool = new Pool(vendor.origin, { connections: 128, pipelining: 1 });
const started = z.object({ runId: z.string() });
const store = does('insert') ? await openStore(storeUrl, { log: silentLog }) : null;
const { operations } = createAcpV01({ unknownFields: 'reject', maxBlockSeconds: 3600 });
const schema = operations.find(({ id }) => id === 'create_run')?.body ?? z.never();

/** The run of a request, inserted and then started as far as the layer goes. */
async function create(body: unknown): Promise<void> {
  if (does('schema')) schema.parse(body);
  if (store === null) return;
  const [draft, events] = makeRun(uuidV7(), 0, false);
  const run: Run = { ...draft, phase: 'starting' };
  await store.insert(run, events);
  if (does('vendor')) void start(run);
}

async function start(run: Run): Promise<void> {
  const body = JSON.stringify({ api: 'echo', parameters: run.request.input });
  const response = await pool.request({ method: 'POST', path: startPath, headers: vendorHeaders, body });
  const upstream = started.parse(await response.body.json());
  if (!does('record')) return;
  const atMs = Date.now();
  const { runId, version } = run;
  await store?.update({
    run: { ...run, phase: 'running', upstream, lastSeq: 2, version: version + 1, startedAtMs: atMs, updatedAtMs: atMs },
    expectedVersion: version,
    expectedOwner: run.owner ?? undefined,
    events: [{ runId, seq: 2, atMs, status: 'pending', change: { kind: 'phase', phase: 'running' } }],
    upstreamKey: upstream.runId,
  });
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function answerWithNode(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString());
    response.writeHead(200, { ...answered.headers, 'content-length': Buffer.byteLength(answered.body) });
    response.end(answered.body);
  });
}

function answerWithKoa(): RequestListener {
  const app = new Koa();
  const send = (context: Koa.Context): void => {
    context.set(answered.headers);
    context.body = answered.body;
  };
  if (does('router')) {
    const router = new Router();
    router.post('/runs', koaBody({ jsonLimit: 1_048_576, text: false, urlencoded: false }), async (context) => {
      await create(context.request.body);
      send(context as unknown as Koa.Context);
    });
    app.use(router.routes() as unknown as Koa.Middleware);
  } else {
    app.use(async (context) => {
      await read(context.req);
      send(context);
    });
  }
  const handle = app.callback();
  return (request, response) => void handle(request, response);
}

const listener = does('koa') ? answerWithKoa() : answerWithNode;
sayUrl(createServer({ keepAliveTimeout: 75_000, noDelay: true }, listener));
