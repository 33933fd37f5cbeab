import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

const here = import.meta.dirname;
const run = promisify(execFile);

export type Site = { readonly name: string; readonly url: string; close(): Promise<void> };

/** Temporal's own test server, fetched from Maven Central into a folder that is removed again. Needs Java and Maven. */
export async function startJavaServer(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'rungate-temporal-'));
  process.stdout.write('fetching the test server from Maven Central\n');
  const goal = ['-q', '-B', '-f', join(here, 'pom.xml'), 'dependency:copy-dependencies'];
  await run('mvn', [...goal, `-DoutputDirectory=${folder}`], { timeout: 300_000 });
  const jvm = ['-Xmx256m', '-cp', join(folder, '*'), join(here, 'TestServer.java')];
  const server = spawn('java', jvm, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()));
  const close = async (): Promise<void> => {
    server.stdin.end();
    await ended;
    await rm(folder, { recursive: true });
  };
  for await (const line of createInterface(server.stdout)) {
    const port = /^listening on (\d+)$/.exec(line)?.[1];
    if (port !== undefined) return { name: "Temporal's test server", url: `http://127.0.0.1:${port}`, close };
  }
  throw new Error('the test server has ended before it listened');
}
