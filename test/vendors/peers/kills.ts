import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { PeerClient } from './client.ts';
import type { PeerGateway } from './gateway.ts';

/** What was seen of a peer: a word, or what went wrong. */
export type Outcome = { readonly seen: string } | { readonly wrong: string };

type Made = { readonly id: string; readonly text: string };
type Prepared = { readonly client: PeerClient; readonly before: number; readonly runs: readonly Made[] };

type Kill = {
  prepare(client: PeerClient): Promise<Prepared>;
  judge(prepared: Prepared): Promise<string>;
};

const runsOnTheWay = 3;

/** The gateway is killed once every vendor lists a run that goes on. */
const whileRunning: Kill = {
  async prepare(client) {
    const before = (await client.listed()).length;
    const text = randomUUID();
    const id = await client.create({ mode: 'slow', text, ms: 6000 });
    await client.untilListed('the run', (runs) => runs.length === before + 1);
    return { client, before, runs: [{ id, text }] };
  },

  async judge({ client, before, runs: [run] }) {
    assert.ok(run !== undefined);
    const { run: ended, output } = await client.wait(run.id);
    assert.equal(ended.status, 'success', JSON.stringify(output));
    assert.ok(JSON.stringify(output).includes(run.text), 'the output is not the answer of the agent');
    assert.equal((await client.listed()).length - before, 1, 'starts that the vendor lists');
    return 'success, 1 start';
  },
};

/** The gateway is killed as soon as it has accepted a few runs for every vendor, while their starts are on the way. */
const whileStarting: Kill = {
  async prepare(client) {
    const before = (await client.listed()).length;
    const texts = Array.from({ length: runsOnTheWay }, () => randomUUID());
    const runs = texts.map(async (text) => ({ id: await client.create({ mode: 'echo', text }), text }));
    return { client, before, runs: await Promise.all(runs) };
  },

  async judge({ client, before, runs }) {
    const ends = await Promise.all(runs.map(async ({ id }) => await client.wait(id)));
    const unknown = ends.filter(({ output }) => output?.errcode === 1002).length;
    const successes = ends.filter(({ run }) => run.status === 'success').length;
    assert.equal(successes + unknown, runs.length, JSON.stringify(ends));
    const starts = (await client.listed()).length - before;
    assert.ok(starts >= successes && starts <= runs.length, `${starts} starts of ${runs.length} runs`);
    const lost = unknown === 0 ? '' : `, ${unknown} unknown (1002)`;
    return `${successes} success${lost}, ${starts} starts`;
  },
};

export const kills: readonly { readonly name: string; readonly kill: Kill }[] = [
  { name: '`kill -9` while it runs', kill: whileRunning },
  { name: '`kill -9` while it starts', kill: whileStarting },
];

/** Kills the gateway once all clients are prepared, starts it again, and gives what was seen of each. */
export async function killGateway(
  gateway: PeerGateway,
  { prepare, judge }: Kill,
  clients: readonly PeerClient[],
): Promise<readonly Outcome[]> {
  const prepared = await Promise.all(clients.map(async (client) => await attempt(async () => await prepare(client))));
  await gateway.kill();
  await gateway.start();
  return await Promise.all(
    prepared.map(async (one) => ('wrong' in one ? one : await attempt(async () => await judge(one.seen)))),
  );
}

/** What the work gave, or what went wrong. */
export async function attempt<Seen>(
  work: () => Promise<Seen>,
): Promise<{ readonly seen: Seen } | { readonly wrong: string }> {
  try {
    return { seen: await work() };
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) };
  }
}
