import type { Protocol } from '../../contract/api/protocol.ts';
import type { RequestOptions } from '../shared/requests.ts';
import { createRunOperations } from './run-operations.ts';
import { answers, createRequests } from './schemas.ts';

/** AG-UI 1.0 over server-sent events. */
export function createAgUi(options: RequestOptions): Protocol {
  const requests = createRequests(options);
  return {
    name: 'ag-ui',
    prefix: '/ag-ui',
    operations: createRunOperations(requests),
    about: {
      title: 'AG-UI',
      version: '1.0',
      description: 'The Agent-User Interaction Protocol 1.0 as rungate serves it.',
      error: answers.RunError,
      schemas: { ...answers, RunAgentInput: requests.run },
    },
    // An error is an event of the protocol, over HTTP too.
    encodeError: ({ message, code }) => ({ type: 'RUN_ERROR', message, code }),
    encodeRun: ({ runId, threadId, status }) => ({ runId, threadId, status }),
  };
}
