import type autocannon from 'autocannon';
import { type Bench, medianOf, medianRatio, takeTurns, warmUps } from '../bench.ts';
import { atMost, type Measured } from '../figures.ts';
import { startGateway } from '../gateway.ts';
import { applyLoad, type LoadResult } from '../load.ts';
import { vendorHeaders } from '../vendor.ts';
import { describe, startListening } from './create.ts';

/** Enough clients that neither side waits for them: a run waits 20 ms for its poll. */
const connections = 200;
/** As in the other measures: here the gateway is idle for half of the time, and few writes share a commit. */
const fewConnections = 50;
const fewRounds = 2;
const input = { url: 'https://shop.example/kettles/42', depth: 2 };
const project = '/api/v1/workspace/bench/projects/bench/run';
/** Short, so that the load is dense; the agent ends at once, so the first poll sees the end. */
const looksSoon = { floorMs: 20, watchedCeilingMs: 1000, ceilingMs: 15_000 };

/** Longer than a run waits for its only poll. */
const quietMs = 100;

type Step = autocannon.Request;

/** Creates a run and waits for its output. */
export const throughGateway: readonly Step[] = sequence(
  { path: '/runs', body: { agent_id: 'echo', input }, idName: 'run_id' },
  (id) => `/runs/${id}/output?block_timeout=10`,
);

/** A run from its creation to its output; the same client calls and vendor calls over the pass-through. */
export async function measureWholeRun(bench: Bench): Promise<Measured> {
  const { vendor, scratch, seconds, rounds } = bench;
  const gateway = await bench.use(startGateway({ name: 'whole', scratch, vendorUrl: vendor.url, pacing: looksSoon }));
  const passThrough = await bench.use(startListening('pass-through.ts', vendor.url));
  const throughNothing = sequence(
    { path: `${project}/start`, body: { api: 'echo', parameters: input }, idName: 'runId' },
    (id) => `${project}/${id}/result`,
  );
  let observesPerRun = Number.NaN;
  const turn = async (subject: typeof gateway, requests: readonly Step[], connections: number): Promise<LoadResult> => {
    const before = await vendor.counts();
    const settled = async (): Promise<number> => {
      const after = await vendor.settledCounts(quietMs);
      if (subject === gateway) observesPerRun = (after.observes - before.observes) / (after.starts - before.starts);
      return after.starts - before.starts;
    };
    return await applyLoad({ url: subject.url, connections, seconds, requests, subjects: [subject.child], settled });
  };
  const contestants = (connections: number) => ({
    passThrough: () => turn(passThrough, throughNothing, connections),
    gateway: () => turn(gateway, throughGateway, connections),
  });
  bench.say('warming up');
  await takeTurns(warmUps - 1, contestants(connections));
  bench.say(`${rounds} rounds`);
  const results = await takeTurns(rounds, contestants(connections));
  const few = await takeTurns(fewRounds, contestants(fewConnections));
  const ratio = medianRatio(results.gateway, results.passThrough, 'cpuMicros');
  const names = ['whole run', 'whole run: pass-through, the same four calls'] as const;
  return {
    figures: [
      ...onlyWholeRuns(describe(names[0], results.gateway)),
      { name: 'whole run, looks at the vendor', value: observesPerRun, unit: 'each' },
      ...onlyWholeRuns(describe(names[1], results.passThrough)),
      { name: 'whole run / pass-through, CPU', value: ratio, unit: '', bar: atMost(3) },
      {
        name: `whole run / pass-through, CPU, ${fewConnections} connections`,
        value: medianRatio(few.gateway, few.passThrough, 'cpuMicros'),
        unit: '',
        bar: atMost(6),
      },
      { name: 'whole run, CPU of the load tool', value: medianOf(results.gateway, 'toolCpuMicros'), unit: 'us' },
    ],
  };
}

/** Latencies of the two calls together say nothing. */
function onlyWholeRuns(figures: Measured['figures']): Measured['figures'] {
  return figures.filter(({ unit }) => unit !== 'ms');
}

/** Creates a run, then waits for its output. */
export function sequence(
  first: { readonly path: string; readonly body: object; readonly idName: string },
  second: (id: string) => string,
): readonly Step[] {
  const idPattern = new RegExp(`"${first.idName}":"([^"]+)"`);
  return [
    {
      method: 'POST',
      path: first.path,
      headers: vendorHeaders,
      body: JSON.stringify(first.body),
      onResponse: (_status, body, context) => Object.assign(context, { id: idPattern.exec(body)?.[1] }),
    },
    {
      method: 'GET',
      headers: vendorHeaders,
      setupRequest: (request, context) => ({
        ...request,
        path: second('id' in context && typeof context.id === 'string' ? context.id : 'none'),
      }),
    },
  ];
}
