import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../bench/child.ts';
import { findFreePort } from '../../bench/free-port.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/sandbox.ts';
import { readMessages } from '../gateway/mcp-stream.ts';
import { PostgresServer, startPostgres } from '../store/postgres-server.ts';
import { installServer } from '../vendors/peers/packages.ts';
import { fixtureConfig } from './fixture-gateway.ts';

const main = join(import.meta.dirname, '../../src/main.ts');
const script = join(import.meta.dirname, '../clients/mcp-client.py');
/** MCP's client on PyPI, pinned. */
export const pythonClient = 'mcp==2.3.0';
/** Also where the machine is busy. */
const withinMs = 180_000;

/** A Python with the published client. Throws where it cannot be had. */
export function findPython(): string {
  const installed = installServer({ from: 'pypi', names: [pythonClient] });
  if ('unavailable' in installed) throw new Error(installed.unavailable);
  return join(installed.directory, 'bin/python');
}

/** Runs the published client once against a gateway; the lines that it prints. */
export async function runSteps(python: string, url: string): Promise<readonly string[]> {
  const client = new Child({ command: python, args: [script, 'steps', url] });
  await until(client, /answered.*answered/s);
  const lines = client.output.trim().split('\n');
  await client.stop();
  return lines;
}

type Scene = { readonly sandbox: Sandbox; readonly python: string; readonly folder: string };

/** The gateway is killed while the task works, and again once it has asked; it comes back at the same address. */
export async function killOnSqlite(): Promise<string> {
  return await withScene(async (scene) => {
    const store = { url: `sqlite:${join(scene.folder, 'runs.db')}` };
    const replica = await startReplica(scene, 'one', store);
    const client = startClient(scene, 'sqlite', [replica.url]);
    await until(client, /^task /m);
    await replica.restart();
    await until(client, /^status "input_required"/m);
    await replica.restart();
    const said = await until(client, /^result (.*)$/m);
    await replica.stop();
    return judge(scene, 'sqlite', said);
  });
}

const maxKillsPerTask = 2;
/** A call, its start and its task's first looks fall into this time, and so does a kill. */
const startingMs = 400;
const workingMs = 2500;

/**
 * Kills the gateway at random moments: while a call is under way, which its client repeats under the same `Idempotency-Key`, and
 * while its task works, asks and goes on.
 */
export async function killAtRandom(rounds: number): Promise<string> {
  return await withScene(async (scene) => {
    const replica = await startReplica(scene, 'one', { url: `sqlite:${join(scene.folder, 'runs.db')}` });
    let kills = 0;
    const killWithin = async (withinMs: number): Promise<void> => {
      await sleep(Math.random() * withinMs);
      await replica.restart();
      kills += 1;
    };
    for (let round = 1; round <= rounds; round += 1) {
      const key = `random-${round}`;
      const [first] = await Promise.all([callOnce(replica.url, key).catch(() => null), killWithin(startingMs)]);
      const taskId = first ?? (await callOnce(replica.url, key));
      const client = startFollower(scene, taskId, [replica.url]);
      for (let left = maxKillsPerTask; left > 0 && !/^result /m.test(client.output); left -= 1)
        await killWithin(workingMs);
      judge(scene, key, await until(client, /^result (.*)$/m));
      await client.stop();
    }
    await replica.stop();
    return `${rounds} tasks, ${kills} kills, the right result and 1 start at the vendor each`;
  });
}

/** Makes the task of a key, or finds the one that an earlier call has made. */
async function callOnce(url: string, key: string, tool = 'durable'): Promise<string> {
  const params = { name: tool, arguments: { key } };
  const { taskId } = await send(url, 'tools/call', params, { 'mcp-name': tool, 'idempotency-key': key });
  if (typeof taskId !== 'string') throw new Error(`the call of ${key} made no task`);
  return taskId;
}

/** The result of a request of 2026-07-28. */
async function send(url: string, method: string, params: JsonObject, headers: Record<string, string>) {
  const meta = 'io.modelcontextprotocol';
  const capabilities = { elicitation: {}, extensions: { [`${meta}/tasks`]: {} } };
  const _meta = { [`${meta}/protocolVersion`]: '2026-07-28', [`${meta}/clientCapabilities`]: capabilities };
  const routed = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': method, ...headers };
  const answer = await post(url, { id: 1, method, params: { ...params, _meta } }, routed);
  const { result, error } = (await answer.json()) as { result?: JsonObject; error?: JsonObject };
  if (result === undefined) throw new Error(`${method} got ${answer.status} ${JSON.stringify(error)}`);
  return result;
}

/** The gateway is killed between the answers to two questions of one task, and again after the second one. */
export async function killBetweenAnswers(): Promise<string> {
  return await withScene(async (scene) => {
    const replica = await startReplica(scene, 'one', { url: `sqlite:${join(scene.folder, 'runs.db')}` });
    const taskId = await callOnce(replica.url, 'between', 'multi_input');
    const ask = async (method: string, params: JsonObject = {}) =>
      await send(replica.url, method, { taskId, ...params }, { 'mcp-name': taskId });
    const openKeys = async (): Promise<readonly string[]> =>
      Object.keys(((await ask('tasks/get')).inputRequests ?? {}) as JsonObject);
    while ((await openKeys()).length < 2) await sleep(20);
    const [first = '', second = ''] = await openKeys();
    await ask('tasks/update', { inputResponses: { [first]: { action: 'accept', content: { name: 'first' } } } });
    await replica.restart();
    const left = await openKeys();
    if (left.join() !== second) throw new Error(`the open questions are ${left}`);
    await ask('tasks/update', { inputResponses: { [second]: { action: 'accept', content: { confirm: true } } } });
    await replica.restart();
    let seen = await ask('tasks/get');
    for (; seen.status !== 'completed'; seen = await ask('tasks/get')) await sleep(20);
    const said = JSON.stringify((seen.result as JsonObject).structuredContent);
    const starts = scene.sandbox.starts().get('between');
    const isRight = said.includes('"name":"first"') && said.includes('"confirm":true');
    if (starts !== 1 || !isRight) throw new Error(`${starts} starts, result ${said}`);
    await replica.stop();
    return `${said}, 1 start at the vendor`;
  });
}

/** A gateway in front of another, each as the MCP server of the next; both are killed while the task works and once it has asked. */
export async function killBehind(): Promise<string> {
  return await withScene(async (scene) => {
    const inner = await startReplica(scene, 'inner', { url: `sqlite:${join(scene.folder, 'inner.db')}` });
    const front = {
      pacing: { floorMs: 5, watchedCeilingMs: 20, ceilingMs: 40 },
      backends: { back: { adapter: 'mcp', baseUrl: inner.url } },
      agents: [{ name: 'durable', backend: 'back', target: { tool: 'durable' } }],
    };
    const outer = await startReplica(scene, 'outer', { url: `sqlite:${join(scene.folder, 'outer.db')}` }, front);
    const client = startClient(scene, 'behind', [outer.url]);
    const taskId = await until(client, /^task "(.*)"$/m);
    // A call of MCP that was not answered cannot be sent again: its run would end as 1002, rightly so.
    const look = async () => await send(outer.url, 'tasks/get', { taskId }, { 'mcp-name': taskId });
    while ((await look()).statusMessage !== 'running') await sleep(20);
    await inner.restart();
    await outer.restart();
    await until(client, /^status "input_required"/m);
    await outer.restart();
    await inner.restart();
    const said = await until(client, /^result (.*)$/m);
    await outer.stop();
    await inner.stop();
    return judge(scene, 'behind', said);
  });
}

/** The replica that made the task is killed for good, and the client goes on at the other one. */
export async function killOnPostgres(): Promise<string> {
  return await withReplicas(async (scene, one, other) => {
    const client = startClient(scene, 'postgres', [one.url, other.url]);
    await until(client, /^task /m);
    await one.kill();
    return judge(scene, 'postgres', await until(client, /^result (.*)$/m));
  });
}

/** The question of an older client stands on a stream of one replica, and is answered at the other. */
export async function answerElsewhere(): Promise<string> {
  return await withReplicas(async (scene, one, other) => {
    const capabilities = { elicitation: {} };
    const handshake = { protocolVersion: '2025-11-25', capabilities, clientInfo: { name: 'older', version: '1' } };
    const greeted = await post(one.url, { id: 0, method: 'initialize', params: handshake });
    const session = { 'mcp-session-id': greeted.headers.get('mcp-session-id') ?? '' };
    const params = { name: 'durable', arguments: { key: 'elsewhere' } };
    const messages = readMessages(await post(one.url, { id: 1, method: 'tools/call', params }, session));
    const { id = null } = await messages.next();
    const result = { action: 'accept', content: { approved: true } };
    const answered = await post(other.url, { id, result }, session);
    if (answered.status !== 202) throw new Error(`the answer got ${answered.status}`);
    const said = JSON.stringify((await messages.next()).result?.structuredContent);
    return judge(scene, 'elsewhere', said);
  });
}

async function post(url: string, message: JsonObject, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', ...message }),
  });
}

type Replica = Awaited<ReturnType<typeof startReplica>>;

async function withReplicas(play: (scene: Scene, one: Replica, other: Replica) => Promise<string>): Promise<string> {
  const server = await startPostgres();
  if (!(server instanceof PostgresServer)) throw new Error(server.unavailable);
  try {
    return await withScene(async (scene) => {
      const store = { url: await server.createDatabase() };
      const [one, other] = [await startReplica(scene, 'one', store), await startReplica(scene, 'other', store)];
      const seen = await play(scene, one, other);
      for (const replica of [one, other]) await replica.stop();
      return seen;
    });
  } finally {
    await server.destroy();
  }
}

async function withScene(play: (scene: Scene) => Promise<string>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-mcp-'));
  const sandbox = await startSandbox();
  try {
    return await play({ sandbox, python: findPython(), folder });
  } finally {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

function judge({ sandbox }: Scene, key: string, said: string): string {
  const starts = sandbox.starts().get(key);
  if (starts !== 1 || !/"approved": ?true/.test(said)) throw new Error(`${starts} starts, result ${said}`);
  return `${said}, 1 start at the vendor`;
}

async function startReplica(
  { sandbox, folder }: Scene,
  name: string,
  store: { readonly url: string },
  config: JsonObject = fixtureConfig(sandbox),
) {
  const port = await findFreePort();
  const own = join(folder, name);
  mkdirSync(own);
  const file = join(own, 'rungate.yaml');
  const replicas = { heartbeatSeconds: 1, deadAfterSeconds: 3 };
  const server = { host: '127.0.0.1', port };
  const log = { level: 'info' };
  writeFileSync(file, JSON.stringify({ ...config, server, store, replicas, log }));
  let child: Child;
  const start = async (): Promise<void> => {
    const args = [main, 'serve', '--config', file];
    child = new Child({ command: process.execPath, args, ready: /rungate listens/, readyWithinMs: withinMs });
    await child.whenReady();
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    kill: async () => await child.kill(),
    stop: async () => await child.stop(),
    async restart() {
      await child.kill();
      await start();
    },
  };
}

function startClient({ python }: Scene, key: string, urls: readonly string[]): Child {
  return new Child({ command: python, args: [script, 'task', key, ...urls] });
}

/** Goes on with a task that there is. */
function startFollower({ python }: Scene, taskId: string, urls: readonly string[]): Child {
  return new Child({ command: python, args: [script, 'follow', taskId, ...urls] });
}

/** The first group of the pattern, else all of it, once the client has printed it. */
async function until(client: Child, pattern: RegExp): Promise<string> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const found = pattern.exec(client.output);
    if (found !== null) return found[1] ?? found[0];
    if (performance.now() > deadlineMs) throw new Error(`the client has not said ${pattern}: ${client.output}`);
    await sleep(20);
  }
}
