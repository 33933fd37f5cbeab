import fc from 'fast-check';
import { ResponseStream } from 'openai/lib/responses/ResponseStream';
import { describe, expect, test } from 'vitest';
import type { Change, RunEvent } from '../../src/contract/domain/event.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { ReplyStream } from '../../src/protocols/openai/reply-stream.ts';
import { readSequenceNumber, sequenceNumberOf } from '../../src/protocols/openai/sequence.ts';
import { eventOf, runOf } from './scripted-api.ts';

const begin: readonly Change[] = [
  { kind: 'phase', phase: 'queued' },
  { kind: 'phase', phase: 'running' },
];

function partial(text: string): Change {
  return { kind: 'partial', value: { reply: text } };
}
function result(text: string): Change {
  return { kind: 'result', value: { reply: text } };
}

function recorded(changes: readonly Change[]): readonly RunEvent[] {
  return changes.map((change, at) => eventOf(at + 1, change));
}

/** As the events are kept: of the partial outputs the last one. */
function kept(events: readonly RunEvent[]): readonly RunEvent[] {
  const last = events.findLast(({ change }) => change.kind === 'partial');
  return events.map((event) =>
    event.change.kind === 'partial' && event !== last ? { ...event, change: { kind: 'replaced' } } : event,
  );
}

/** What a reader gets that has seen everything up to a number. */
async function read(events: readonly RunEvent[], after: number | null = null): Promise<readonly JsonObject[]> {
  const position = after === null ? null : readSequenceNumber(after);
  const run = runOf({ lastSeq: events.length });
  const segment = { key: { runId: run.runId, fromSeq: 0 }, run, answered: null };
  const stream = new ReplyStream({ segment, replier: {}, after: position });
  const sent: JsonObject[] = [];
  for (const event of events.slice(position === null ? 0 : position.seq - 1)) {
    for (const { data } of await stream.expand(event)) sent.push(data as JsonObject);
    if (stream.endsAfter(event)) break;
  }
  return sent;
}

function numberOf({ sequence_number: number }: JsonObject): number {
  return Number(number);
}

function textOf(events: readonly JsonObject[]): string {
  return events.map(({ type, delta }) => (type === 'response.output_text.delta' ? String(delta) : '')).join('');
}

function withoutText(events: readonly JsonObject[]): readonly string[] {
  return events.map(({ type }) => String(type)).filter((type) => type !== 'response.output_text.delta');
}

/** The SDK's own reading of a stream; it refuses events that do not fit together. */
async function accumulate(events: readonly JsonObject[]) {
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join('');
  return await ResponseStream.fromReadableStream(new Blob([text]).stream()).finalResponse();
}

describe('the numbers of events of a response', () => {
  test('a number holds event, length of the text and kind, and is read back', () => {
    const position = { seq: 3, textLength: 5, kind: 22 };
    expect(sequenceNumberOf(position)).toBe(3_000_000_522);
    expect(readSequenceNumber(3_000_000_522)).toEqual(position);
    const far = { seq: 9_000_000, textLength: 9_999_999, kind: 99 };
    expect(readSequenceNumber(sequenceNumberOf(far))).toEqual(far);
    expect(sequenceNumberOf({ ...far, textLength: 10_000_000 })).toBe(sequenceNumberOf(far));
  });

  test.each([0, 1, 999_999_999, 1.5, Number.NaN, Number.MAX_SAFE_INTEGER, 2 ** 60])(
    '%d is the number of no event',
    (odd) => {
      expect(readSequenceNumber(odd)).toBeNull();
    },
  );
});

const growingTexts = fc.array(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 6 });

test('a reader that is cut off anywhere gets the rest, although the partial outputs before are gone', async () => {
  await fc.assert(
    fc.asyncProperty(growingTexts, fc.nat(), async (pieces, cut) => {
      const texts = pieces.map((_piece, at) => pieces.slice(0, at + 1).join(''));
      const whole = texts.at(-1) ?? '';
      const events = recorded([...begin, ...texts.slice(0, -1).map(partial), result(whole)]);
      const live = await read(events);
      const numbers = live.map(numberOf);
      expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
      expect(textOf(live)).toBe(whole);
      const at = cut % live.length;
      const rest = await read(kept(events), numbers[at]);
      expect(textOf(live.slice(0, at + 1)) + textOf(rest)).toBe(whole);
      expect(withoutText(rest)).toEqual(withoutText(live.slice(at + 1)));
      const late = await read(kept(events));
      expect(textOf(late)).toBe(whole);
      // Only what begins the text belongs to whichever event the reader has first.
      const isEnd = ({ type }: JsonObject) => !/added|delta/.test(String(type));
      expect(late.filter(isEnd).map(numberOf)).toEqual(live.filter(isEnd).map(numberOf));
      expect((await accumulate(live)).output_text).toBe(whole);
    }),
    { numRuns: 150 },
  );
});

const anyTexts = fc.array(fc.string({ maxLength: 4 }), { minLength: 1, maxLength: 5 });
const ends: fc.Arbitrary<Change> = fc.oneof(
  fc.string({ maxLength: 4 }).map(result),
  fc.constant<Change>({ kind: 'error', errcode: 1000, description: 'cancelled' }),
  fc.constant<Change>({ kind: 'interrupt', payload: { ask: 'sure?' } }),
);

test('whatever an agent shows while it works, the SDK can read the stream, and its numbers grow', async () => {
  await fc.assert(
    fc.asyncProperty(anyTexts, ends, async (texts, last) => {
      const live = await read(recorded([...begin, ...texts.map(partial), last]));
      const numbers = live.map(numberOf);
      expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
      const response = await accumulate(live);
      expect(response.status).toBe(last.kind === 'error' ? 'cancelled' : 'completed');
      if (last.kind === 'result') expect(response.output_text).toBe((last.value as JsonObject).reply);
      // Every item that was begun has ended.
      const count = (type: string) => live.filter((event) => event.type === type).length;
      expect(count('response.output_item.done')).toBe(count('response.output_item.added'));
    }),
    { numRuns: 150 },
  );
});

describe('texts that are replaced', () => {
  const events = recorded([...begin, partial('Once upon'), partial('Nothing yet'), result('Well.')]);

  test('a partial output that is another text is held back, and the result is a message of its own', async () => {
    const live = await read(events);
    expect(withoutText(live).slice(2)).toEqual([
      ...['response.output_item.added', 'response.content_part.added', 'response.output_text.done'],
      ...['response.content_part.done', 'response.output_item.done', 'response.output_item.added'],
      ...['response.content_part.added', 'response.output_text.done', 'response.content_part.done'],
      ...['response.output_item.done', 'response.completed'],
    ]);
    const items = live.filter(({ type }) => type === 'response.output_item.done');
    expect(items).toMatchObject([
      { output_index: 0, item: { status: 'incomplete', content: [{ text: 'Once upon' }] } },
      { output_index: 1, item: { status: 'completed', content: [{ text: 'Well.' }] } },
    ]);
    expect(textOf(live)).toBe('Once uponWell.');
  });

  test('a reader that was cut off among the events of a replacement gets those that it lacks', async () => {
    const live = await read(events);
    const first = live.findIndex(({ type }) => type === 'response.output_text.done');
    for (let at = first; at < live.length; at += 1) {
      const event = live[at];
      const rest = await read(kept(events), event === undefined ? null : numberOf(event));
      const lacking = live.slice(at + 1);
      expect(rest.map(({ type, sequence_number }) => [type, sequence_number])).toEqual(
        lacking.map(({ type, sequence_number }) => [type, sequence_number]),
      );
      expect(textOf(rest)).toBe(textOf(lacking));
    }
  });

  test('a text that comes back to what was sent goes on', async () => {
    const live = await read(recorded([...begin, partial('Once'), partial('Wait'), result('Once more')]));
    expect(textOf(live)).toBe('Once more');
    expect(live.filter(({ type }) => type === 'response.output_item.added')).toHaveLength(1);
  });
});

describe('questions among the events of a run', () => {
  const asked: readonly Change[] = [
    ...begin,
    { kind: 'interrupt', payload: { ask: 'sure?' } },
    { kind: 'phase', phase: 'running' },
    { kind: 'interrupt', payload: { ask: 'really?' } },
    { kind: 'phase', phase: 'resuming' },
    { kind: 'phase', phase: 'running' },
    result('Done.'),
  ];
  const events = recorded(asked);

  async function part(fromSeq: number, answeredSeq: number | null): Promise<readonly JsonObject[]> {
    const run = runOf({ lastSeq: events.length });
    const answered = answeredSeq === null ? null : { seq: answeredSeq, payload: null };
    const segment = { key: { runId: run.runId, fromSeq }, run, answered };
    const stream = new ReplyStream({ segment, replier: {}, after: null });
    const sent: JsonObject[] = [];
    for (const event of events.slice(fromSeq)) {
      for (const { data } of await stream.expand(event)) sent.push(data as JsonObject);
      if (stream.endsAfter(event)) break;
    }
    return sent;
  }

  test('a question that the vendor took back is none, and one that was answered ends its response', async () => {
    const first = await part(0, 5);
    const calls = first.filter(({ type }) => type === 'response.function_call_arguments.done');
    expect(calls).toMatchObject([{ name: 'resume', arguments: '{"ask":"really?"}' }]);
    expect(first.at(-1)).toMatchObject({ type: 'response.completed', response: { status: 'completed' } });
    expect((await accumulate(first)).output).toMatchObject([{ type: 'function_call', arguments: '{"ask":"really?"}' }]);
  });

  test('what follows the answer is a response of its own, whose numbers go on', async () => {
    const [first, second] = [await part(0, 5), await part(5, null)];
    expect(second[0]).toMatchObject({
      type: 'response.created',
      response: { id: expect.stringMatching(/^resp_.*_5$/) },
    });
    expect(Math.min(...second.map(numberOf))).toBeGreaterThan(Math.max(...first.map(numberOf)));
    expect((await accumulate(second)).output_text).toBe('Done.');
  });
});
