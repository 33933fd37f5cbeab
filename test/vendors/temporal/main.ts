// Asks Temporal's own test server and the stand-in of the sandbox the same things. Needs Java and Maven, and fetches the
// server from Maven Central into a folder that is removed again.
//
//   npm run test:temporal
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { isDeepStrictEqual, promisify } from 'node:util';
import { startTemporal } from '../../../src/sandbox/temporal/temporal-server.ts';
import { connectUpstream } from '../../../src/upstream/connect.ts';
import { askOver, probes } from '../../adapters/temporal-contract.ts';
import { connectTemporal, runProbes } from '../../adapters/temporal-runs.ts';
import { upstreamOptions } from '../../upstream/upstream-options.ts';
import { work, workerSchema } from './worker.ts';

const here = import.meta.dirname;
const run = promisify(execFile);

const print = (line: string): void => void process.stdout.write(`${line}\n`);

type Site = { readonly name: string; readonly url: string; close(): Promise<void> };

async function startJavaServer(): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'rungate-temporal-'));
  print('fetching the test server from Maven Central');
  const goal = ['-q', '-B', '-f', join(here, 'pom.xml'), 'dependency:copy-dependencies'];
  await run('mvn', [...goal, `-DoutputDirectory=${folder}`], { timeout: 300_000 });
  const jvm = ['-Xmx256m', '-cp', join(folder, '*'), join(here, 'TestServer.java')];
  const server = spawn('java', jvm, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
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

async function startStandIn(): Promise<Site> {
  const { grpcUrl: url, close } = await startTemporal();
  return { name: 'the stand-in', url, close };
}

/** Gives how many answers were others than expected. */
async function probe({ name, url }: Site): Promise<number> {
  print(`\n${name}`);
  const upstream = connectUpstream({ ...upstreamOptions, baseUrl: url });
  const stop = new AbortController();
  // The stand-in has workers of its own.
  const worker = name === 'the stand-in' ? null : work(askOver(upstream, { schema: workerSchema }), stop.signal);
  const connection = connectTemporal(upstream, 'grpc');
  const questions = [
    ...probes.map((each) => ({ ...each, ask: () => each.run({ ask: askOver(upstream), makeId: randomUUID }) })),
    ...runProbes.map((each) => ({ ...each, ask: () => each.run(connection) })),
  ];
  let differences = 0;
  for (const { name: title, expected, ask } of questions) {
    const answer = await ask().catch((error: unknown) => String(error));
    const isSame = isDeepStrictEqual(answer, expected);
    if (!isSame) differences += 1;
    print(`${isSame ? 'same     ' : 'DIFFERENT'} ${title}`);
    if (!isSame) print(`          ${JSON.stringify(answer)}\n          ${JSON.stringify(expected)} expected`);
  }
  stop.abort();
  await worker;
  await upstream.close();
  return differences;
}

let differences = 0;
for (const start of [startJavaServer, startStandIn]) {
  const site = await start();
  try {
    differences += await probe(site);
  } finally {
    await site.close();
  }
}
print(`\n${probes.length + runProbes.length} probes of each, ${differences} answers differ`);
process.exitCode = differences === 0 ? 0 : 1;
