import { copyFileSync, cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Child } from '../../../bench/child.ts';
import type { Packages } from './packages.ts';

const servers = join(import.meta.dirname, 'servers');
const rungate = join(import.meta.dirname, '../../../src/main.ts');
const a2aPackages: Packages = { from: 'npm', names: ['@a2a-js/sdk@1.3.0', 'express@5.2.1'] };

/** A run as the vendor itself lists it. */
export type ListedRun = { readonly id: string; readonly state: string };

type Place = {
  readonly port: number;
  /** For a server behind the server. */
  readonly otherPort: number;
  readonly scratch: string;
  readonly packages: string;
};

export type Peer = {
  /** Name of the backend and of its agent. */
  readonly name: string;
  readonly title: string;
  /** Null: it needs none. */
  readonly packages: Packages | null;
  /** Whether its agent can ask, and go on with an answer. */
  readonly asks: boolean;
  /** Whether it cannot say which run a start has made whose answer was lost. */
  readonly forgetsStarts?: true;
  /** Whether it calls a URL that a start names, on this machine too. */
  readonly pushes: boolean;
  /** Words of the vendor for a run that goes on. */
  readonly live: readonly string[];
  readonly backend: object;
  /** Of its base URL. */
  readonly basePath: string;
  readonly target: object;
  start(place: Place): readonly Child[];
  /** Answers with any status once it takes requests. */
  readonly path: string;
  list(url: string): Promise<readonly ListedRun[]>;
};

const langGraph = {
  asks: true,
  pushes: true,
  live: ['pending', 'running'],
  backend: { adapter: 'langgraph', apiKey: 'peer-key' },
  target: { assistant: 'agent' },
  basePath: '',
  path: '/ok',
  list: listLangGraph,
} as const;

/** A second rungate, before an A2A server of its own. */
const acp = {
  packages: a2aPackages,
  asks: true,
  pushes: true,
  live: ['pending'],
  target: { agent: 'agent' },
  basePath: '/acp/v0.2',
  path: '/health/live',
  start: ({ port, otherPort, scratch, packages }: Place) => {
    const file = join(scratch, 'rungate.yaml');
    const config = {
      server: { host: '127.0.0.1', port },
      store: { url: `sqlite:${join(scratch, 'rungate.db')}` },
      webhooks: { unsigned: true, allow: ['127.0.0.1'] },
      pacing: { floorMs: 100, watchedCeilingMs: 500, ceilingMs: 1000 },
      backends: { a2a: { adapter: 'a2a', baseUrl: `http://127.0.0.1:${otherPort}` } },
      agents: [{ name: 'agent', backend: 'a2a', target: {}, timeoutSeconds: 300 }],
    };
    // JSON is YAML too.
    writeFileSync(file, JSON.stringify(config));
    const gateway = new Child({ command: process.execPath, args: [rungate, 'serve', '--config', file] });
    return [startServer('a2a.mjs', otherPort, packages), gateway];
  },
  list: (url: string) => listRuns(`${url}/acp/v0.2`),
} as const;

export const peers: readonly Peer[] = [
  {
    ...langGraph,
    name: 'langgraph-js',
    title: 'LangGraph dev server (JS)',
    packages: {
      from: 'npm',
      names: ['@langchain/langgraph-cli@1.5.1', '@langchain/langgraph@1.7.3', '@langchain/core@1.4.0'],
    },
    start: ({ port, scratch, packages }) => {
      cpSync(join(servers, 'langgraph'), scratch, { recursive: true });
      symlinkSync(join(packages, 'node_modules'), join(scratch, 'node_modules'));
      const cli = join(packages, 'node_modules/@langchain/langgraph-cli/dist/cli/cli.mjs');
      return [
        new Child({
          command: process.execPath,
          args: [cli, 'dev', '--no-browser', '--host', '127.0.0.1', '--port', String(port)],
          cwd: scratch,
          env: { LANGSMITH_TRACING: 'false', LANGGRAPH_CLI_NO_ANALYTICS: '1' },
        }),
      ];
    },
  },
  {
    ...langGraph,
    name: 'langgraph-python',
    title: 'LangGraph dev server (Python)',
    // It refuses a start with a webhook on this machine: "Webhook host blocked: loopback IP range".
    pushes: false,
    packages: { from: 'pypi', names: ['langgraph-cli[inmem]==0.4.40', 'langgraph-api==0.16.7', 'langgraph==1.2.24'] },
    start: ({ port, scratch, packages }) => {
      cpSync(join(servers, 'langgraph-python'), scratch, { recursive: true });
      return [
        new Child({
          command: join(packages, 'bin', 'python'),
          args: [
            '-m',
            'langgraph_cli',
            'dev',
            '--no-browser',
            '--no-reload',
            '--host',
            '127.0.0.1',
            '--port',
            String(port),
          ],
          cwd: scratch,
          env: { LANGSMITH_TRACING: 'false', LANGGRAPH_CLI_NO_ANALYTICS: '1' },
        }),
      ];
    },
  },
  {
    name: 'a2a',
    title: 'A2A 1.0',
    packages: a2aPackages,
    asks: true,
    pushes: false,
    live: ['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING'],
    backend: { adapter: 'a2a' },
    basePath: '',
    target: {},
    path: '/',
    start: ({ port, packages }) => [startServer('a2a.mjs', port, packages)],
    list: listA2a,
  },
  {
    ...acp,
    name: 'acp',
    title: 'ACP 0.2 (a second rungate)',
    backend: { adapter: 'acp', apiKey: 'peer-key' },
  },
  {
    ...acp,
    name: 'rungate',
    title: 'rungate (a second one)',
    backend: { adapter: 'rungate', apiKey: 'peer-key' },
  },
  {
    ...acp,
    name: 'agent-protocol',
    title: 'Agent Protocol (a second rungate)',
    backend: { adapter: 'agent-protocol', apiKey: 'peer-key' },
    basePath: '/agent-protocol',
    // Each run has a thread, and a search for runs without one does not show it.
    list: (url) => listRuns(`${url}/agent-protocol`),
  },
  {
    ...acp,
    name: 'rungate-a2a',
    title: 'rungate (a second one, over A2A)',
    backend: { adapter: 'a2a' },
    basePath: '/a2a/agent',
    target: {},
    live: ['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING'],
    pushes: false,
    list: (url) => listA2a(`${url}/a2a/agent`),
  },
  {
    name: 'mcp',
    title: 'MCP 2025-11-25, tasks',
    packages: { from: 'npm', names: ['@modelcontextprotocol/sdk@1.32.2'] },
    asks: true,
    forgetsStarts: true,
    pushes: false,
    live: ['working', 'input_required'],
    backend: { adapter: 'mcp' },
    basePath: '/mcp',
    target: { tool: 'agent' },
    path: '/tasks',
    start: ({ port, packages }) => [startServer('mcp.mjs', port, packages)],
    list: (url) => ask(`${url}/tasks`),
  },
  {
    name: 'apify',
    title: 'Apify (stand-in)',
    packages: null,
    asks: false,
    pushes: true,
    live: ['READY', 'RUNNING', 'ABORTING', 'TIMING-OUT'],
    backend: { adapter: 'apify', token: 'peer-token' },
    basePath: '',
    target: { actor: 'me~peer' },
    path: '/',
    start: ({ port }) => [new Child({ command: process.execPath, args: [join(servers, 'apify.mjs'), String(port)] })],
    list: listApify,
  },
];

function startServer(file: string, port: number, packages: string): Child {
  copyFileSync(join(servers, file), join(packages, file));
  return new Child({ command: process.execPath, args: [join(packages, file), String(port)] });
}

async function listRuns(url: string): Promise<readonly ListedRun[]> {
  const runs: readonly { run_id: string; status: string }[] = await ask(`${url}/runs/search`, { limit: 100 });
  return runs.map(({ run_id: id, status: state }) => ({ id, state }));
}

async function listLangGraph(url: string): Promise<readonly ListedRun[]> {
  const threads: readonly { thread_id: string }[] = await ask(`${url}/threads/search`, { limit: 1000 });
  const runs: ListedRun[] = [];
  for (const { thread_id: thread } of threads) {
    const listed: readonly { run_id: string; status: string }[] = await ask(`${url}/threads/${thread}/runs?limit=100`);
    runs.push(...listed.map(({ run_id: id, status: state }) => ({ id, state })));
  }
  return runs;
}

async function listA2a(url: string): Promise<readonly ListedRun[]> {
  const body = { jsonrpc: '2.0', id: 1, method: 'ListTasks', params: { pageSize: 100 } };
  const { result }: { result: { tasks: readonly { id: string; status: { state: string } }[]; totalSize: number } } =
    await ask(url, body, { 'a2a-version': '1.0' });
  if (result.totalSize > result.tasks.length) throw new Error('the list of tasks has more than one page');
  return result.tasks.map(({ id, status: { state } }) => ({ id, state }));
}

async function listApify(url: string): Promise<readonly ListedRun[]> {
  const { data }: { data: { items: readonly { id: string; status: string }[] } } = await ask(
    `${url}/v2/actor-runs`,
    undefined,
    { authorization: 'Bearer peer-token' },
  );
  return data.items.map(({ id, status: state }) => ({ id, state }));
}

async function ask<Answer>(
  url: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const sent = {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  };
  const answer = await fetch(url, body === undefined ? { headers } : sent);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`the vendor answered ${answer.status}: ${text.slice(0, 300)}`);
  return JSON.parse(text);
}
