import { expect, test } from 'vitest';
import { type Case, streamingCases } from './conformance-cases.ts';
import { runCases } from './langgraph-run-cases.ts';
import { assistantCases, itemCases, stateCases, threadCases, unsupportedCases } from './langgraph-thread-cases.ts';
import { judgeByOwnDocument, readOwnDocument, untested } from './own-document.ts';

const prefix = '/langgraph';
const document = await readOwnDocument(prefix);
const system: readonly Case[] = ['get_health', 'get_server_info'].map((operation) => ({ operation, status: 200 }));
const unreached = [
  // A reader that has it all is answered so; test/protocols/langgraph-streams.test.ts does it.
  'join_thread_run_stream 204',
  'join_stateless_run_stream 204',
  // test/protocols/agent-protocol-thread-socket.test.ts opens one, of the same operation.
  'open_thread_websocket_stream 101',
];
const cases = [
  ...system,
  ...assistantCases,
  ...threadCases,
  ...stateCases,
  ...itemCases,
  ...streamingCases(),
  ...unsupportedCases,
  ...runCases,
];

test('every status of the document of LangGraph is tested', () => {
  expect(untested(document, cases)).toEqual(unreached);
});

test.each(cases)('$operation of LangGraph answers $status as the document says (%#)', async (call) => {
  expect(await judgeByOwnDocument(prefix, document, call)).toEqual([]);
});
