import type { Protocol } from '../../contract/api/protocol.ts';
import { createItemOperations } from '../shared/item-operations.ts';
import type { RequestOptions } from '../shared/requests.ts';
import { createStreamingOperations } from '../shared/thread-stream/streaming-operations.ts';
import { createAssistantOperations } from './assistant-operations.ts';
import { createCancelOperations } from './cancel-operations.ts';
import { encodeDelivery } from './run-answers.ts';
import { decodeInput, langgraph } from './run-create.ts';
import { createRunOperations } from './run-operations.ts';
import { createRunRequests } from './run-requests.ts';
import { answers } from './schemas.ts';
import { createStateOperations } from './state-operations.ts';
import { createSystemOperations } from './system-operations.ts';
import { createThreadOperations } from './thread-operations.ts';
import { createThreadRequests } from './thread-requests.ts';
import { createUnsupportedOperations } from './unsupported-operations.ts';

export type LangGraphOptions = RequestOptions & {
  /** The bound of lists that are answers of commands. */
  readonly maxListBytes: number;
};

/** The API of LangGraph's server, for its SDKs, RemoteGraph, useStream and Agent Chat UI. */
export function createLangGraph({ unknownFields, maxListBytes }: LangGraphOptions): Protocol {
  const runs = createRunRequests({ unknownFields });
  const threads = createThreadRequests({ unknownFields });
  return {
    name: 'langgraph',
    prefix: '/langgraph',
    operations: [
      ...createSystemOperations(),
      ...createAssistantOperations({ unknownFields }),
      ...createThreadOperations(threads),
      ...createStateOperations(threads),
      ...createItemOperations({
        ...{ unknownFields, takesHints: true, error: answers.ErrorResponse, listed: answers.ListNamespaceResponse },
        namespacesMember: 'namespaces',
        readsMissing: true,
      }),
      ...createRunOperations(runs),
      ...createCancelOperations(runs),
      ...createStreamingOperations({
        ...{ unknownFields, error: answers.ErrorResponse, maxListBytes, protocol: langgraph },
        ...{ path: '/stream/events', createsThreads: true, decodeInput },
      }),
      ...createUnsupportedOperations(),
    ],
    about: {
      title: 'LangGraph',
      version: '2',
      description: "The API of LangGraph's server as rungate serves it: an assistant is an agent of the config.",
      error: answers.ErrorResponse,
      schemas: { ...answers, RunCreateStateful: runs.stateful, RunCreateStateless: runs.stateless },
    },
    encodeError: ({ message }) => ({ detail: message }),
    encodeRun: encodeDelivery,
  };
}
