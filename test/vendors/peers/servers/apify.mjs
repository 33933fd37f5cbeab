// A stand-in of Apify's API, as far as `npm run test:vendors -- apify` shows that apify-client speaks it. Its one Actor answers
// with its text, at once or after a while, or fails with it.
//
//   node apify.mjs PORT
import { once } from 'node:events';
import { createServer } from 'node:http';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const token = 'peer-token';
const runs = new Map();

function start(input, query) {
  const id = `run-${runs.size + 1}`;
  const run = { data: { id, status: 'RUNNING', defaultDatasetId: `data-${id}` }, items: [], webhooks: [] };
  if (query.has('webhooks')) run.webhooks = JSON.parse(Buffer.from(query.get('webhooks'), 'base64').toString());
  run.timer = setTimeout(
    () => {
      run.data.statusMessage = input.mode === 'fail' ? input.text : 'Actor finished';
      if (input.mode !== 'fail') run.items.push({ answer: input.text });
      end(run, input.mode === 'fail' ? 'FAILED' : 'SUCCEEDED');
    },
    input.mode === 'slow' ? input.ms : 50,
  );
  runs.set(id, run);
  return run.data;
}

function end(run, status) {
  clearTimeout(run.timer);
  run.data.status = status;
  const body = JSON.stringify({ eventType: `ACTOR.RUN.${status}`, resource: run.data });
  for (const { eventTypes, requestUrl } of run.webhooks) {
    if (eventTypes.includes(`ACTOR.RUN.${status}`)) void tell(requestUrl, body);
  }
}

/** A call that is not accepted is repeated, as the vendor does, though sooner. */
async function tell(url, body) {
  for (let waitMs = 500; waitMs < 60_000; waitMs *= 2) {
    const call = { method: 'POST', headers: { 'content-type': 'application/json' }, body };
    const isAccepted = await fetch(url, call).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isAccepted) return;
    await sleep(waitMs);
  }
}

async function answer(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://apify');
  if (request.headers.authorization !== `Bearer ${token}`)
    return [401, { error: { type: 'user-or-token-not-found', message: 'User was not found' } }];
  const call = `${request.method} ${pathname}`;
  if (/^POST \/v2\/actors\/[^/]+\/runs$/.test(call))
    return [201, { data: start(JSON.parse((await readText(request)) || '{}'), searchParams) }];
  if (call === 'GET /v2/actor-runs') return [200, { data: { items: [...runs.values()].map(({ data }) => data) } }];
  const [, id, , verb] = /^\/v2\/actor-runs\/([^/]+)(\/(abort))?$/.exec(pathname) ?? [];
  const run = runs.get(id);
  const [, dataset] = /^\/v2\/datasets\/data-([^/]+)\/items$/.exec(pathname) ?? [];
  if (dataset !== undefined && runs.has(dataset)) return [200, runs.get(dataset).items];
  if (run === undefined) return [404, { error: { type: 'record-not-found', message: 'Not found' } }];
  if (verb === undefined) return [200, { data: run.data }];
  if (run.data.status !== 'RUNNING')
    return [400, { error: { type: 'run-already-finished', message: 'The run has finished' } }];
  end(run, 'ABORTED');
  return [200, { data: run.data }];
}

const server = createServer(async (request, response) => {
  const [status, body] = await answer(request);
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}).listen(Number(process.argv[2]), '127.0.0.1');
await once(server, 'listening');
process.stdout.write(`listens on ${server.address().port}\n`);
