import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { atMost, type Figure, type Measured } from '../figures.ts';
import { type Gateway, neverLooks, startGateway } from '../gateway.ts';
import { applyLoad } from '../load.ts';
import { countSyncs, writtenBytes } from '../syncs.ts';
import { sequence } from './whole-run.ts';

/** Enough that a heartbeat or a checkpoint more or less makes no difference. */
const runsAlone = 400;
const runsTogether = 5000;
const warmUpRuns = 50;
const clients = 50;
const input = { url: 'https://shop.example/kettles/42', depth: 2 };

type Turn = { readonly clients: number; readonly runs: number; readonly isWhole: boolean };

/** What a run makes the kernel write, and how often it makes the disk durable, with the default store and pacing. */
export async function measureWritten(bench: Bench): Promise<Measured> {
  const { vendor, scratch } = bench;
  const start = (name: string, pacing?: typeof neverLooks) =>
    bench.use(startGateway({ name, scratch, vendorUrl: vendor.url, ...(pacing && { pacing }) }));
  const one = await start('written-one');
  const alone = { clients: 1, runs: runsAlone, isWhole: true };
  bench.say('one client');
  await takeTurn(one, { ...alone, runs: warmUpRuns });
  const bytesAlone = await kilobytes(one, alone);
  const counted = await countSyncs(one.child, () => takeTurn(one, alone));
  bench.say(`${clients} clients`);
  const creates = { clients, runs: runsTogether, isWhole: false };
  const wholes = { ...creates, isWhole: true };
  const [creating, ending] = [await start('written-creates', neverLooks), await start('written-runs')];
  for (const [gateway, turn] of [
    [creating, creates],
    [ending, wholes],
  ] as const)
    await takeTurn(gateway, turn);
  const figures: readonly Figure[] = [
    { name: 'written a run, one client', value: bytesAlone, unit: 'kB', bar: atMost(48) },
    ...('syncs' in counted
      ? [{ name: 'fsyncs a run, one client', value: counted.syncs / runsAlone, unit: '', bar: atMost(3.2) }]
      : []),
    {
      name: `written a create and start, ${clients} clients`,
      value: await kilobytes(creating, creates),
      unit: 'kB',
      bar: atMost(4.5),
    },
    { name: `written a run, ${clients} clients`, value: await kilobytes(ending, wholes), unit: 'kB', bar: atMost(16) },
  ];
  return { figures, ...('unavailable' in counted && { skipped: [`fsyncs: ${counted.unavailable}`] }) };
}

/** A kB has 1,000 bytes. */
async function kilobytes({ child, url }: Gateway, { clients, runs, isWhole }: Turn): Promise<number> {
  const before = writtenBytes(child);
  await takeTurn({ child, url }, { clients, runs, isWhole });
  return (writtenBytes(child) - before) / runs / 1000;
}

/** Clients that each create a run and, for whole runs, wait for its output. */
async function takeTurn({ child, url }: Gateway, { clients, runs, isWhole }: Turn): Promise<void> {
  const steps = sequence(
    { path: '/runs', body: { agent_id: 'echo', input }, idName: 'run_id' },
    (id) => `/runs/${id}/output?block_timeout=10`,
  );
  const requests = isWhole ? steps : steps.slice(0, 1);
  const amount = runs * requests.length;
  await applyLoad({ url, connections: clients, seconds: 0, amount, requests, subjects: [child] });
  // The last starts of what was only created are written a moment later.
  if (!isWhole) await sleep(200);
}
