// How soon and how cheaply the gateway sees the end of runs, over real HTTP; ends with 1 when a budget was exceeded.
import { parseArgs } from 'node:util';
import type { Child } from '../child.ts';
import type { Figure, Measured } from '../figures.ts';
import { describeMachine } from '../machine.ts';
import { makeScratch } from '../places.ts';
import { isMissed, publishReport } from '../report.ts';
import { measureLive, measureReplicas } from './crowd.ts';
import { measurePolling, measurePush, type WatchingBench } from './latency.ts';
import { startMeteredVendor } from './metered-vendor.ts';

const parts: Readonly<Record<string, (bench: WatchingBench) => Promise<Measured>>> = {
  push: measurePush,
  polling: measurePolling,
  live: measureLive,
  replicas: measureReplicas,
};

const usage = `npm run bench:watching -- [--only NAME,NAME]

  --only      ${Object.keys(parts).join(', ')}; each takes less than 90 seconds
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { only: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  const names = values.only?.split(',') ?? Object.keys(parts);
  if (values.help || names.some((name) => parts[name] === undefined)) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const scratch = makeScratch();
  const figures: Figure[] = [];
  const skipped: string[] = [];
  const startedMs = performance.now();
  for (const name of names) {
    const measured = await take(name, scratch);
    figures.push(...measured.figures);
    skipped.push(...(measured.skipped ?? []));
  }
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const report = { machine: describeMachine(scratch), settings: { bench: 'watching', ...values }, tookSeconds };
  publishReport({ ...report, figures, skipped });
  return figures.some((figure) => figure.name.includes('any one second') && isMissed(figure)) ? 1 : 0;
}

/** One part, with processes of its own. */
async function take(name: string, scratch: string): Promise<Measured> {
  const part = parts[name];
  if (part === undefined) throw new Error(`no part ${name}`);
  const children: Child[] = [];
  const use: WatchingBench['use'] = async (started) => {
    const subject = await started;
    children.push(subject.child);
    return subject;
  };
  const say = (text: string): void => void process.stderr.write(`${name}: ${text}\n`);
  try {
    const vendor = await use(startMeteredVendor());
    return await part({ scratch, vendor, use, say });
  } finally {
    for (const child of children.toReversed()) await child.stop();
  }
}

// Each child takes back what it started when this process ends.
process.setMaxListeners(50);
process.exitCode = await main();
process.exit();
