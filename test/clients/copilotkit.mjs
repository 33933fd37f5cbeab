// Drives a gateway through CopilotKit's runtime, whose agents speak AG-UI: node copilotkit.mjs GATEWAY FOLDER
// where FOLDER has @copilotkit/runtime installed. The gateway serves the sample agents of npm start.
import { createRequire } from 'node:module';
import { resolve as resolvePath } from 'node:path';
import { pathToFileURL } from 'node:url';

process.env.COPILOTKIT_TELEMETRY_DISABLED = 'true';
const [, , gateway = 'http://127.0.0.1:8080', folder = '.'] = process.argv;
const { resolve } = createRequire(resolvePath(folder, 'package.json'));
const load = async (name) => await import(pathToFileURL(resolve(name)).href);
const { CopilotSseRuntime, createCopilotRuntimeHandler } = await load('@copilotkit/runtime/v2');
const { HttpAgent } = await load('@ag-ui/client');

const names = ['support', 'approval', 'scrape'];
const agents = Object.fromEntries(names.map((name) => [name, new HttpAgent({ url: `${gateway}/ag-ui/${name}` })]));
const handle = createCopilotRuntimeHandler({ runtime: new CopilotSseRuntime({ agents }), basePath: '/api' });

const giveUpMs = 60_000;
setTimeout(() => {
  process.stdout.write('FAILED took too long\n');
  process.exit(1);
}, giveUpMs).unref();

let failed = false;
async function step(name, work) {
  try {
    const wrong = await work();
    if (wrong !== undefined && wrong !== true) throw new Error(JSON.stringify(wrong));
    process.stdout.write(`ok     ${name}\n`);
  } catch (error) {
    failed = true;
    process.stdout.write(`FAILED ${name}: ${error instanceof Error ? error.message : error}\n`);
  }
}

function ask(path, body) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return handle(new Request(`http://runtime.test/api${path}`, body === undefined ? {} : init));
}

/** Runs an agent as CopilotKit's pages do, and gives the events that the page gets. */
async function run(agent, input) {
  const body = { runId: crypto.randomUUID(), state: {}, tools: [], context: [], forwardedProps: {}, ...input };
  const answer = await ask(`/agent/${agent}/run`, body);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${answer.status}: ${text}`);
  return [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data));
}

const user = (id, content) => ({ id, role: 'user', content });
const textOf = (events) =>
  events
    .filter(({ type }) => type === 'TEXT_MESSAGE_CONTENT')
    .map(({ delta }) => delta)
    .join('');
const kinds = (events) => events.map(({ type }) => type);
const thread = crypto.randomUUID();
const first = user('m-1', 'Where is my order?');

await step('the runtime lists the agents', async () => {
  const info = await (await ask('/info')).json();
  return names.every((name) => info.agents[name] !== undefined) || info;
});
await step('a message is answered', async () => {
  const events = await run('support', { threadId: thread, messages: [first] });
  return (textOf(events) === 'You wrote: Where is my order?' && kinds(events).at(-1) === 'RUN_FINISHED') || events;
});
await step('a second turn of the thread is answered', async () => {
  const events = await run('support', { threadId: thread, messages: [first, user('m-2', 'And my parcel?')] });
  return textOf(events).endsWith('You wrote: And my parcel?') || events;
});
const asking = crypto.randomUUID();
let interrupt;
await step('a question reaches the page', async () => {
  const events = await run('approval', { threadId: asking, messages: [user('m-1', 'Shall I place the order?')] });
  [interrupt] = events.at(-1).outcome?.interrupts ?? [];
  return interrupt?.message !== undefined || events;
});
await step('its answer resumes the run', async () => {
  const resume = [{ interruptId: interrupt.id, status: 'resolved', payload: { approved: true } }];
  const events = await run('approval', { threadId: asking, messages: [], resume });
  return events.at(-1).result?.approved === true || events;
});
await step('a page that stops an agent cancels the run at the gateway', async () => {
  const threadId = crypto.randomUUID();
  const running = run('scrape', { threadId, messages: [user('m-1', 'https://shop.example/kettles')] });
  let runs = [];
  const find = async () => {
    const search = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ thread_id: threadId }),
    };
    runs = await (await fetch(`${gateway}/agent-protocol/runs/search`, search)).json();
    return runs;
  };
  while ((await find()).length === 0);
  await ask(`/agent/scrape/stop/${threadId}`, {});
  await running;
  while ((await find())[0].status === 'pending');
  return runs[0].status === 'error' || runs;
});
process.exitCode = failed ? 1 : 0;
