import { expect, test } from 'vitest';
import type { Json, JsonObject } from '../../src/contract/domain/json.ts';
import type { Run } from '../../src/contract/domain/run.ts';
import { decodeMessages, encodeMessages } from '../../src/protocols/langgraph/messages.ts';
import { encodeDelivery } from '../../src/protocols/langgraph/run-answers.ts';
import { agentId, runId, runOf } from './scripted-api.ts';

test.each([
  ['by type', { type: 'human', content: 'hi', id: 'm-1' }, { role: 'user', content: 'hi', id: 'm-1' }],
  ['by role', { role: 'assistant', content: 'hi' }, { role: 'assistant', content: 'hi' }],
  [
    'by the words of the SDK for both',
    { role: 'human', type: 'human', content: 'hi' },
    { role: 'user', content: 'hi' },
  ],
  ['as a pair', ['ai', 'hi'], { role: 'assistant', content: 'hi' }],
  ['as a piece', { type: 'AIMessageChunk', content: 'hi' }, { role: 'assistant', content: 'hi' }],
  [
    'as its constructor',
    { lc: 1, type: 'constructor', id: ['langchain_core', 'messages', 'HumanMessage'], kwargs: { content: 'hi' } },
    { role: 'user', content: 'hi' },
  ],
  [
    'of a tool, without members that say nothing',
    { type: 'tool', content: [{ type: 'text', text: '9.5' }], tool_call_id: 't-1', additional_kwargs: {}, name: null },
    { role: 'tool', content: [{ type: 'text', text: '9.5' }], tool_call_id: 't-1' },
  ],
])('a message %s is read in the words of the other protocols', (_how, sent, read) => {
  expect(decodeMessages([sent])).toEqual([read]);
});

test.each([
  ['a text', 'hi'],
  ['a text in a list', ['hi']],
  ['a list with a number', [7]],
  ['an object without content', [{ type: 'human' }]],
  ['a pair whose author is no text', [[1, 'hi']]],
  ['a constructor of something else', [{ type: 'constructor', id: ['x', 'Prompt'], kwargs: { content: 'hi' } }]],
])('%s is no list of messages', (_what, value) => {
  expect(decodeMessages(value)).toBeNull();
});

test('messages have the types of LangGraph, their own ids, and else ids by their place in the thread', () => {
  const messages: readonly Json[] = [
    { role: 'user', content: 'hi', id: 'm-1' },
    { role: 'assistant', content: 'yes', tool_calls: [{ id: 't-1' }] },
    { role: 'developer', content: 'short' },
    'a text',
    { content: 9.5 },
  ];
  expect(encodeMessages(messages, 'thread')).toEqual([
    { type: 'human', content: 'hi', id: 'm-1' },
    { type: 'ai', content: 'yes', id: 'thread.1', tool_calls: [{ id: 't-1' }] },
    { type: 'system', content: 'short', id: 'thread.2' },
    { type: 'human', content: 'a text', id: 'thread.3' },
    { type: 'ai', content: '9.5', id: 'thread.4' },
  ]);
});

test.each<[string, Partial<Run>, JsonObject]>([
  [
    'has given',
    { phase: 'done', status: 'success', outcome: { kind: 'result', value: [1] } },
    { values: { result: [1] } },
  ],
  [
    'asks',
    { phase: 'interrupted', status: 'interrupted', lastSeq: 3, outcome: { kind: 'interrupt', payload: 'sure?' } },
    { values: { __interrupt__: [{ id: `${runId}.3`, value: 'sure?' }] } },
  ],
  [
    'failed of',
    { phase: 'done', status: 'timeout', outcome: { kind: 'error', errcode: 1001, description: 'too late' } },
    { error: { error: 'Deadline', message: 'too late', errcode: 1001 } },
  ],
  ['does not have yet', { phase: 'queued' }, { status: 'pending' }],
])('a webhook has the run and what it %s', (_what, run, told) => {
  expect(encodeDelivery(runOf(run))).toMatchObject({ run_id: runId, thread_id: runId, assistant_id: agentId, ...told });
});
