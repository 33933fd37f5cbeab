import type { Protocol } from '../../contract/api/protocol.ts';
import type { RequestOptions } from '../shared/requests.ts';
import { encodeRun } from './encode.ts';
import { restack } from './found-agents.ts';
import { createOperations } from './operations.ts';
import { answers, createRequests } from './schemas.ts';

/** The endpoints of Restack's engine as others document them, for plain HTTP callers: its own clients speak gRPC. */
export function createRestack(options: RequestOptions): Protocol {
  const requests = createRequests(options);
  return {
    name: restack,
    prefix: '/restack',
    operations: createOperations(requests),
    about: {
      title: 'Restack engine',
      version: '1',
      description: "The endpoints of Restack's engine as rungate serves them, as documented by others.",
      error: answers.Error,
      schemas: { ...answers, RunStart: requests.start, AgentEvent: requests.event },
    },
    encodeError: (error) => ({ error: error.message }),
    encodeRun: (run) => encodeRun(run, 'agent', run.agentName),
  };
}
