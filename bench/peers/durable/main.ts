import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startPostgres } from '../../../test/store/postgres-server.ts';
import { describeMachine } from '../../machine.ts';
import { makeScratch } from '../../places.ts';
import { startVendor } from '../../vendor.ts';
import { type Contestant, contestants, makeDataDirectory, type Place } from './contestants.ts';
import { publish } from './publish.ts';
import { planFaults, type Schedule } from './schedule.ts';
import { judge, type Score } from './score.ts';
import { torment } from './torment.ts';

const usage = `npm run bench:peers -- --durable [--only NAME,NAME] [--runs N] [--seed N] [--patience SECONDS] [--keyed] [--json FILE]

  --only      ${Object.keys(contestants).join(', ')}
  --runs      of each engine, five in two seconds; default 300
  --seed      of the fault schedule; default 1
  --patience  after the last create, until what has no final answer counts as stuck; default 240
  --keyed     the jobs of the other engines send an idempotency key
  --json      the file of the report; default: one by the time in bench/results
`;

type Skipped = { readonly name: string; readonly reason: string };

/** The same faults for this gateway and for durable engines, as their quick starts leave them. */
async function main(): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    options: {
      only: text,
      runs: { ...text, default: '300' },
      seed: { ...text, default: '1' },
      patience: { ...text, default: '240' },
      keyed: { type: 'boolean', default: false },
      json: text,
      help: { type: 'boolean', default: false },
    },
  });
  const names = values.only?.split(',') ?? Object.keys(contestants);
  if (values.help || names.some((name) => contestants[name] === undefined)) {
    process.stdout.write(usage);
    return values.help ? 0 : 2;
  }
  const schedule = planFaults(Number(values.seed), Number(values.runs));
  const patienceMs = Number(values.patience) * 1000;
  const scratch = makeScratch();
  const startedMs = performance.now();
  const [vendor, postgres] = await Promise.all([startVendor(), startPostgres({ durable: true })]);
  const place = { scratch, vendor, postgres, isKeyed: values.keyed };
  try {
    const { scores, skipped } = await compare({ names, place, schedule, patienceMs });
    const tookSeconds = (performance.now() - startedMs) / 1000;
    publish({ machine: describeMachine(scratch), settings: values, tookSeconds, scores, skipped }, values.json);
    return 0;
  } finally {
    await vendor.child.stop();
    if (!('unavailable' in postgres)) await postgres.destroy();
  }
}

type Comparison = {
  readonly names: readonly string[];
  readonly place: Place;
  readonly schedule: Schedule;
  readonly patienceMs: number;
};

/** Their faults come one engine after the other; the ends of one's runs are waited for beneath the next one's faults. */
async function compare({ names, place, schedule, patienceMs }: Comparison) {
  const judged: Promise<Score | Skipped>[] = [];
  for (const name of names) {
    const made = await contestants[name]?.(place, makeDataDirectory(place.scratch, name));
    if (made === undefined || 'unavailable' in made) {
      judged.push(Promise.resolve({ name, reason: made?.unavailable ?? 'unknown' }));
      continue;
    }
    const { promise: calm, resolve } = Promise.withResolvers<void>();
    say(`${made.engine.name}: ${schedule.runs.length} runs, ${schedule.kills.length} kills`);
    const score = judgeOne(made, place, () => torment({ ...made, schedule, patienceMs, onCalm: resolve }));
    judged.push(score.finally(resolve));
    await calm;
    await sleep(1000);
  }
  const all = await Promise.all(judged);
  return {
    scores: all.filter((each): each is Score => !('reason' in each)),
    skipped: all.filter((each): each is Skipped => 'reason' in each).map(({ name, reason }) => `${name}: ${reason}`),
  };
}

async function judgeOne(
  { engine, proxy }: Contestant,
  { vendor }: Place,
  work: () => ReturnType<typeof torment>,
): Promise<Score | Skipped> {
  try {
    const done = await work();
    const score = judge(engine.name, done, await vendor.startsByKey());
    say(`${engine.name}: ${JSON.stringify(score)}`);
    return score;
  } catch (error) {
    return { name: engine.name, reason: String(error) };
  } finally {
    await engine.kill();
    proxy.close();
  }
}

function say(text: string): void {
  process.stderr.write(`${Math.round(process.uptime())} s, ${text}\n`);
}

process.exitCode = await main();
process.exit();
