import { Annotation, StateGraph } from '@langchain/langgraph';

const State = Annotation.Root({ url: Annotation(), depth: Annotation() });

/** One step that gives back what it was given. */
export const graph = new StateGraph(State)
  .addNode('echo', (state) => state)
  .addEdge('__start__', 'echo')
  .addEdge('echo', '__end__')
  .compile();
