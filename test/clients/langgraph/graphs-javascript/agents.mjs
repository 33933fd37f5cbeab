// The agents of the sandbox as graphs: one node each, named like its graph, with the same inputs and outputs.
import { setTimeout as sleep } from 'node:timers/promises';
import { AIMessage } from '@langchain/core/messages';
import { Annotation, interrupt, MessagesAnnotation, StateGraph } from '@langchain/langgraph';

function compileOne(name, members, node) {
  const spec = Object.fromEntries(members.map((member) => [member, Annotation()]));
  const state = Annotation.Root(name === 'chat' ? { ...MessagesAnnotation.spec, ...spec } : spec);
  return new StateGraph(state).addNode(name, node).addEdge('__start__', name).addEdge(name, '__end__').compile();
}

export const echo = compileOne('echo', ['message', 'turn'], (state) => ({ ...state }));

export const chat = compileOne('chat', ['response'], ({ messages }) => {
  const turn = messages.filter((message) => message.getType() === 'human').length;
  const text = `(${turn}) You said: ${messages.at(-1).text}`;
  return { messages: [new AIMessage(text)], response: text };
});

export const slow = compileOne('slow', ['message', 'ms'], async (state, { writer, signal }) => {
  for (let step = 0; step < 5; step += 1) {
    writer?.({ step, of: 5, percent: step * 20 });
    await sleep((state.ms ?? 1000) / 5, undefined, { signal });
  }
  return { ...state };
});

export const approval = compileOne('approval', ['question', 'approved', 'rounds'], (state) => {
  const { approved } = interrupt({ interrupt_type: 'approval', question: state.question, round: 1, request: state });
  return { approved, rounds: 1 };
});

export const fail = compileOne('fail', ['message'], ({ message = 'the agent failed' }) => {
  throw new Error(message);
});
