import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Change, RunEvent } from '../../src/contract/domain/event.ts';
import { EventBus } from '../../src/engine/events/event-bus.ts';
import { LargeEvents } from '../../src/engine/events/large-events.ts';
import { RunEventStream } from '../../src/engine/events/run-event-stream.ts';
import { openRig, type Rig, tenant } from './engine-rig.ts';

const unheard = { onPublish: () => {}, onRunWatched: () => {}, onThreadWatched: () => {} };

let rig: Rig;
beforeEach(async () => {
  rig = await openRig();
});
afterEach(async () => {
  await rig.close();
});

test('an event reaches a thousand waiting readers within two promise turns', async () => {
  const run = await rig.create();
  await rig.clock.settle();
  const bus = new EventBus(unheard);
  const streams = Array.from(
    { length: 1000 },
    () => new RunEventStream({ store: rig.store, bus, large: new LargeEvents() }, run, 2),
  );
  const received: RunEvent[] = [];
  const readings = streams.map(async (stream) => {
    for await (const batch of stream) received.push(...batch);
  });
  await rig.clock.settle();
  const event: RunEvent = {
    runId: run.runId,
    seq: 3,
    atMs: 0,
    status: 'pending',
    change: { kind: 'partial', value: 1 },
  };
  bus.publish({ runId: run.runId, run, events: [event] });
  await Promise.resolve();
  await Promise.resolve();
  expect(received).toEqual(Array.from({ length: 1000 }, () => event));
  for (const stream of streams) void stream.return();
  await Promise.all(readings);
});

test('leaving a loop over an event stream unsubscribes its reader', async () => {
  const run = await rig.create();
  await rig.clock.settle();
  const bus = new EventBus(unheard);
  for await (const _batch of new RunEventStream({ store: rig.store, bus, large: new LargeEvents() }, run, 0)) break;
  expect(bus.isWatched(run.runId)).toBe(false);
});

test('a reader of an event stream that leaves while it waits ends at once', async () => {
  const run = await rig.create();
  await rig.clock.settle();
  const stream = await rig.engine.api.runs.watch({ tenant, runId: run.runId }, 2);
  const waiting = stream.next();
  await rig.clock.settle();
  expect(await stream.return()).toEqual({ done: true, value: undefined });
  expect(await waiting).toEqual({ done: true, value: undefined });
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test('of partial outputs only the newest waits for a reader that is slow, and no number is left out', async () => {
  const run = await rig.create();
  await rig.clock.settle();
  const bus = new EventBus(unheard);
  const stream = new RunEventStream({ store: rig.store, bus, large: new LargeEvents() }, run, 2);
  // The reader has all there is, and is busy with it from now on.
  const waiting = stream.next();
  await rig.clock.settle();
  const changes: Change[] = [
    { kind: 'partial', value: 'a' },
    { kind: 'partial', value: 'b' },
    { kind: 'interrupt', payload: 'go?' },
    { kind: 'partial', value: 'c' },
    { kind: 'partial', value: 'd' },
  ];
  for (const [at, change] of changes.entries()) {
    const event: RunEvent = { runId: run.runId, seq: 3 + at, atMs: 0, status: 'pending', change };
    bus.publish({ runId: run.runId, run: { ...run, lastSeq: event.seq }, events: [event] });
  }
  const [first, second] = [await waiting, await stream.next()];
  const seen = [...(first.value ?? []), ...(second.value ?? [])];
  expect(seen.map(({ seq }) => seq)).toEqual([3, 4, 5, 6, 7]);
  expect(seen.map(({ change }) => change)).toEqual([
    changes[0],
    { kind: 'replaced' },
    changes[2],
    { kind: 'replaced' },
    changes[4],
  ]);
  await stream.return();
});

test('a reader with a tap takes an event in the turn in which it is published, and what it leaves is handed over', async () => {
  const run = await rig.create();
  await rig.clock.settle();
  const bus = new EventBus(unheard);
  const stream = new RunEventStream({ store: rig.store, bus, large: new LargeEvents() }, run, 2);
  const taken: number[] = [];
  stream.tap((events) => {
    taken.push(...events.map(({ seq }) => seq));
    return events.length > 1 ? events.slice(1) : null;
  });
  const waiting = stream.next();
  await rig.clock.settle();
  const eventAt = (seq: number): RunEvent => ({
    ...{ runId: run.runId, seq, atMs: 0, status: 'pending' },
    change: { kind: 'phase', phase: 'running' },
  });
  bus.publish({ runId: run.runId, run, events: [eventAt(3)] });
  expect(taken).toEqual([3]);
  bus.publish({ runId: run.runId, run, events: [eventAt(4), eventAt(5)] });
  expect(taken).toEqual([3, 4, 5]);
  expect((await waiting).value).toEqual([eventAt(5)]);
  // Nothing is waiting for news now, so that none is offered.
  bus.publish({ runId: run.runId, run, events: [eventAt(6)] });
  expect(taken).toEqual([3, 4, 5]);
  expect((await stream.next()).value).toEqual([eventAt(6)]);
  const last = stream.next();
  bus.publish({
    ...{ runId: run.runId, run },
    events: [{ ...eventAt(7), status: 'success', change: { kind: 'result', value: 1 } }],
  });
  expect(taken).toEqual([3, 4, 5, 7]);
  expect(await last).toEqual({ done: true, value: undefined });
});
