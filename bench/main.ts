import { parseArgs } from 'node:util';
import type { Bench } from './bench.ts';
import type { Child } from './child.ts';
import type { Figure, Measured } from './figures.ts';
import { describeMachine } from './machine.ts';
import { measureCreate } from './measures/create.ts';
import { measureFinish } from './measures/finish.ts';
import { measureGrowth } from './measures/growth.ts';
import { measureLayers } from './measures/layers.ts';
import { measurePolls } from './measures/polls.ts';
import { measureRead } from './measures/read.ts';
import { measureReplicas } from './measures/replicas.ts';
import { measureStart } from './measures/start.ts';
import { measureStreams } from './measures/streams.ts';
import { measureVendorFile } from './measures/vendor-file.ts';
import { measureWholeRun } from './measures/whole-run.ts';
import { measureWritten } from './measures/written.ts';
import { makeScratch } from './places.ts';
import { isMissed, publishReport } from './report.ts';
import { startVendor } from './vendor.ts';

const measures: Readonly<Record<string, (bench: Bench) => Promise<Measured>>> = {
  start: measureStart,
  create: measureCreate,
  'whole-run': measureWholeRun,
  written: measureWritten,
  finish: measureFinish,
  read: measureRead,
  streams: measureStreams,
  polls: measurePolls,
  'vendor-file': measureVendorFile,
  growth: measureGrowth,
  replicas: measureReplicas,
  layers: measureLayers,
};
/** Taken where it is named only: it explains `create`, and judges nothing. */
const onDemand = ['layers'];

const usage = `npm run bench -- [--only NAME,NAME] [--rounds N] [--seconds N] [--json FILE] [--strict]

  --only      ${Object.keys(measures).join(', ')}
  --rounds    in which the contestants take turns; default 5
  --seconds   of one contestant's turn; default 2
  --json      the file of the report; default: one by the time in bench/results
  --strict    exit 1 when a bar is missed
`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '2' },
      json: { type: 'string' },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(measures).filter((name) => !onDemand.includes(name));
  const unknown = names.filter((name) => measures[name] === undefined);
  if (values.help || unknown.length > 0) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const settings = {
    scratch: makeScratch(),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
  };
  const figures: Figure[] = [];
  const skipped: string[] = [];
  const startedMs = performance.now();
  const tookByMeasure: Record<string, number> = {};
  for (const name of names) {
    const begunMs = performance.now();
    const measured = await take(name, settings);
    tookByMeasure[name] = Math.round((performance.now() - begunMs) / 1000);
    figures.push(...measured.figures);
    skipped.push(...(measured.skipped ?? []));
  }
  const tookSeconds = (performance.now() - startedMs) / 1000;
  const machine = describeMachine(settings.scratch);
  const report = { machine, settings: { ...values, tookByMeasure }, tookSeconds, figures, skipped };
  publishReport(report, values.json);
  return values.strict && figures.some(isMissed) ? 1 : 0;
}

/** One measure, with a vendor of its own so that it does not inherit runs from the previous measure. */
async function take(name: string, settings: Pick<Bench, 'scratch' | 'rounds' | 'seconds'>) {
  const measure = measures[name];
  if (measure === undefined) throw new Error(`no measure ${name}`);
  const children: Child[] = [];
  const use: Bench['use'] = async (started) => {
    const subject = await started;
    children.push(subject.child);
    return subject;
  };
  const say = (text: string): void =>
    void process.stderr.write(`${Math.round(process.uptime())} s, ${name}: ${text}\n`);
  try {
    const vendor = await use(startVendor());
    return await measure({ ...settings, vendor, use, say });
  } finally {
    for (const child of children.toReversed()) await child.stop();
  }
}

process.exitCode = await main();
process.exit();
