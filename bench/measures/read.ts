import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { type Bench, medianRatio, takeTurns } from '../bench.ts';
import { atLeast, atMost, type Measured } from '../figures.ts';
import { startGateway } from '../gateway.ts';
import { applyLoad } from '../load.ts';
import { describe, fetchAnswer, startBareKoa } from './create.ts';

const connections = 50;
const runs = 1000;
const created = z.object({ run_id: z.string() });

/** `GET /runs/{id}` of finished runs, compared with a bare Koa route that answers the same bytes. */
export async function measureRead(bench: Bench): Promise<Measured> {
  const { vendor, scratch, seconds, rounds } = bench;
  const looksSoon = { floorMs: 20, watchedCeilingMs: 1000, ceilingMs: 15_000 };
  const gateway = await bench.use(startGateway({ name: 'read', scratch, vendorUrl: vendor.url, pacing: looksSoon }));
  bench.say(`${runs} runs`);
  const ids = await finishRuns(gateway.url);
  const bareKoa = await bench.use(startBareKoa(await fetchAnswer(`${gateway.url}/runs/${ids[0]}`)));
  const requests = ids.map((id) => ({ method: 'GET' as const, path: `/runs/${id}` }));
  const turn = ({ url, child }: typeof gateway) =>
    applyLoad({ url, connections, seconds, requests, subjects: [child] });
  const contestants = { bareKoa: () => turn(bareKoa), gateway: () => turn(gateway) };
  bench.say('warming up');
  await takeTurns(2, contestants);
  bench.say(`${rounds} rounds`);
  const results = await takeTurns(rounds, contestants);
  const perSecond = medianRatio(results.gateway, results.bareKoa, 'perSecond');
  const cpu = medianRatio(results.gateway, results.bareKoa, 'cpuMicros');
  return {
    figures: [
      ...describe('read', results.gateway),
      ...describe('read: bare Koa route, the same bytes', results.bareKoa),
      { name: 'read / bare Koa route, requests a second', value: perSecond, unit: '', bar: atLeast(0.8) },
      // Comparable even where the load tool, not the server, limits the rate.
      { name: 'read / bare Koa route, CPU', value: cpu, unit: '', bar: atMost(1 / 0.8) },
    ],
  };
}

async function finishRuns(url: string): Promise<readonly string[]> {
  const ids: string[] = [];
  const create = async (): Promise<void> => {
    while (ids.length < runs) {
      const body = JSON.stringify({ agent_id: 'echo', input: { url: `https://shop.example/${ids.length}`, depth: 2 } });
      const headers = { 'content-type': 'application/json' };
      const { run_id: id } = created.parse(
        await (await fetch(`${url}/runs`, { method: 'POST', headers, body })).json(),
      );
      ids.push(id);
    }
  };
  await Promise.all(Array.from({ length: 20 }, create));
  await Promise.all(ids.map((id) => waitForOutput(`${url}/runs/${id}/output?block_timeout=10`)));
  return ids;
}

async function waitForOutput(url: string): Promise<void> {
  for (;;) {
    const { status } = await fetch(url);
    if (status === 200) return;
    await sleep(100);
  }
}
