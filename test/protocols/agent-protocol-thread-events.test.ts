import { afterEach, describe, expect, test } from 'vitest';
import type { JoinThread } from '../../src/contract/api/runs.ts';
import type { EventBatches, ThreadEvent } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { kinds, openRig, type Rig, tenant } from '../engine/engine-rig.ts';

const threadId = '0198c5a0-0000-7000-8000-00000000000a';
const key = { tenant, threadId };
const done = { status: 'success', output: { n: 1 } };

let rig: Rig;
afterEach(() => rig.close());

async function open(): Promise<void> {
  rig = await openRig();
  await rig.engine.api.threads.create({ tenant, threadId, metadata: {}, ifExists: 'raise' });
}

async function start(whenBusy: JoinThread['whenBusy'] = 'enqueue', afterMs = 0): Promise<Run> {
  const thread = { threadId, ifNotExists: 'reject', whenBusy } as const;
  const request = { input: {}, afterMs };
  return (await rig.engine.api.runs.create({ tenant, agent: undefined, request, thread })).run;
}

const watch = (afterSeq: number | null) => rig.engine.api.threads.watch(key, { afterSeq });

const over = { done: true, value: undefined };

/** At least `count` events of a stream. */
async function take(stream: EventBatches<ThreadEvent>, count: number): Promise<readonly ThreadEvent[]> {
  const events: ThreadEvent[] = [];
  while (events.length < count) {
    const batch = await stream.next();
    if (batch.done === true) throw new Error(`the stream ended after ${events.length} events`);
    events.push(...batch.value);
  }
  return events;
}

function shown(events: readonly ThreadEvent[], ...runs: readonly Run[]): readonly string[] {
  const names = new Map(runs.map(({ runId }, at) => [runId, 'abc'[at]]));
  return kinds(events).map((kind, at) => {
    const change = events[at]?.change;
    const waits = change?.kind === 'phase' && change.waiting !== undefined ? ` ${change.waiting}` : '';
    return `${names.get(events[at]?.runId ?? '')} ${kind}${waits}`;
  });
}

describe('the events of a thread', () => {
  test("a thread's stream has the events of its runs in the order in which they were written", async () => {
    await open();
    rig.vendor.observeScript.push({ status: 'running' });
    const a = await start();
    const b = await start();
    await rig.clock.advance(5000);
    rig.vendor.observeScript.splice(0, 1, done);
    await rig.clock.advance(60_000);
    const events = await take(await watch(0), 7);
    const ofA = ['a running', 'b queued thread-busy', 'a result'];
    expect(shown(events, a, b)).toEqual(['a queued', 'b queued', ...ofA, 'b running', 'b result']);
    const seqs = events.map(({ threadSeq }) => threadSeq);
    expect(seqs).toEqual(seqs.toSorted((one, other) => one - other));
    expect(new Set(seqs).size).toBe(7);
    for (const [at, { threadSeq }] of events.slice(0, 6).entries()) {
      expect(await take(await watch(threadSeq), 6 - at)).toEqual(events.slice(at + 1));
    }
  });

  test("a thread's stream has runs that start after it was opened, and stays open between runs", async () => {
    await open();
    rig.vendor.observeScript.push(done);
    const stream = await watch(null);
    const first = take(stream, 3);
    const a = await start();
    await rig.clock.advance(60_000);
    expect(shown(await first, a)).toEqual(['a queued', 'a running', 'a result']);
    const second = take(stream, 3);
    const b = await start();
    await rig.clock.advance(60_000);
    expect(shown(await second, a, b)).toEqual(['b queued', 'b running', 'b result']);
  });

  test("a thread's stream has a new run at once, even one that waits", async () => {
    await open();
    const stream = await watch(null);
    const first = take(stream, 1);
    const a = await start('enqueue', 3_600_000);
    expect(shown(await first, a)).toEqual(['a queued']);
    await stream.return();
  });

  test("a thread's stream has the end of a run that removes the thread, and ends after it", async () => {
    await open();
    rig.vendor.observeScript.push(done);
    const stream = await watch(0);
    const request = { input: {}, onCompletion: 'delete' } as const;
    const thread = { threadId, ifNotExists: 'reject', whenBusy: 'reject' } as const;
    const { run } = await rig.engine.api.runs.create({ tenant, agent: undefined, request, thread });
    await rig.clock.advance(60_000);
    expect(shown(await take(stream, 3), run)).toEqual(['a queued', 'a running', 'a result']);
    expect(await stream.next()).toEqual(over);
  });

  test("a thread's stream starts with the live runs where no position is given", async () => {
    await open();
    rig.vendor.observeScript.push(done);
    await start();
    await rig.clock.advance(60_000);
    rig.vendor.observeScript.splice(0, 1, { status: 'running' });
    const b = await start();
    await rig.clock.advance(1000);
    expect(shown(await take(await watch(null), 2), b)).toEqual(['a queued', 'a running']);
  });

  test("a thread's stream continues after a crash with the same numbers", async () => {
    await open();
    rig.vendor.observeScript.push({ status: 'running' });
    const a = await start();
    const b = await start();
    await rig.clock.advance(5000);
    const before = await take(await watch(0), 3);
    rig = await rig.crash();
    rig.vendor.observeScript.splice(0, 1, done);
    const stream = await watch(before.at(-1)?.threadSeq ?? 0);
    const rest = take(stream, 3);
    await rig.clock.advance(120_000);
    expect(shown(await rest, a, b)).toEqual(['a result', 'b running', 'b result']);
    expect(await take(await watch(0), 6)).toEqual([...before, ...(await rest)]);
  });

  test("a thread's stream makes the thread's runs be polled as watched runs", async () => {
    await open();
    rig.vendor.observeScript.push({ status: 'running' });
    await start();
    const pollsWithin = async (spanMs: number) => {
      const before = rig.vendor.polls;
      await rig.clock.advance(spanMs);
      return rig.vendor.polls - before;
    };
    await rig.clock.advance(120_000);
    const alone = await pollsWithin(60_000);
    const stream = await watch(null);
    expect(await pollsWithin(60_000)).toBeGreaterThan(alone * 4);
    await stream.return();
    await rig.clock.advance(20_000);
    expect(await pollsWithin(60_000)).toBeLessThan(alone * 2);
  });

  test("a thread's stream ends after the last events of a removed thread, and when the reader leaves", async () => {
    await open();
    rig.vendor.observeScript.push(done);
    await start();
    await rig.clock.advance(60_000);
    const [reader, waiting] = [await watch(0), await watch(null)];
    expect(await take(reader, 3)).toHaveLength(3);
    const end = reader.next();
    const left = waiting.next();
    await waiting.return();
    expect(await left).toEqual(over);
    await rig.engine.api.threads.delete(key);
    expect(await end).toEqual(over);
    await expect(watch(0)).rejects.toMatchObject({ code: 'thread_not_found' });
    const theirs = rig.engine.api.threads.watch({ ...key, tenant: 'theirs' }, { afterSeq: 0 });
    await expect(theirs).rejects.toMatchObject({ code: 'thread_not_found' });
  });

  test("a thread's stream gives a long history in order, in bounded batches", async () => {
    await open();
    rig.vendor.observeScript.push(done);
    const runs: Run[] = [];
    for (let n = 0; n < 90; n++) runs.push(await start());
    await rig.clock.advance(600_000);
    // Those that waited for long have an event that says so.
    const total = (await Promise.all(runs.map((run) => rig.events(run)))).flat().length;
    expect(total).toBeGreaterThan(270);
    const stream = await watch(0);
    const batches: number[] = [];
    const seqs: number[] = [];
    while (seqs.length < total) {
      const { value: batch = [] } = await stream.next();
      batches.push(batch.length);
      seqs.push(...batch.map(({ threadSeq }) => threadSeq));
    }
    expect(batches).toEqual([100, 100, 100, total - 300]);
    expect(seqs).toEqual([...new Set(seqs)].toSorted((one, other) => one - other));
  });
});
