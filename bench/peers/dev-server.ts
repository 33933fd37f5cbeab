import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { medianOf, medianRatio, takeTurns } from '../bench.ts';
import { Child } from '../child.ts';
import { atLeast, type Figure } from '../figures.ts';
import { findFreePort } from '../free-port.ts';
import { startGateway } from '../gateway.ts';
import { applyLoad, type LoadResult } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { makeScratch } from '../places.ts';
import { publishReport } from '../report.ts';
import { startVendor } from '../vendor.ts';

const clients = 20;
const input = { url: 'https://shop.example/kettles/42', depth: 2 };
const langgraph = join(import.meta.dirname, 'langgraph');
const startWithinMs = 60_000;
/** Both agents end at once: what is compared is what a server adds to them. */
const looksSoon = { floorMs: 5, watchedCeilingMs: 1000, ceilingMs: 15_000 };

type Peer = { readonly child: Child; readonly url: string };

/** The same clients, create a run and wait for its output, on the gateway and on LangGraph's dev server. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
      json: { type: 'string' },
    },
  });
  if (!existsSync(join(langgraph, 'node_modules'))) {
    process.stderr.write('first: npm install --prefix bench/peers/langgraph\n');
    return 2;
  }
  const scratch = makeScratch();
  const children: Child[] = [];
  const use = async <T extends { readonly child: Child }>(started: Promise<T>): Promise<T> => {
    const subject = await started;
    children.push(subject.child);
    return subject;
  };
  const startedMs = performance.now();
  try {
    const vendor = await use(startVendor());
    const gateway = await use(startGateway({ name: 'peers', scratch, vendorUrl: vendor.url, pacing: looksSoon }));
    const peer = await use(startLangGraph());
    const turn = async (subject: Peer, path: string, body: object): Promise<LoadResult> => {
      const headers = { 'content-type': 'application/json' };
      const requests = [{ method: 'POST' as const, path, headers, body: JSON.stringify(body) }];
      const load = { url: subject.url, connections: clients, seconds: Number(values.seconds), requests };
      return await applyLoad({ ...load, subjects: [subject.child] });
    };
    const contestants = {
      gateway: () => turn(gateway, '/agent-protocol/runs/wait', { agent_id: 'echo', input }),
      langgraph: () => turn(peer, '/runs/wait', { assistant_id: 'echo', input }),
    };
    await takeTurns(1, contestants);
    const { gateway: ours, langgraph: theirs } = await takeTurns(Number(values.rounds), contestants);
    const figures: readonly Figure[] = [
      ...describe('create and wait', ours),
      ...describe('create and wait: LangGraph dev server', theirs),
      {
        name: 'create and wait / LangGraph',
        value: medianRatio(ours, theirs, 'perSecond'),
        unit: '',
        bar: atLeast(40),
      },
    ];
    const tookSeconds = (performance.now() - startedMs) / 1000;
    const report = { machine: describeMachine(scratch), settings: values, tookSeconds, figures, skipped: [] };
    publishReport(report, values.json);
    return 0;
  } finally {
    for (const child of children.toReversed()) await child.stop();
  }
}

function describe(name: string, results: readonly LoadResult[]): readonly Figure[] {
  return [
    { name: `${name}, runs a second`, value: medianOf(results, 'perSecond'), unit: '1/s' },
    { name: `${name}, p50`, value: medianOf(results, 'p50Ms'), unit: 'ms' },
    { name: `${name}, p99`, value: medianOf(results, 'p99Ms'), unit: 'ms' },
  ];
}

async function startLangGraph(): Promise<Peer> {
  const port = await findFreePort();
  const url = `http://127.0.0.1:${port}`;
  const command = join(langgraph, 'node_modules/@langchain/langgraph-cli/dist/cli/cli.mjs');
  const child = new Child({
    command: process.execPath,
    args: [command, 'dev', '--no-browser', '--host', '127.0.0.1', '--port', String(port)],
    cwd: langgraph,
  });
  const deadlineMs = performance.now() + startWithinMs;
  while (!(await isUp(url))) {
    if (performance.now() > deadlineMs) throw new Error('the LangGraph dev server does not start');
    await sleep(200);
  }
  return { child, url };
}

async function isUp(url: string): Promise<boolean> {
  return await fetch(`${url}/ok`).then(
    ({ ok }) => ok,
    () => false,
  );
}

process.exitCode = await main();
process.exit();
