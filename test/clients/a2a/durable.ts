import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Message, type Task } from '@a2a-js/sdk';
import { type Client, ClientFactory } from '@a2a-js/sdk/client';
import { Child } from '../../../bench/child.ts';
import { findFreePort } from '../../../bench/free-port.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { PostgresServer, startPostgres } from '../../store/postgres-server.ts';
import { siteConfig } from './site.ts';

const main = join(import.meta.dirname, '../../../src/main.ts');
const completed = 3;
const working = 2;

type Scene = { readonly sandbox: Sandbox; readonly folder: string };

/** The gateway is killed while the client streams a task, and comes back at the same address. */
export async function killOnSqlite(): Promise<string> {
  return await withScene(async (scene) => {
    const store = { url: `sqlite:${join(scene.folder, 'runs.db')}` };
    const replica = await startReplica(scene, 'one', store);
    const client = await new ClientFactory().createFromUrl(replica.url);
    const task = await startAndCut(client, 'sqlite', () => replica.kill());
    await replica.start();
    const seen = await goOn(client, task.id);
    await replica.stop();
    return judge(scene, 'sqlite', seen);
  });
}

/** The replica that began the task is killed for good, and a client of the other one goes on. */
export async function killOnPostgres(): Promise<string> {
  const server = await startPostgres();
  if (!(server instanceof PostgresServer)) throw new Error(server.unavailable);
  try {
    return await withScene(async (scene) => {
      const store = { url: await server.createDatabase() };
      const [one, other] = [await startReplica(scene, 'one', store), await startReplica(scene, 'other', store)];
      const client = await new ClientFactory().createFromUrl(one.url);
      const task = await startAndCut(client, 'postgres', () => one.kill());
      const seen = await goOn(await new ClientFactory().createFromUrl(other.url), task.id);
      await other.stop();
      return judge(scene, 'postgres', seen);
    });
  } finally {
    await server.destroy();
  }
}

async function withScene(play: (scene: Scene) => Promise<string>): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-a2a-'));
  const sandbox = await startSandbox();
  try {
    return await play({ sandbox, folder });
  } finally {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Begins a task by a stream, which the kill cuts once the vendor works. */
async function startAndCut(client: Client, key: string, kill: () => Promise<void>): Promise<Task> {
  const parts = [{ data: { url: 'https://shop.example/kettles', seconds: 6, key } }];
  const message = Message.fromJSON({ messageId: `message-${key}`, role: 'ROLE_USER', parts });
  let task: Task | undefined;
  try {
    for await (const { payload } of client.sendMessageStream({
      ...{ tenant: '', message, configuration: undefined, metadata: undefined },
    })) {
      if (payload?.$case === 'task') task = payload.value;
      if (payload?.$case === 'statusUpdate' && payload.value.status?.state === working) await kill();
    }
  } catch (cut) {
    if (task !== undefined) return task;
    throw cut;
  }
  if (task === undefined) throw new Error('the stream gave no task');
  return task;
}

/** The state of the task after the kill, its stream from there on, and its result. */
async function goOn(client: Client, id: string): Promise<readonly string[]> {
  const now = await client.getTask({ tenant: '', id, historyLength: 0 });
  const seen = [`${now.status?.state}`];
  for await (const { payload } of client.resubscribeTask({ tenant: '', id })) seen.push(payload?.$case ?? '');
  const end = await client.getTask({ tenant: '', id, historyLength: 0 });
  if (end.status?.state !== completed || end.artifacts.length !== 1) throw new Error(JSON.stringify(end));
  return seen;
}

function judge({ sandbox }: Scene, key: string, seen: readonly string[]): string {
  const starts = sandbox.starts().get(key);
  const isWhole = seen[1] === 'task' && seen.at(-1) === 'statusUpdate' && seen.at(-2) === 'artifactUpdate';
  if (starts !== 1 || !isWhole) throw new Error(`${starts} starts; ${seen.join(', ')}`);
  return `state ${seen[0]} after the kill, then ${seen.slice(1).join(', ')}; 1 start at the vendor`;
}

async function startReplica({ sandbox, folder }: Scene, name: string, store: { readonly url: string }) {
  const port = await findFreePort();
  const own = join(folder, name);
  mkdirSync(own);
  const file = join(own, 'rungate.yaml');
  const replicas = { heartbeatSeconds: 1, deadAfterSeconds: 3 };
  const config = {
    ...siteConfig(sandbox),
    server: { host: '127.0.0.1', port },
    store,
    replicas,
    log: { level: 'info' },
  };
  writeFileSync(file, JSON.stringify(config));
  let child: Child;
  const start = async (): Promise<void> => {
    child = new Child({ command: process.execPath, args: [main, 'serve', '--config', file], ready: /rungate listens/ });
    await child.whenReady();
  };
  await start();
  return {
    url: `http://127.0.0.1:${port}`,
    start,
    kill: async () => await child.kill(),
    stop: async () => await child.stop(),
  };
}
