import { describe, expect, test } from 'vitest';
import { readLarge } from '../../src/compute/turns.ts';
import type { ThreadEvent } from '../../src/contract/domain/event.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { Bench } from './contract.ts';
import { makeDone, makeEvent, makeRun, nextVersion } from './runs.ts';
import { insertRun, makeCheckpoint, makeThread } from './threads.ts';

/** Characters of one to four bytes, so that some are cut wherever a text is; 2.2 MiB. */
const text = 'aé€😀'.repeat(230_000);
const list = Array.from({ length: 9000 }, (_, n) => ({ n, words: ['"', '\\', '\u2028', `${n} é`] }));

/** Rows of more than a quarter of a MiB: what comes back, and that one at a time is read. */
export function describeLargeRows(bench: () => Bench): void {
  describe('large rows', () => {
    test('a large run and its events come back as they were by every way to them', async () => {
      const { store } = bench();
      const run = makeRun({ request: { input: { text, list } } });
      await store.insert(run, [makeEvent(run)]);
      const value = { list, text };
      const done = { ...makeDone(run, run.updatedAtMs + 1000), outcome: { kind: 'result', value } } as const;
      const event = makeEvent(done, { kind: 'result', value });
      expect(await store.update({ run: done, expectedVersion: run.version, events: [event] })).toBe(true);
      expect(await store.find(run)).toEqual(done);
      expect(await store.find({ ...run, tenant: 'other' })).toBeNull();
      expect(await store.findOfAnyTenant(run.runId)).toEqual(done);
      const small = makeRun();
      await store.insert(small, [makeEvent(small)]);
      expect(new Set(await store.findAll([run, small]))).toEqual(new Set([done, small]));
      expect(await store.events(run.runId, 0, 10)).toEqual([makeEvent(run), event]);
      expect(await store.events(run.runId, 1, 10)).toEqual([event]);
      expect(await store.events(run.runId, 2, 10)).toEqual([]);
    });

    test('a thread and a checkpoint with a large state come back as they were', async () => {
      const { store } = bench();
      const thread = makeThread({ values: { text }, messages: [{ role: 'user', content: list }] });
      await store.threads.insertThread(thread);
      const checkpoint = makeCheckpoint(thread.threadId, { values: { text }, messages: list });
      expect(await store.threads.updateThread(thread, thread.version, checkpoint)).toBe(true);
      expect(await store.threads.findThread(thread)).toMatchObject({
        values: thread.values,
        messages: thread.messages,
      });
      expect(await store.threads.findThread(thread, { omitState: true })).toMatchObject({ values: null, messages: [] });
      const { threadId } = thread;
      expect(await store.threads.findCheckpoint(threadId, checkpoint)).toEqual(checkpoint);
    });

    test('a page of large events of a thread ends where it holds a quarter of a MiB, and goes on from there', async () => {
      const { store } = bench();
      const thread = makeThread();
      await store.threads.insertThread(thread);
      const values: Json[] = [
        { text: text.slice(0, 60_000) },
        { text: text.slice(0, 70_000) },
        { text },
        'small',
        { list },
        1,
      ];
      for (const value of values) {
        const run = await insertRun(store, thread.threadId);
        const done = { ...makeDone(run, run.updatedAtMs + 1000), outcome: { kind: 'result', value } } as const;
        const events = [makeEvent(done, { kind: 'result', value })];
        const effect = { status: 'idle', release: true } as const;
        expect(await store.update({ run: done, expectedVersion: run.version, events, thread: effect })).toBe(true);
      }
      const query = { tenant: thread.tenant, threadId: thread.threadId, limit: 100 };
      const pages: (readonly ThreadEvent[])[] = [];
      for (let afterSeq = 0; ; afterSeq = pages.at(-1)?.at(-1)?.threadSeq ?? 0) {
        const page = await store.threads.threadEvents({ ...query, afterSeq });
        if (page.length === 0) break;
        pages.push(page);
      }
      const events = pages.flat();
      const results = events.flatMap(({ change }) => (change.kind === 'result' ? [change.value] : []));
      expect(results).toEqual(values);
      expect(events.map(({ threadSeq }) => threadSeq)).toEqual(
        events.map(({ threadSeq }) => threadSeq).toSorted((a, b) => a - b),
      );
      for (const page of pages) {
        const bytes = Buffer.byteLength(JSON.stringify(page));
        expect(page.length === 1 || bytes < 300_000).toBe(true);
      }
      expect(pages.length).toBeGreaterThan(3);
      expect(pages.length).toBeLessThan(events.length);
    });

    test('what is large is read once no other large value is, and what is small at any time', async () => {
      const { store } = bench();
      const thread = makeThread({ values: { text } });
      await store.threads.insertThread(thread);
      const run = makeRun({ request: { input: { text } } });
      await store.insert(run, [makeEvent(run)]);
      const shown = nextVersion(run, { lastSeq: 2 });
      const partial = makeEvent(shown, { kind: 'partial', value: text });
      await store.update({ run: shown, expectedVersion: run.version, events: [partial] });
      const small = makeRun();
      await store.insert(small, [makeEvent(small)]);
      const held = Promise.withResolvers<void>();
      const holding = readLarge(null, () => held.promise);
      let read = 0;
      const reads = [
        store.find(run),
        store.findOfAnyTenant(run.runId),
        store.events(run.runId, 0, 10),
        store.threads.findThread(thread),
      ].map(async (reading) => {
        await reading;
        read += 1;
      });
      // Far more round trips than those would need.
      for (let times = 0; times < 50; times += 1) expect(await store.find(small)).toEqual(small);
      expect(read).toBe(0);
      held.resolve();
      await Promise.all([holding, ...reads]);
      expect(read).toBe(4);
    });
  });
}
