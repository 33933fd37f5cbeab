import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { PeerClient } from './client.ts';
import type { PeerGateway } from './gateway.ts';

/** What was seen of a peer: a word, or what went wrong. */
export type Outcome = { readonly seen: string } | { readonly wrong: string };

type Made = { readonly id: string; readonly text: string };
type Prepared = { readonly client: PeerClient; readonly before: number; readonly run: Made };

type Kill = {
  prepare(client: PeerClient): Promise<Prepared>;
  judge(prepared: Prepared): Promise<string>;
};

/** The gateway is killed once every vendor lists a run that goes on. */
const whileRunning: Kill = {
  async prepare(client) {
    const before = (await client.listed()).length;
    const text = randomUUID();
    const id = await client.create({ mode: 'slow', text, ms: 6000 });
    await client.untilListed('the run', (runs) => runs.length === before + 1);
    return { client, before, run: { id, text } };
  },

  async judge({ client, before, run }) {
    const { run: ended, output } = await client.wait(run.id);
    assert.equal(ended.status, 'success', JSON.stringify(output));
    assert.ok(JSON.stringify(output).includes(run.text), 'the output is not the answer of the agent');
    assert.equal((await client.listed()).length - before, 1, 'starts that the vendor lists');
    return 'success, 1 start';
  },
};

/** The vendor has begun the run and answered, and the gateway is killed before the answer reaches it. */
const whileStarting: Kill = {
  async prepare(client) {
    const before = (await client.listed()).length;
    const text = randomUUID();
    client.answers.hold();
    const id = await client.create({ mode: 'echo', text });
    await client.answers.untilHeld();
    return { client, before, run: { id, text } };
  },

  async judge({ client, before, run }) {
    const { run: ended, output } = await client.wait(run.id);
    assert.equal((await client.listed()).length - before, 1, 'starts that the vendor lists');
    if (client.peer.forgetsStarts === true) {
      assert.deepEqual([ended.status, output?.errcode], ['error', 1002]);
      return 'error 1002, 1 start';
    }
    assert.equal(ended.status, 'success', JSON.stringify(output));
    assert.ok(JSON.stringify(output).includes(run.text), 'the output is not the answer of the agent');
    return 'success, 1 start';
  },
};

export const kills: readonly { readonly name: string; readonly kill: Kill }[] = [
  { name: '`kill -9` while it runs', kill: whileRunning },
  { name: "`kill -9` before the start's answer arrives", kill: whileStarting },
];

/** Kills the gateway once all clients are prepared, starts it again, and gives what was seen of each. */
export async function killGateway(
  gateway: PeerGateway,
  { prepare, judge }: Kill,
  clients: readonly PeerClient[],
): Promise<readonly Outcome[]> {
  const prepared = await Promise.all(clients.map(async (client) => await attempt(async () => await prepare(client))));
  await gateway.kill();
  for (const { answers } of clients) answers.release();
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
