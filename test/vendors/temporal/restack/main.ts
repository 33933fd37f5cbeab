// Runs the published worker of Restack (PyPI `restack-ai`) on Temporal's test server, and a gateway over it. Needs Java, Maven
// and Python, and fetches the packages into a folder that is removed again.
//
//   npm run test:restack
import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual, promisify } from 'node:util';
import type { Json, JsonObject } from '../../../../src/contract/domain/json.ts';
import { RungateProcess } from '../../../gateway/process.ts';
import { writeConfig } from '../../../gateway/site.ts';
import { startJavaServer } from '../java-server.ts';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'rungate-restack-'));
const python = join(folder, 'venv', 'bin', 'python');
await run('python3', ['-m', 'venv', join(folder, 'venv')]);
await run(python, ['-m', 'pip', 'install', '-q', 'restack-ai==0.0.121'], { timeout: 300_000 });
const server = await startJavaServer();
const worker = spawn(python, [join(import.meta.dirname, 'service.py'), new URL(server.url).host], {
  stdio: ['ignore', 'inherit', 'pipe'],
});
for await (const line of createInterface(worker.stderr)) if (line.includes('ready')) break;
// The worker must not wait for a reader of its log.
worker.stderr.resume();

const agents: readonly JsonObject[] = [
  { name: 'greet', backend: 'desk', target: { workflow: 'GreetWorkflow' } },
  { name: 'fail', backend: 'desk', target: { workflow: 'FailWorkflow' } },
  {
    name: 'approve',
    backend: 'desk',
    target: { agent: 'ApproveAgent', state: 'waiting_for', stopBy: 'cancel' },
    mapping: { interrupt: 'state' },
  },
];
const backends = { desk: { adapter: 'restack', transport: 'temporal', baseUrl: server.url } };
const file = join(folder, 'rungate.yaml');
writeFileSync(file, writeConfig({ backends, agents, keeps: true, sections: { log: { level: 'info' } } }, folder));

let differences = 0;
function compare(what: string, answer: Json, expected: Json): void {
  const isSame = isDeepStrictEqual(answer, expected);
  if (!isSame) differences += 1;
  process.stdout.write(`${isSame ? 'same     ' : 'DIFFERENT'} ${what}\n`);
  if (!isSame) process.stdout.write(`          ${JSON.stringify(answer)}, not ${JSON.stringify(expected)}\n`);
}

{
  await using gateway = new RungateProcess(['serve', '--config', file, '--port', '0'], folder);
  const client = await gateway.client();
  const greeted = await client.run({ agent_id: 'greet', input: { name: 'Ann' } });
  compare('a workflow gives its result', greeted.result ?? null, { greeting: 'Hello Ann' });
  const failed = await client.run({ agent_id: 'fail', input: { name: 'Ann' } });
  compare('a failure gives its words', failed.description ?? null, 'the greeting went wrong');
  const { run_id } = await client.create({ agent_id: 'approve', input: { amount: 12 } });
  compare('an agent asks by its state', (await client.output(run_id)).interrupt ?? null, { amount: 12 });
  await client.resume(run_id, { eventName: 'approve', eventInput: { ok: true } });
  const approved = (await client.output(run_id)).result ?? null;
  compare('an event resumes it, once', approved, { approved: true, heard: 1 });
  const live = await client.create({ agent_id: 'approve', input: { amount: 13 } });
  await client.output(live.run_id);
  await client.ask('DELETE', `/runs/${live.run_id}`);
  compare(
    'a cancel reaches the agent',
    await gateway.said(/"msg":"(upstream run cancelled)"/),
    'upstream run cancelled',
  );
}
worker.kill('SIGKILL');
await server.close();
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`\n${differences} differences\n`);
process.exit(differences === 0 ? 0 : 1);
