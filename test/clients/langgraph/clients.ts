import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Packages } from '../../vendors/peers/packages.ts';
import { type Outcome, readOutcomes } from './outcome.ts';
import { folderOf, serverPackages } from './servers.ts';

const scripts = join(import.meta.dirname, 'scripts');
const react = ['react@19.2.6', 'react-dom@19.2.6', 'react-test-renderer@19.2.6'];

export type Client = {
  readonly name: string;
  readonly title: string;
  /** Clients of one library make the same calls; the page shows them in one table. */
  readonly library: string;
  readonly packages: Packages;
  readonly script: string;
  readonly args?: readonly string[];
};

/** The published clients, unmodified, and the script that makes the calls of each. */
export const clients: readonly Client[] = [
  {
    name: 'python-async',
    title: 'langgraph-sdk 0.4.14, Python, asynchronous',
    library: 'langgraph-sdk, Python',
    packages: serverPackages.python,
    script: 'sdk.py',
    args: ['async'],
  },
  {
    name: 'python-sync',
    title: 'langgraph-sdk 0.4.14, Python, synchronous',
    library: 'langgraph-sdk, Python',
    packages: serverPackages.python,
    script: 'sdk.py',
    args: ['sync'],
  },
  {
    name: 'javascript-2',
    title: '@langchain/langgraph-sdk 2.0.0, JavaScript',
    library: '@langchain/langgraph-sdk, JavaScript',
    packages: javascriptPackages('2.0.0'),
    script: 'sdk.mjs',
  },
  {
    name: 'javascript-1',
    title: '@langchain/langgraph-sdk 1.15.0, JavaScript',
    library: '@langchain/langgraph-sdk, JavaScript',
    packages: javascriptPackages('1.15.0'),
    script: 'sdk.mjs',
  },
  {
    name: 'use-stream-2',
    title: 'useStream of @langchain/langgraph-sdk 2.0.0, React',
    library: 'useStream of @langchain/langgraph-sdk, React',
    packages: javascriptPackages('2.0.0'),
    script: 'use-stream.mjs',
  },
  {
    name: 'use-stream-1',
    title: 'useStream of @langchain/langgraph-sdk 1.15.0, React',
    library: 'useStream of @langchain/langgraph-sdk, React',
    packages: javascriptPackages('1.15.0'),
    script: 'use-stream.mjs',
  },
  {
    name: 'remote-graph-python',
    title: 'RemoteGraph of langgraph 1.2.24, Python',
    library: 'RemoteGraph, Python',
    packages: serverPackages.python,
    script: 'remote-graph.py',
  },
  {
    name: 'remote-graph-javascript',
    title: 'RemoteGraph of @langchain/langgraph 1.7.3, JavaScript',
    library: 'RemoteGraph, JavaScript',
    packages: serverPackages.javascript,
    script: 'remote-graph.mjs',
  },
];

function javascriptPackages(version: string): Packages {
  return { from: 'npm', names: [`@langchain/langgraph-sdk@${version}`, '@langchain/core@1.4.0', ...react] };
}

/** Lets a client make its calls at one server. */
export async function runClient({ packages, script, args = [] }: Client, url: string): Promise<readonly Outcome[]> {
  const folder = folderOf(packages);
  const file = join(scripts, script);
  const [program, words] =
    packages.from === 'pypi'
      ? [join(folder, 'bin', 'python'), [file, url, ...args]]
      : [process.execPath, [file, url, folder, ...args]];
  const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  let [output, complaints] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    complaints = `${complaints}${chunk}`.slice(-5000);
  });
  const [code] = await once(child, 'close');
  process.off('exit', kill);
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${complaints}`);
  return readOutcomes(output);
}
