import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

// Counts the files and functions that one `POST /runs` and its stream to the end execute in a gateway over the sandbox,
// without its start: how much of the code a newcomer has to read to follow one run.
//
//   npm run touched [-- CHECKOUT]     another checkout than this one, to compare with

const root = resolve(process.argv[2] ?? join(import.meta.dirname, '..'));
const load = (file: string) => import(pathToFileURL(join(root, file)).href);
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => quiet };

const folder = mkdtempSync(join(tmpdir(), 'rungate-touched-'));
process.chdir(folder);
const { startSandbox } = await load('src/sandbox/sandbox.ts');
const { sampleConfig } = await load('src/sandbox/sample-config.ts');
const { parseConfig } = await load('src/config/load.ts');
const { adapters } = await load('adapters/index.ts');
const { startGateway } = await load('src/gateway.ts');
const sandbox = await startSandbox();
const options = { file: 'the sample config', env: process.env, registry: adapters };
const config = await parseConfig(sampleConfig(sandbox), options);
const gateway = await startGateway({ ...config, server: { ...config.server, port: 0 } }, quiet);

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
// What comes once in the life of a process, such as the first connection, is not counted.
await follow('echo');
await session.post('Profiler.takePreciseCoverage');
await follow('echo');
const { result } = await session.post('Profiler.takePreciseCoverage');

const touched = new Map<string, number>();
for (const { url, functions } of result) {
  if (!url.startsWith('file:')) continue;
  const file = relative(root, fileURLToPath(url));
  if (!/^(src|adapters)\//.test(file) || file.startsWith('src/sandbox/')) continue;
  const called = functions.filter(({ functionName, ranges }) => functionName !== '' && (ranges[0]?.count ?? 0) > 0);
  if (called.length > 0) touched.set(file, called.length);
}
const rooms = new Map<string, { files: number; functions: number }>();
for (const [file, functions] of touched) {
  const room = file.split('/').slice(0, 2).join('/');
  const sum = rooms.get(room) ?? { files: 0, functions: 0 };
  rooms.set(room, { files: sum.files + 1, functions: sum.functions + functions });
}
for (const [room, { files, functions }] of [...rooms].toSorted())
  write(`${room.padEnd(22)} ${files} files, ${functions} functions`);
for (const [file, functions] of [...touched].toSorted()) write(`  ${file} ${functions}`);
const functions = [...touched.values()].reduce((sum, count) => sum + count, 0);
write(`one run and its stream: ${touched.size} files, ${functions} functions`);
await gateway.stop();
await sandbox.close();
rmSync(folder, { recursive: true });
process.exit(0);

async function follow(agent: string): Promise<void> {
  const created = await send('POST', '/runs', { agent_id: agent, input: { hello: 'world' } });
  const { run_id: runId } = JSON.parse(created) as { run_id: string };
  const events = await send('GET', `/runs/${runId}/stream`);
  if (!events.includes('"success"')) throw new Error(`the run did not succeed: ${events}`);
}

async function send(method: string, path: string, body?: object): Promise<string> {
  const sent = request(`${gateway.url}${path}`, { method, headers: { 'content-type': 'application/json' } });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk);
  return text;
}

function write(line: string): void {
  process.stdout.write(`${line}\n`);
}
