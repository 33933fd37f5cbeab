import { cpSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../../bench/child.ts';
import { findFreePort } from '../../../bench/free-port.ts';
import { defaultApiKey, startSandbox } from '../../../src/sandbox/sandbox.ts';
import { installServer, type Packages } from '../../vendors/peers/packages.ts';

const startWithinMs = 120_000;
const here = import.meta.dirname;
const rungate = join(here, '../../../src/main.ts');

export const serverPackages = {
  python: { from: 'pypi', names: ['langgraph-cli[inmem]==0.4.40', 'langgraph-api==0.16.7', 'langgraph==1.2.24'] },
  javascript: {
    from: 'npm',
    names: ['@langchain/langgraph-cli@1.5.1', '@langchain/langgraph@1.7.3', '@langchain/core@1.4.0'],
  },
} as const satisfies Record<string, Packages>;

/** One that takes LangGraph's calls below its address. */
export type RunningServer = { readonly url: string; stop(): Promise<void> };

const env = { LANGSMITH_TRACING: 'false', LANGGRAPH_CLI_NO_ANALYTICS: '1' };

/** @throws Error when its packages cannot be had, or it takes no requests. */
export async function startDevServer(kind: keyof typeof serverPackages, scratch: string): Promise<RunningServer> {
  const packages = folderOf(serverPackages[kind]);
  const folder = join(scratch, kind);
  cpSync(join(here, `graphs-${kind}`), folder, { recursive: true });
  const port = await findFreePort();
  const options = ['dev', '--no-browser', '--host', '127.0.0.1', '--port', String(port)];
  if (kind === 'javascript') symlinkSync(join(packages, 'node_modules'), join(folder, 'node_modules'));
  const cli = join(packages, 'node_modules/@langchain/langgraph-cli/dist/cli/cli.mjs');
  const child =
    kind === 'python'
      ? new Child({
          command: join(packages, 'bin', 'python'),
          args: ['-m', 'langgraph_cli', ...options, '--no-reload'],
          cwd: folder,
          env,
        })
      : new Child({ command: process.execPath, args: [cli, ...options], cwd: folder, env });
  const url = `http://127.0.0.1:${port}`;
  await waitUntilUp(`${url}/ok`, child);
  return { url, stop: async () => await child.stop() };
}

/** A gateway whose agents are the same ones, at the sandbox's vendors. */
export async function startRungate(scratch: string): Promise<RunningServer> {
  const sandbox = await startSandbox();
  const port = await findFreePort();
  const file = join(scratch, 'rungate.yaml');
  // JSON is YAML too.
  writeFileSync(file, JSON.stringify(configOf(sandbox, port, scratch)));
  const child = new Child({ command: process.execPath, args: [rungate, 'serve', '--config', file] });
  const url = `http://127.0.0.1:${port}`;
  await waitUntilUp(`${url}/health/live`, child);
  return {
    url: `${url}/langgraph`,
    stop: async () => {
      await child.stop();
      await sandbox.close();
    },
  };
}

function configOf(
  { intunedUrl, restackUrl }: { readonly intunedUrl: string; readonly restackUrl: string },
  port: number,
  scratch: string,
) {
  const text = { type: 'string' } as const;
  const [message, ms] = [text, { type: 'integer' }] as const;
  const agents = [
    { name: 'echo', target: { project: 'samples', api: 'echo' }, properties: { message, turn: { type: 'integer' } } },
    { name: 'slow', target: { project: 'samples', api: 'progress' }, properties: { message, ms } },
    { name: 'fail', target: { project: 'samples', api: 'fail' }, properties: { message } },
  ].map(({ name, target, properties }) => ({
    name,
    backend: 'intuned',
    target,
    schemas: { input: { type: 'object', properties }, output: { type: 'object', properties } },
  }));
  const chat = {
    name: 'chat',
    backend: 'restack',
    target: { agent: 'ChatAgent', mode: 'thread' },
    schemas: { input: { type: 'object', properties: { message } }, output: { type: 'object' } },
  };
  const approval = {
    name: 'approval',
    backend: 'restack',
    target: { agent: 'ApprovalAgent' },
    mapping: { interrupt: 'output.interrupt' },
    schemas: {
      input: { type: 'object', properties: { question: text } },
      output: { type: 'object', properties: { approved: { type: 'boolean' } } },
      interrupts: [{ interrupt_type: 'approval', interrupt_payload: { type: 'object' }, resume_payload: {} }],
    },
  };
  return {
    server: { host: '127.0.0.1', port },
    store: { url: `sqlite:${join(scratch, 'rungate.db')}` },
    pacing: { floorMs: 100, watchedCeilingMs: 200, ceilingMs: 1000 },
    backends: {
      intuned: { adapter: 'intuned', baseUrl: intunedUrl, workspaceId: 'sandbox', apiKey: defaultApiKey },
      restack: { adapter: 'restack', baseUrl: restackUrl },
    },
    agents: [...agents, chat, approval].map((agent) => ({ timeoutSeconds: 120, ...agent })),
  };
}

/** @throws Error when they cannot be installed. */
export function folderOf(packages: Packages): string {
  const installed = installServer(packages);
  if ('unavailable' in installed) throw new Error(installed.unavailable);
  return installed.directory;
}

async function waitUntilUp(url: string, child: Child): Promise<void> {
  const deadlineMs = performance.now() + startWithinMs;
  while (
    !(await fetch(url).then(
      ({ ok }) => ok,
      () => false,
    ))
  ) {
    if (performance.now() > deadlineMs) throw new Error(`${url} takes no requests: ${child.output.slice(-2000)}`);
    await sleep(100);
  }
}
