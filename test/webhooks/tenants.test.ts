import { describe, expect, test, vi } from 'vitest';
import { FairShare } from '../../src/engine/webhooks/fair-share.ts';
import { Receiver } from './receiver.ts';
import { type HookRig, openHooks } from './rig.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Receivers that do not answer yet; `counts` has the deliveries that each one got. */
async function openSlow(count: number) {
  const receivers = await Promise.all(Array.from({ length: count }, () => Receiver.open()));
  for (const receiver of receivers) receiver.plan = () => null;
  return {
    receivers,
    held: () => receivers.flatMap(({ received }) => received).filter((each) => each.answered() === null),
    counts: () => receivers.map(({ received }) => received.length),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(receivers.map((receiver) => receiver[Symbol.asyncDispose]()));
    },
  };
}

async function create({ rig }: HookRig, tenant: string, receiver: Receiver): Promise<void> {
  await rig.engine.api.runs.create({ tenant, agent: undefined, request: { input: {}, webhook: receiver.url } });
}

const poll = { interval: 5, timeout: 30_000 };

describe('a tenant whose receivers are all slow', () => {
  test('a tenant with slow receivers has half of the attempts under way and delays no other tenant', async () => {
    await using slow = await openSlow(20);
    await using quick = await Receiver.open();
    await using hooks = await openHooks();
    for (const receiver of slow.receivers) for (let n = 0; n < 5; n += 1) await create(hooks, 'loud', receiver);
    await hooks.say({ status: 'success', output: 'done' });
    await expect.poll(() => slow.held().length, poll).toBe(64);
    // By name one tenant comes before the other one, one after it.
    for (const tenant of ['before', 'quiet']) for (let n = 0; n < 30; n += 1) await create(hooks, tenant, quick);
    await hooks.rig.clock.advance(20_000);
    await quick.count(60);
    expect(new Set(quick.received.map(({ body }) => body.run_id)).size).toBe(60);
    expect(slow.held()).toHaveLength(64);
    expect(Math.max(...slow.counts())).toBe(4);
  });

  test('a tenant with slow receivers gets every delivery, and each receiver takes turns', async () => {
    await using slow = await openSlow(20);
    await using hooks = await openHooks();
    for (const receiver of slow.receivers) for (let n = 0; n < 12; n += 1) await create(hooks, 'loud', receiver);
    await hooks.say({ status: 'success', output: 'done' });
    await expect.poll(() => slow.held().length, poll).toBe(64);
    // Sixteen receivers had all of the room. What they leave is for the others first.
    for (const each of slow.held()) each.answer(204);
    await expect.poll(() => slow.held().length, poll).toBe(64);
    expect(Math.min(...slow.counts())).toBeGreaterThan(0);
    for (const receiver of slow.receivers) receiver.plan = () => 204;
    for (const each of slow.held()) each.answer(204);
    await expect.poll(slow.counts, poll).toEqual(Array(20).fill(12));
    // The answers come over real sockets: only their record is waited for.
    await expect.poll(() => hooks.rig.store.outbox.list({ states: ['waiting'], limit: 10 }), poll).toEqual([]);
  });
});

describe('the share of tenants', () => {
  const namesOf = (tenant: string, count: number) =>
    Array.from({ length: count }, (_, at) => `${tenant}\nhost-${String(at).padStart(3, '0')}`);

  /** Lets those receivers begin what they may; how many attempts that is. */
  function begin(fairShare: FairShare, due: readonly string[]): number {
    let begun = 0;
    for (let left = due; ; ) {
      const { receivers, each, rest } = fairShare.select(left);
      if (receivers.length === 0) return begun;
      for (const receiver of receivers) for (let n = 0; n < each; n += 1, begun += 1) fairShare.begin(receiver);
      left = rest;
    }
  }

  test('one tenant gets half of the attempts, and each further one as many as are free', () => {
    const fairShare = new FairShare();
    const shares = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'].map((tenant) => begin(fairShare, namesOf(tenant, 100)));
    expect(shares).toEqual([64, 32, 16, 8, 4, 2, 1, 1]);
    expect(fairShare.free).toBe(0);
    expect(fairShare.select(namesOf('i', 3))).toMatchObject({ receivers: [] });
  });

  test('attempts are shared evenly once tenants with many have finished some', () => {
    const fairShare = new FairShare();
    begin(fairShare, namesOf('a', 100));
    begin(fairShare, namesOf('b', 100));
    for (let at = 0; at < 64; at += 1) {
      // One attempt of `a` ends after the other, and freed places are taken.
      fairShare.end(namesOf('a', 64)[at] ?? '');
      fairShare.beginWalk();
      begin(fairShare, namesOf('a', 100).slice(64));
      begin(fairShare, namesOf('b', 100));
      fairShare.endWalk();
    }
    // 43 for each of the two.
    expect(fairShare.free).toBe(42);
  });

  test('receivers of a tenant at its bound are skipped, however many wait', () => {
    const fairShare = new FairShare();
    const names = namesOf('a', 300);
    fairShare.beginWalk();
    begin(fairShare, names.slice(0, 100));
    expect(fairShare.skip(names[99] ?? '')).toBe('a\v');
    expect(fairShare.endWalk()).toBe(false);
    fairShare.end(names[0] ?? '');
    fairShare.beginWalk();
    // The next walk begins where the last one found no room.
    expect(fairShare.select(names.slice(0, 60)).receivers).toEqual([]);
    expect(fairShare.skip(names[59] ?? '')).toBe(names[63]);
    expect(fairShare.select(names.slice(60, 120)).receivers).toEqual([names[64]]);
  });

  test('skipped receivers have their turn in a later walk', () => {
    const fairShare = new FairShare();
    const names = namesOf('a', 70);
    fairShare.beginWalk();
    begin(fairShare, names);
    for (const name of names.slice(0, 64)) fairShare.end(name);
    fairShare.endWalk();
    fairShare.beginWalk();
    // Of those behind the turn nothing is due any more.
    expect(fairShare.select(names.slice(0, 3)).receivers).toEqual([]);
    expect(fairShare.endWalk()).toBe(true);
    fairShare.beginWalk();
    expect(fairShare.select(names.slice(0, 3)).receivers).toEqual(names.slice(0, 3));
    expect(fairShare.endWalk()).toBe(false);
  });
});
