import { setTimeout as sleep } from 'node:timers/promises';
import { Annotation, interrupt, StateGraph } from '@langchain/langgraph';

const State = Annotation.Root({ mode: Annotation(), text: Annotation(), ms: Annotation(), answer: Annotation() });

/** Answers with its text, at once, after a while, or after it has asked; or fails with it. */
async function act({ mode, text, ms }, { signal }) {
  if (mode === 'fail') throw new Error(text);
  if (mode === 'slow') await sleep(ms, undefined, { signal });
  return { answer: mode === 'ask' ? interrupt({ question: text }).text : text };
}

export const graph = new StateGraph(State)
  .addNode('act', act)
  .addEdge('__start__', 'act')
  .addEdge('act', '__end__')
  .compile();
