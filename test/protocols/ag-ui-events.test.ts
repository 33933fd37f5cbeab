import { EventSchema } from '@ag-ui/core/schemas';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Change, RunEvent, SentEvent } from '../../src/contract/domain/event.ts';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import { type ReaderPosition, readPosition } from '../../src/protocols/ag-ui/reader-position.ts';
import { messagePrefix, type Turn, TurnEvents } from '../../src/protocols/ag-ui/run-events.ts';
import { agentOf, eventOf, runOf } from './scripted-api.ts';

const run = runOf({ threadId: '0193b3a0-6b7c-7d2e-8f00-00000000beef' });

function turnOf(changes: Partial<Turn> = {}): Turn {
  return {
    run,
    agent: agentOf({}),
    threadId: 't',
    runId: 'r',
    afterSeq: 0,
    replayed: false,
    known: new Map(),
    ...changes,
  };
}

function eventsOf(changes: readonly Change[]): readonly RunEvent[] {
  return changes.map((change, at) => eventOf(at + 1, change));
}

/** What a reader gets, from the beginning or from a position. */
async function read(
  events: readonly RunEvent[],
  { from = null, turn = turnOf() }: { readonly from?: ReaderPosition | null; readonly turn?: Turn } = {},
): Promise<readonly SentEvent[]> {
  const reader = new TurnEvents(turn, from);
  const sent = [...reader.before];
  for (const event of events.filter(({ seq }) => seq > reader.afterSeq)) {
    sent.push(...(await reader.expand(event)));
    if (TurnEvents.endsAfter(event)) break;
  }
  return sent;
}

type Shown = { readonly kinds: readonly string[]; readonly messages: ReadonlyMap<string, string> };

/** What a client makes of the events, by the rules of its library. */
function show(events: readonly SentEvent[], has: ReadonlyMap<string, string> = new Map()): Shown {
  const messages = new Map(has);
  const open = new Set<string>();
  for (const { data } of events) {
    const judged = EventSchema.safeParse(data);
    expect(judged.error).toBeUndefined();
    const { type, messageId = '', delta = '' } = data as Record<string, string>;
    if (type === 'TEXT_MESSAGE_START') {
      expect(open.has(messageId)).toBe(false);
      open.add(messageId);
      messages.set(messageId, messages.get(messageId) ?? '');
    }
    if (type === 'TEXT_MESSAGE_CONTENT') {
      expect(open.has(messageId)).toBe(true);
      messages.set(messageId, `${messages.get(messageId)}${delta}`);
    }
    if (type === 'TEXT_MESSAGE_END') expect(open.delete(messageId)).toBe(true);
    if (type === 'RUN_FINISHED') expect(open.size).toBe(0);
  }
  return { kinds: events.map(({ data }) => String((data as JsonObject).type)), messages };
}

const partial = (text: string): Change => ({ kind: 'partial', value: { reply: text } });
const result = (value: Json): Change => ({ kind: 'result', value });
const phase: Change = { kind: 'phase', phase: 'running' };

describe('the events of a turn', () => {
  test('a text that grows is sent as deltas of one message', async () => {
    const sent = await read(eventsOf([phase, partial('Hel'), partial('Hello'), result({ reply: 'Hello!' })]));
    const { kinds, messages } = show(sent);
    expect(kinds).toEqual([
      ...['RUN_STARTED', 'CUSTOM', 'TEXT_MESSAGE_START', 'TEXT_MESSAGE_CONTENT', 'STATE_SNAPSHOT'],
      ...['TEXT_MESSAGE_CONTENT', 'STATE_SNAPSHOT', 'TEXT_MESSAGE_CONTENT', 'TEXT_MESSAGE_END', 'STATE_SNAPSHOT'],
      'RUN_FINISHED',
    ]);
    expect([...messages.values()]).toEqual(['Hello!']);
  });

  test('a text that is replaced by another one begins a new message', async () => {
    const { messages } = show(await read(eventsOf([partial('one'), partial('two'), result({ reply: 'two!' })])));
    expect([...messages]).toEqual([
      [`${messagePrefix(turnOf())}0`, 'one'],
      [`${messagePrefix(turnOf())}1`, 'two!'],
    ]);
  });

  test('a partial output without a text is a state and no message', async () => {
    const sent = await read(eventsOf([{ kind: 'partial', value: { step: 1 } }, result({ reply: 'done' })]));
    expect(show(sent).messages.size).toBe(1);
    expect(sent[1]?.data).toMatchObject({ type: 'STATE_SNAPSHOT', snapshot: { step: 1 } });
  });

  test('a state that clients would have to send back at a great size is not sent', async () => {
    const long = { reply: 'x', data: 'y'.repeat(200_000) };
    expect(show(await read(eventsOf([result(long)]))).kinds).not.toContain('STATE_SNAPSHOT');
  });

  test('an interrupt closes the message and ends the turn with its question', async () => {
    const agent = agentOf({
      schemas: {
        ...agentOf({}).schemas,
        interrupts: [{ type: 'approval', interruptPayload: {}, resumePayload: { type: 'object' } }],
      },
    });
    const payload = { interrupt_type: 'approval', question: 'Refund?', amount: 12 };
    const events = eventsOf([partial('Let me see'), { kind: 'interrupt', payload }, phase, result({ reply: 'no' })]);
    const sent = await read(events, { turn: turnOf({ agent }) });
    const last = sent.at(-1)?.data;
    expect(show(sent).kinds.slice(-2)).toEqual(['TEXT_MESSAGE_END', 'RUN_FINISHED']);
    expect(last).toMatchObject({
      outcome: {
        type: 'interrupt',
        interrupts: [
          {
            id: `${run.runId}.2`,
            reason: 'input_required',
            message: 'Refund?',
            responseSchema: { type: 'object' },
            expiresAt: new Date(run.deadlineAtMs).toISOString(),
            metadata: { rungate: { payload } },
          },
        ],
      },
    });
  });

  test('a cancelled run ends as cancelled, and a failed one with its errcode', async () => {
    const cancelled = await read(eventsOf([{ kind: 'error', errcode: 1000, description: 'cancelled' }]));
    expect(cancelled.at(-1)?.data).toMatchObject({ type: 'RUN_FINISHED', outcome: { type: 'cancelled' } });
    const failed = await read(eventsOf([partial('So f'), { kind: 'error', errcode: 2001, description: 'no page' }]));
    expect(failed.at(-1)?.data).toMatchObject({ type: 'RUN_ERROR', message: 'no page', code: '2001' });
    expect(show(failed).kinds.at(-2)).toBe('TEXT_MESSAGE_END');
  });

  test('an agent without a reply answers with the JSON of its output', async () => {
    const { messages } = show(await read(eventsOf([result([1, 2])])));
    expect([...messages.values()]).toEqual(['[1,2]']);
  });
});

/** Runs with texts that grow, shrink and change, and with what a vendor shows in between. */
const someChange = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('a', 'ab', 'abc', 'abcd', 'b', 'bc', '').map(partial) },
  { weight: 1, arbitrary: fc.constant(phase) },
  { weight: 1, arbitrary: fc.constant<Change>({ kind: 'partial', value: { step: 2 } }) },
);
const someEnd = fc.oneof(
  fc.constantFrom('abcd!', 'ab', 'b', '').map((reply) => result({ reply })),
  fc.constant<Change>({ kind: 'error', errcode: 2001, description: 'no' }),
  fc.constant<Change>({ kind: 'interrupt', payload: 'Go on?' }),
);
const someRun = fc.tuple(fc.array(someChange, { maxLength: 7 }), someEnd).map(([before, end]) => [...before, end]);

/** The history as a later reader finds it: of the partial outputs the last one is left. */
function replaced(changes: readonly Change[], upTo: number): readonly Change[] {
  const last = changes.slice(0, upTo).findLastIndex(({ kind }) => kind === 'partial');
  return changes.map((change, at) => (change.kind === 'partial' && at < last ? { kind: 'replaced' } : change));
}

describe('a reader that was cut off', () => {
  test('a reader that goes on after any event has what an uncut reader has, whatever was replaced meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(someRun, fc.nat(), fc.nat(), async (changes, cut, known) => {
        const whole = await read(eventsOf(changes));
        const had = whole.slice(0, (cut % whole.length) + 1);
        const from = readPosition(had.at(-1)?.id);
        const seen = from?.seq ?? 0;
        const later = seen + (known % (changes.length - seen + 1));
        const rest = await read(eventsOf(replaced(changes, later)), { from });
        const [joined, uncut] = [show([...had, ...rest]), show(whole)];
        expect(joined.kinds.at(-1)).toBe(uncut.kinds.at(-1));
        // What was replaced before it was read is in no history; a result is.
        const { value } = changes.at(-1) as { readonly value?: JsonObject };
        if (typeof value?.reply === 'string' && value.reply !== '')
          expect([...joined.messages.values()].at(-1)).toBe([...uncut.messages.values()].at(-1));
        // Nothing comes twice: no text was sent that an uncut reader would not have.
        for (const text of joined.messages.values())
          expect(['', 'abcd!', 'abcd', 'abc', 'ab', 'a', 'b', 'bc']).toContain(text);
        const ids = [...had, ...rest].map(({ id }) => id);
        expect(new Set(ids).size).toBe(ids.length);
      }),
      { numRuns: 500 },
    );
  });

  test('a client that asks for the whole turn again gets what its message lacks, and ends with the same text', async () => {
    await fc.assert(
      fc.asyncProperty(someRun, fc.nat(), async (changes, cut) => {
        const whole = await read(eventsOf(changes));
        const had = show(whole.slice(0, (cut % whole.length) + 1)).messages;
        const again = await read(eventsOf(replaced(changes, changes.length)), { turn: turnOf({ known: had }) });
        expect((again[0]?.data as JsonObject | undefined)?.type).toBe('RUN_STARTED');
        const joined = show(again, had).messages;
        const reply = (changes.at(-1) as { readonly value?: JsonObject }).value?.reply;
        if (typeof reply === 'string' && reply !== '') expect([...joined.values()]).toContain(reply);
        for (const text of joined.values()) expect(['', 'abcd!', 'abcd', 'abc', 'ab', 'a', 'b', 'bc']).toContain(text);
      }),
      { numRuns: 500 },
    );
  });

  test('an id that no stream gave is refused', () => {
    expect(() => readPosition('12')).toThrow('Last-Event-ID');
    expect(readPosition('-1')).toBeNull();
    expect(readPosition(undefined)).toBeNull();
  });
});
