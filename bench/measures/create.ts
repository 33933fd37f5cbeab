import { type Bench, medianOf, medianRatio, takeTurns, warmUps } from '../bench.ts';
import { startNode } from '../child.ts';
import { atLeast, atMost, type Figure, type Measured } from '../figures.ts';
import { neverLooks, startGateway } from '../gateway.ts';
import { applyLoad, type LoadResult } from '../load.ts';
import { startNginx } from '../nginx.ts';
import { servers } from '../places.ts';
import { vendorHeaders } from '../vendor.ts';

const connections = 50;
const input = { url: 'https://shop.example/kettles/42', depth: 2 };
export const startPath = '/api/v1/workspace/bench/projects/bench/run/start';
const fewRounds = 2;
const listens = /listens: (\S+)/;

/** `POST /runs`, acknowledged durably, each run started at the vendor in the same load. */
export async function measureCreate(bench: Bench): Promise<Measured> {
  const { vendor, scratch, rounds } = bench;
  const gateway = await bench.use(startGateway({ name: 'create', scratch, vendorUrl: vendor.url, pacing: neverLooks }));
  const post = (path: string, headers: Record<string, string>, body: object) =>
    ({ method: 'POST', path, headers, body: JSON.stringify(body) }) as const;
  const json = { 'content-type': 'application/json' };
  const create = post('/runs', json, { agent_id: 'echo', input });
  const start = post(startPath, vendorHeaders, { api: 'echo', parameters: input });
  const passThrough = await bench.use(startListening('pass-through.ts', vendor.url));
  const bareKoa = await bench.use(
    startBareKoa(await fetchAnswer(`${gateway.url}/runs`, { method: 'POST', headers: json, body: create.body })),
  );
  const nginx = await startNginx(scratch, vendor.url);
  if ('child' in nginx) await bench.use(Promise.resolve(nginx));

  const turn = async (
    { child, url }: Awaited<ReturnType<typeof startListening>>,
    request: typeof create,
    isStarting: boolean,
  ): Promise<LoadResult> => {
    const { starts: before } = await vendor.counts();
    const settled = async (): Promise<number> => (await vendor.settledCounts()).starts - before;
    const load = { url, connections, seconds: bench.seconds, requests: [request], subjects: [child] };
    return await applyLoad(isStarting ? { ...load, settled } : load);
  };
  const contestants = {
    passThrough: () => turn(passThrough, start, true),
    gateway: () => turn(gateway, create, true),
    bareKoa: () => turn(bareKoa, create, false),
    nginx: 'child' in nginx ? () => turn(nginx, start, true) : null,
  };
  bench.say('warming up');
  const { passThrough: ofPassThrough, gateway: ofGateway } = contestants;
  await takeTurns(1, contestants);
  await takeTurns(warmUps - 1, { passThrough: ofPassThrough, gateway: ofGateway });
  bench.say(`${rounds} rounds`);
  const { passThrough: ofBare, gateway: ofCreate } = await takeTurns(rounds, {
    passThrough: ofPassThrough,
    gateway: ofGateway,
  });
  // Not compared with anything, so a few turns are enough.
  const others = await takeTurns(fewRounds, { bareKoa: contestants.bareKoa, nginx: contestants.nginx });
  const results = { passThrough: ofBare, gateway: ofCreate, ...others };
  const figures = [
    ...describe('create', results.gateway),
    {
      name: 'create: main thread, each',
      value: medianOf(results.gateway, 'mainThreadMicros'),
      unit: 'us',
      bar: atMost(100),
    },
    ...describe('create: pass-through', results.passThrough),
    ...describe('create: bare Koa route, no vendor', results.bareKoa),
    ...('child' in nginx ? describe('create: nginx', results.nginx) : []),
    ...compare(results),
  ];
  return { figures, ...('unavailable' in nginx && { skipped: [`create: nginx: ${nginx.unavailable}`] }) };
}

type Results = Readonly<Record<'gateway' | 'passThrough', readonly LoadResult[]>>;

function compare({ gateway, passThrough }: Results): readonly Figure[] {
  const ratio = (key: keyof LoadResult): number => medianRatio(gateway, passThrough, key);
  return [
    { name: 'create / pass-through, requests a second', value: ratio('perSecond'), unit: '', bar: atLeast(0.45) },
    { name: 'create / pass-through, CPU', value: ratio('cpuMicros'), unit: '', bar: atMost(2.8) },
    { name: 'create / pass-through, p99', value: ratio('p99Ms'), unit: '', bar: atMost(2) },
  ];
}

/** The usual four lines of one contestant. */
export function describe(name: string, results: readonly LoadResult[]): readonly Figure[] {
  return [
    { name: `${name}, a second`, value: medianOf(results, 'perSecond'), unit: '1/s' },
    { name: `${name}, p50`, value: medianOf(results, 'p50Ms'), unit: 'ms' },
    { name: `${name}, p99`, value: medianOf(results, 'p99Ms'), unit: 'ms' },
    { name: `${name}, CPU each`, value: medianOf(results, 'cpuMicros'), unit: 'us' },
  ];
}

/** What Node or Koa put into every answer by themselves. */
export const ownHeaders = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];

/** Koa with nothing behind it, which gives the same answer as the gateway: the same headers, the same body. */
export async function startBareKoa(answered: { readonly headers: Headers; readonly body: string }) {
  const headers = Object.fromEntries([...answered.headers].filter(([name]) => !ownHeaders.includes(name)));
  return await startListening('bare-koa.ts', JSON.stringify({ headers, body: answered.body }));
}

/** One whole answer of the gateway. */
export async function fetchAnswer(url: string, init: RequestInit = {}) {
  const response = await fetch(url, init);
  return { headers: response.headers, body: await response.text() };
}

/** Starts one of the servers to compare with. */
export async function startListening(name: string, ...args: readonly string[]) {
  const flags = ['--expose-gc', '--import', `${servers}/collect-on-signal.ts`];
  const child = startNode({ file: `${servers}/${name}`, args, flags, ready: listens });
  const [, url = ''] = await child.whenReady();
  return { child, url };
}
