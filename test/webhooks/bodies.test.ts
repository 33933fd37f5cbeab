import { expect, test } from 'vitest';
import type { Delivery, Outbox } from '../../src/contract/domain/webhook.ts';
import { Bodies } from '../../src/engine/webhooks/bodies.ts';
import { makeRun } from '../store/runs.ts';

const mebibyte = 1024 * 1024;
const run = makeRun({ request: { webhook: 'https://a.test/' } });

function delivery(difference: Partial<Delivery> = {}): Delivery {
  const { runId, tenant } = run;
  const place = { url: 'https://a.test/', receiver: 'main\na.test', state: 'waiting', attempts: 0 } as const;
  const times = { createdAtMs: 1, sinceMs: 1, dueAtMs: 1, endedAtMs: null, failure: null };
  return { runId, tenant, seq: 2, body: '', phase: 'done', ...place, ...times, ...difference };
}

/** Bodies of the given sizes, one after the other. */
function makeBodies(sizes: readonly number[], isKnown = true) {
  const left = [...sizes];
  const outbox = { runOf: async () => (isKnown ? run : null) } as Partial<Outbox> as Outbox;
  return new Bodies(outbox, () => 'x'.repeat(left.shift() ?? 0));
}

test('bodies are made while there is room, and a claimed delivery beyond that is left for later', async () => {
  const bodies = makeBodies([20 * mebibyte, 20 * mebibyte, 1]);
  const claimed = await Promise.all([bodies.take(delivery()), bodies.take(delivery()), bodies.take(delivery())]);
  expect(claimed.map(({ kind }) => kind)).toEqual(['body', 'body', 'later']);
  expect(bodies.areFull).toBe(true);
  const [first] = claimed;
  if (first?.kind === 'body') bodies.free(first.text);
  expect(bodies.areFull).toBe(false);
  expect(await bodies.take(delivery())).toEqual({ kind: 'body', text: 'x', headers: {} });
});

test('a large body makes the next claims small ones, for a while', async () => {
  const bodies = makeBodies([10, mebibyte, ...Array.from({ length: 100 }, () => 10)]);
  await bodies.take(delivery());
  expect(bodies.areLarge).toBe(false);
  await bodies.take(delivery());
  for (let n = 0; n < 100; n += 1) {
    expect(bodies.areLarge).toBe(true);
    await bodies.take(delivery());
  }
  expect(bodies.areLarge).toBe(false);
});

test('a delivery of an earlier version is sent with the body that it was stored with', async () => {
  const bodies = makeBodies([1]);
  expect(await bodies.take(delivery({ phase: undefined, body: '{"old":1}' }))).toEqual({
    kind: 'body',
    text: '{"old":1}',
  });
});

test('a delivery whose run is not known has no body', async () => {
  expect(await makeBodies([1], false).take(delivery())).toEqual({ kind: 'gone' });
});
