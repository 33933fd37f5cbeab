import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Change, RunEvent } from '../../src/contract/domain/event.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import type { Site } from '../http/app.ts';
import { parseEvents } from './event-lines.ts';
import { openProtocols } from './protocol-sites.ts';
import { agentId, agentOf, eventOf, runId, runOf } from './scripted-api.ts';
import { checkpointOf, threadId, threadOf } from './scripted-threads.ts';

let site: Site;
beforeAll(async () => {
  site = await openProtocols();
  site.api.agents.byId.set(agentId, agentOf({ name: 'talk' }));
});
afterAll(async () => {
  await site[Symbol.asyncDispose]();
});

const asked = [{ role: 'user', content: 'hi', id: 'h-1' }];
const replyId = `${threadId}.1`;

/** What happens in a run: a text that is shown so far, a change of phase, a question that is answered. */
type Step = { readonly kind: 'shown'; readonly text: string } | { readonly kind: 'phase' } | { readonly kind: 'asked' };

const text = fc.stringMatching(/^[a-c]{0,6}$/);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: text.map((shown): Step => ({ kind: 'shown', text: shown })) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'phase' }) },
);

function eventsOf(steps: readonly Step[], final: string): readonly RunEvent[] {
  const changes = steps.flatMap((each): readonly Change[] => {
    if (each.kind === 'shown') return [{ kind: 'partial', value: { reply: each.text } }];
    if (each.kind === 'phase') return [{ kind: 'phase', phase: 'running', note: 'still here' }];
    return [
      { kind: 'interrupt', payload: { sure: null } },
      { kind: 'phase', phase: 'resuming' },
    ];
  });
  const all: readonly Change[] = [
    { kind: 'phase', phase: 'queued' },
    ...changes,
    { kind: 'result', value: { reply: final } },
  ];
  return all.map((change, at) => eventOf(at + 1, change, change.kind === 'result' ? 'success' : 'pending'));
}

/** The events as the store has them when the run has come to `upTo`: of partial outputs only the last one is kept. */
function storedAt(events: readonly RunEvent[], upTo: number): readonly RunEvent[] {
  const last = events.findLast(({ seq, change }) => seq <= upTo && change.kind === 'partial')?.seq ?? 0;
  return events.map((event) =>
    event.change.kind === 'partial' && event.seq < last ? { ...event, change: { kind: 'replaced' } as const } : event,
  );
}

type Sent = { readonly id: number; readonly event: string; readonly data: unknown };

/** What a reader gets that opens a stream when the run has come to `upTo`. */
async function read(events: readonly RunEvent[], upTo: number, lastSeen: number | null): Promise<readonly Sent[]> {
  const { runs, threads } = site.api;
  const partial = events.findLast(({ seq, change }) => seq <= upTo && change.kind === 'partial');
  const mark = partial === undefined ? {} : { partial: { seq: partial.seq, fingerprint: '', chars: 1, atMs: 0 } };
  const isDone = upTo === events.length;
  const state = isDone ? ({ phase: 'done', status: 'success' } as const) : {};
  runs.byId.set(runId, runOf({ threadId, request: { messages: asked }, lastSeq: upTo, ...mark, ...state }));
  threads.byId.set(threadId, threadOf({ activeRunId: runId }));
  const { change } = events.at(-1) ?? {};
  const said = change?.kind === 'result' ? String((change.value as JsonObject).reply) : '';
  const messages = [...asked, { role: 'assistant', content: said }];
  threads.checkpoints.splice(0, Infinity, checkpointOf({ values: { reply: said }, messages, runId }));
  runs.script = (stream) => stream.give(storedAt(events, upTo).filter(({ seq }) => seq > stream.afterSeq)).give(null);
  const path = `/langgraph/threads/${threadId}/runs/${runId}/stream?stream_mode=values,messages-tuple,updates,custom`;
  const answer = await site.fetch(path, lastSeen === null ? {} : { headers: { 'last-event-id': `${lastSeen}` } });
  const found = parseEvents(await answer.text());
  return found.map(({ id, event, data }) => ({ id: Number(id), event, data: JSON.parse(data) as unknown }));
}

/** The reply on the screen of a client that appends what comes in pieces. */
function screenOf(sent: readonly Sent[]): string | null {
  let shown: string | null = null;
  for (const { event, data } of sent) {
    if (event !== 'messages') continue;
    const [{ id, type, content }] = data as [{ id: string; type: string; content: string }];
    expect(id).toBe(replyId);
    shown = type === 'remove' ? null : `${shown ?? ''}${content}`;
  }
  return shown;
}

function isPiece({ event }: Sent): boolean {
  return event === 'messages';
}

test('a reader that is cut off anywhere, once or twice, gets the rest once and shows the reply', async () => {
  const cuts = fc.tuple(fc.nat(), fc.nat(), fc.nat(), fc.nat());
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 6 }), text, cuts, async (steps, final, [first, second, a, b]) => {
      const events = eventsOf(steps, final);
      // The run goes on between the three connections.
      const middle = (first % events.length) + 1;
      const whole = await read(events, 1, null);
      expect(screenOf(whole)).toBe(final);
      const ids = whole.map(({ id }) => id);
      expect(ids).toEqual([...new Set(ids)].toSorted((x, y) => x - y));
      const one = whole.slice(0, (a % whole.length) + 1);
      const next = await read(events, middle, one.at(-1)?.id ?? null);
      const two = next.slice(0, second % (next.length + 1));
      const seen = [...one, ...two];
      const rest = await read(events, b % 2 === 0 ? middle : events.length, seen.at(-1)?.id ?? null);
      const all = [...seen, ...rest];
      expect(screenOf(all)).toBe(final);
      const got = all.map(({ id }) => id);
      expect(got).toEqual([...new Set(got)].toSorted((x, y) => x - y));
      // Partial outputs that were replaced in between are not missed.
      const lasting = whole.filter((each) => !isPiece(each) && !isOfPartial(events, each));
      expect(all.filter((each) => !isPiece(each) && !isOfPartial(events, each)).map(({ id }) => id)).toEqual(
        lasting.map(({ id }) => id),
      );
    }),
    { numRuns: 80 },
  );
});

function isOfPartial(events: readonly RunEvent[], { id }: Sent): boolean {
  return events[Math.floor(id / 65_536) - 1]?.change.kind === 'partial';
}

test('a reader that has the end is answered that nothing follows', async () => {
  const events = eventsOf([], 'yes');
  const whole = await read(events, events.length, -1);
  const { id } = whole.at(-1) ?? { id: 0 };
  for (const path of [`/threads/${threadId}/runs/${runId}/stream`, `/runs/${runId}/stream`]) {
    const answer = await site.fetch(`/langgraph${path}`, { headers: { 'last-event-id': `${id}` } });
    expect([answer.status, await answer.text()]).toEqual([204, '']);
  }
});

test('an open question ends the stream in every mode, and one that was answered is not shown', async () => {
  const events = eventsOf([{ kind: 'asked' }], 'yes');
  const question = events.findIndex(({ change }) => change.kind === 'interrupt') + 1;
  const open = await read(events, question, null);
  expect(open.slice(-3).map(({ event }) => event)).toEqual(['updates', 'values', 'end']);
  const later = await read(events, events.length, null);
  expect(JSON.stringify(later)).not.toContain('__interrupt__');
  for (const mode of ['values', 'messages-tuple', 'debug']) {
    site.api.runs.byId.set(runId, runOf({ threadId, phase: 'interrupted', status: 'interrupted', lastSeq: question }));
    const answer = await site.fetch(`/langgraph/runs/${runId}/stream?stream_mode=${mode}`);
    const [asking] = parseEvents(await answer.text()).slice(-2);
    expect([mode, asking?.event, asking?.data]).toEqual([mode, 'values', expect.stringContaining('__interrupt__')]);
  }
});
