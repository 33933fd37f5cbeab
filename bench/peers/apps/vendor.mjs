// The job that every engine is given: start a run at the vendor, ask until it has ended, return its output.
import { createServer } from 'node:http';

const { VENDOR_URL = '', KEYED = '', PORT = '0' } = process.env;
const pollEveryMs = 250;

/** Whether the job sends its run's id as an idempotency key, which none of the quick starts does. */
const isKeyed = KEYED === '1';

/** Resolves with the vendor's id of the run. Throws for anything that is not a clear yes, as the quick starts do. */
export async function startRun({ key, input }) {
  const headers = { 'content-type': 'application/json', ...(isKeyed && { 'idempotency-key': key }) };
  const response = await fetch(VENDOR_URL, { method: 'POST', headers, body: JSON.stringify({ input }) });
  if (!response.ok) throw new Error(`the vendor answered ${response.status}: ${await response.text()}`);
  return (await response.json()).runId;
}

/** Null while the run goes on. */
export async function askForOutput(runId) {
  const response = await fetch(`${VENDOR_URL}/${runId}`);
  if (!response.ok) throw new Error(`the vendor answered ${response.status}: ${await response.text()}`);
  const { status, output } = await response.json();
  return status === 'completed' ? { output } : null;
}

/**
 * The whole job, step by step: `step` records what an engine keeps of a step, `sleep` waits in the engine's way. An
 * instant run is not waited for.
 */
export async function runJob(job, { step, sleep }) {
  const runId = await step('start', () => startRun(job));
  for (let look = 1; ; look += 1) {
    const ended = await step(`look ${look}`, () => askForOutput(runId));
    if (ended !== null) return ended.output;
    await sleep(pollEveryMs, look);
  }
}

/**
 * What clients call: `POST /runs` takes a job durably and answers its id, `GET /runs/ID` says what became of it, and
 * `GET /runs/ID/wait` answers once it has ended, where the engine can wait.
 */
export function serve({ take, look, wait }) {
  const server = createServer((request, response) => {
    answer(request).then(
      (body) => response.writeHead(body === null ? 404 : 200).end(JSON.stringify(body)),
      (error) => response.writeHead(500).end(String(error)),
    );
  });
  const answer = async (request) => {
    if (request.method === 'GET') {
      const [, , id, what] = request.url.split('/').map(decodeURIComponent);
      return what === 'wait' ? await wait(id) : await look(id);
    }
    let text = '';
    for await (const chunk of request) text += chunk;
    return { id: await take({ key: crypto.randomUUID(), ...JSON.parse(text) }) };
  };
  server.listen(Number(PORT), '127.0.0.1', () => process.stdout.write('listens\n'));
}
