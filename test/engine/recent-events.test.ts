import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Change, RunEvent } from '../../src/contract/domain/event.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import type { Store } from '../../src/contract/store/store.ts';
import { EventBus } from '../../src/engine/events/event-bus.ts';
import { LargeEvents } from '../../src/engine/events/large-events.ts';
import { RecentEvents } from '../../src/engine/events/recent-events.ts';
import { RunEventStream } from '../../src/engine/events/run-event-stream.ts';
import { openRig, type Rig } from './engine-rig.ts';

const partial = (value: string): Change => ({ kind: 'partial', value });
const eventOf = (seq: number, change: Change): RunEvent => ({ runId: 'r', seq, atMs: 0, status: 'pending', change });

describe('the recent events of a watched run', () => {
  const phase = (seq: number) => eventOf(seq, { kind: 'phase', phase: 'running' });

  test('nothing is known before a reader has read the store', () => {
    const recent = new RecentEvents();
    recent.add([phase(1)]);
    expect(recent.after(0)).toBeNull();
  });

  test('what was read and then published is known from the place where the reading began', () => {
    const recent = new RecentEvents();
    recent.learn(1, [phase(2)]);
    recent.add([phase(3), phase(4)]);
    expect([0, 1, 3, 4, 5].map((seq) => recent.after(seq)?.map((event) => event.seq))).toEqual([
      undefined,
      [2, 3, 4],
      [4],
      [],
      undefined,
    ]);
    recent.learn(0, [phase(1), phase(2), phase(3), phase(4)]);
    expect(recent.after(0)).toHaveLength(4);
  });

  test('an event that was known already changes nothing, and one that is missing makes all unknown', () => {
    const recent = new RecentEvents();
    recent.learn(0, [phase(1), phase(2)]);
    recent.add([phase(2), phase(3)]);
    expect(recent.after(0)?.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    recent.add([phase(5)]);
    expect(recent.after(0)).toBeNull();
    recent.learn(0, [phase(1)]);
    recent.add([]);
    expect(recent.after(0)).toBeNull();
  });

  test('of partial outputs the last one is known with its value', () => {
    const recent = new RecentEvents();
    recent.learn(0, [phase(1), eventOf(2, partial('a'))]);
    recent.add([eventOf(3, partial('b'))]);
    expect(recent.after(1)?.map(({ change }) => change)).toEqual([{ kind: 'replaced' }, partial('b')]);
  });

  test('a reader that has the terminal event learns from the store that nothing follows', () => {
    const recent = new RecentEvents();
    recent.learn(0, [phase(1), eventOf(2, { kind: 'result', value: 1 })]);
    expect([recent.after(1)?.length, recent.after(2)]).toEqual([1, null]);
  });

  test.each([
    ['a large event', [eventOf(3, partial('x'.repeat(9000)))]],
    ['several that are large together', [3, 4, 5].map((seq) => eventOf(seq, partial('x'.repeat(3000))))],
    ['a deep one', [eventOf(3, { kind: 'interrupt', payload: Array.from({ length: 600 }, () => [1]) })]],
    ['many events', Array.from({ length: 40 }, (_, at) => phase(3 + at))],
  ])('%s is not kept in memory, and makes all unknown', (_name, events) => {
    const recent = new RecentEvents();
    recent.learn(0, [phase(1), phase(2)]);
    for (const event of events) recent.add([event]);
    expect(recent.after(0)).toBeNull();
  });
});

describe('readers that join a watched run', () => {
  let rig: Rig;
  let run: Run;
  let bus: EventBus;
  let reads = 0;
  /** The rig's store, whose reads of events are counted. */
  let counted: Store;
  beforeEach(async () => {
    rig = await openRig();
    run = await rig.create();
    await rig.clock.settle();
    bus = new EventBus({ onPublish: () => {}, onRunWatched: () => {}, onThreadWatched: () => {} });
    reads = 0;
    counted = new Proxy(rig.store, {
      get: (store, name) => {
        const member: unknown = Reflect.get(store, name, store);
        if (typeof member !== 'function') return member;
        return (...words: unknown[]): unknown => {
          if (name === 'events') reads += 1;
          return Reflect.apply(member, store, words);
        };
      },
    });
  });
  afterEach(async () => {
    await rig.close();
  });

  const join = (afterSeq = 0) => new RunEventStream({ store: counted, bus, large: new LargeEvents() }, run, afterSeq);

  test('a hundred readers after the first one get the same events without a read of the store', async () => {
    const first = join();
    const { value: history = [] } = await first.next();
    expect([reads, history.map(({ seq }) => seq)]).toEqual([1, [1, 2]]);
    const later = Array.from({ length: 100 }, () => join());
    for (const stream of later) {
      const { value = [] } = await stream.next();
      // The very same objects, for which the frames are made already.
      expect(value.every((event, at) => event === history[at])).toBe(true);
    }
    const back = join(1);
    expect((await back.next()).value?.map(({ seq }) => seq)).toEqual([2]);
    expect(reads).toBe(1);
    for (const stream of [first, back, ...later]) await stream.return();
  });

  test('a reader that has everything waits for the next event, and has it as soon as the others', async () => {
    const first = join();
    await first.next();
    const late = join(2);
    const [heard, heardLate] = [first.next(), late.next()];
    await rig.clock.settle();
    const event = { ...eventOf(3, partial('a')), runId: run.runId };
    bus.publish({ runId: run.runId, run: { ...run, lastSeq: 3 }, events: [event] });
    expect([(await heard).value, (await heardLate).value]).toEqual([[event], [event]]);
    expect(reads).toBe(1);
    await Promise.all([first.return(), late.return()]);
  });

  test('a write of another replica makes the next reader read the store', async () => {
    const first = join();
    await first.next();
    bus.publish({ runId: run.runId, run: { ...run, lastSeq: 3 }, events: [] });
    const late = join();
    await late.next();
    expect(reads).toBe(2);
    await Promise.all([first.return(), late.return()]);
  });

  test('what was published while the store was read is not lost to readers that join after it', async () => {
    const first = join();
    const reading = first.next();
    const event = { ...eventOf(3, partial('a')), runId: run.runId };
    bus.publish({ runId: run.runId, run: { ...run, lastSeq: 3 }, events: [event] });
    await reading;
    const late = join();
    await late.next();
    // Nothing could be learned from the first reading, which may or may not have seen the event.
    expect(reads).toBe(2);
    await Promise.all([first.return(), late.return()]);
  });

  test('when the last reader has left, nothing of the run stays in memory', async () => {
    const first = join();
    await first.next();
    await first.return();
    expect(bus.recentOf(run.runId)).toBeUndefined();
    const late = join();
    await late.next();
    expect(reads).toBe(2);
    await late.return();
  });
});
