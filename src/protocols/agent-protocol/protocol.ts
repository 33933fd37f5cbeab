import type { Protocol } from '../../contract/api/protocol.ts';
import { createItemOperations } from '../shared/item-operations.ts';
import { jsonObject, type RequestOptions } from '../shared/requests.ts';
import { createThreadOperations } from '../shared/thread-operations.ts';
import { createStreamingOperations } from '../shared/thread-stream/streaming-operations.ts';
import { asObject } from '../shared/values.ts';
import { createAgentOperations } from './agent-operations.ts';
import { encodeError, encodeRun } from './encode.ts';
import { agentProtocol, createRunOperations } from './run-operations.ts';
import { answers, createRequests } from './schemas.ts';

export type AgentProtocolOptions = RequestOptions & {
  /** The bound of lists that are answers of commands. */
  readonly maxListBytes: number;
};

/** The Agent Protocol 0.1.6. */
export function createAgentProtocol({ unknownFields, maxListBytes }: AgentProtocolOptions): Protocol {
  const requests = createRequests({ unknownFields });
  const error = answers.ErrorResponse;
  const threads = createThreadOperations({
    unknownFields,
    error,
    values: jsonObject,
    schemas: answers,
    encodeValues: asObject,
    patchMode: 'merge',
  });
  return {
    name: agentProtocol,
    prefix: '/agent-protocol',
    operations: [
      ...createAgentOperations(requests),
      ...threads,
      ...createRunOperations(requests),
      ...createStreamingOperations({
        ...{ unknownFields, error, maxListBytes, protocol: agentProtocol },
        ...{ path: '/stream', createsThreads: false },
      }),
      ...createItemOperations({
        unknownFields,
        error,
        takesHints: false,
        listed: answers.ListNamespaceResponse,
        namespacesMember: null,
        readsMissing: false,
      }),
    ],
    about: {
      title: 'Agent Protocol',
      version: '0.1.6',
      description: 'The Agent Protocol 0.1.6 as rungate serves it: agents, threads, runs and the store.',
      error,
      schemas: { ...answers, RunCreate: requests.runCreate, RunStream: requests.runStream },
    },
    encodeError,
    encodeRun,
  };
}
