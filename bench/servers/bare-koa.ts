// Koa with nothing behind it: the same body parsing, answers of the same bytes, streams on the raw response.
import { createServer, type ServerResponse } from 'node:http';
import { Router } from '@koa/router';
import Koa from 'koa';
import { koaBody } from 'koa-body';
import { z } from 'zod';
import { sayUrl } from './say-url.ts';

/** What the gateway answers for the run that is read, headers too; given by the parent process. */
const answer = z
  .object({ headers: z.record(z.string(), z.string()), body: z.string() })
  .parse(JSON.parse(process.argv[2] ?? ''));
const heartbeatMs = 15_000;
const lastEvent = Buffer.from(
  'id: 3\nevent: agent_event\ndata: {"type":"error","run_id":"019e0000-0000-7000-8000-000000000000","status":"error","errcode":1000,"description":"cancelled by the client"}\n\n',
);

const app = new Koa();
const router = new Router();
const streams = new Set<ServerResponse>();

router.post('/runs', koaBody({ jsonLimit: 1_048_576, text: false, urlencoded: false }), (context) => {
  const { agent_id: agentId, input } = context.request.body as { agent_id: string; input: unknown };
  const now = new Date().toISOString();
  context.set(answer.headers);
  context.body = JSON.stringify({
    creation: { agent_id: agentId, input },
    run_id: '019e0000-0000-7000-8000-000000000000',
    agent_id: agentId,
    created_at: now,
    updated_at: now,
    status: 'pending',
    input,
    metadata: {},
  });
});

router.get('/runs/:run_id', (context) => {
  context.set(answer.headers);
  context.body = answer.body;
});

router.get('/runs/:run_id/stream', (context) => {
  context.respond = false;
  const { res } = context;
  res.writeHead(200, answer.headers);
  res.write(answer.body);
  streams.add(res);
  res.once('close', () => streams.delete(res));
});

/** Ends every stream with an event as long as the gateway's. */
router.delete('/runs/:run_id', (context) => {
  for (const stream of streams) {
    stream.write(lastEvent);
    stream.end();
  }
  context.body = '{}';
});

setInterval(() => {
  for (const stream of streams) stream.write(':\n');
}, heartbeatMs);

app.use(router.routes() as unknown as Koa.Middleware);
const handle = app.callback();
sayUrl(
  createServer({ keepAliveTimeout: 75_000, noDelay: true }, (request, response) => void handle(request, response)),
);
