// Asks Temporal's own test server and the stand-in of the sandbox the same things. Needs Java and Maven, and fetches the
// server from Maven Central into a folder that is removed again.
//
//   npm run test:temporal
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { startTemporal } from '../../../src/sandbox/temporal/temporal-server.ts';
import { connectUpstream } from '../../../src/upstream/connect.ts';
import { askOver, probes } from '../../adapters/temporal-contract.ts';
import { connectTemporal, runProbes } from '../../adapters/temporal-runs.ts';
import { upstreamOptions } from '../../upstream/upstream-options.ts';
import { type Site, startJavaServer } from './java-server.ts';
import { work, workerSchema } from './worker.ts';

const print = (line: string): void => void process.stdout.write(`${line}\n`);

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
