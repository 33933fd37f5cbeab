import type { Protocol } from '../../contract/api/protocol.ts';
import { createAgentOperations, type Features } from '../shared/acp-agent-operations.ts';
import { encodeRun } from './encode.ts';
import { acpV01, createRunOperations } from './run-operations.ts';
import { answers, createRequests, type SchemaOptions } from './schemas.ts';
import { createThreadOperations } from './thread-operations.ts';

export type AcpV01Options = SchemaOptions & Partial<Features>;

/** The Agent Connect Protocol 0.1. */
export function createAcpV01({ callbacks = false, ...options }: AcpV01Options): Protocol {
  const requests = createRequests(options);
  const { ErrorResponse: error } = answers;
  const agents = createAgentOperations({
    unknownFields: options.unknownFields,
    error,
    features: { callbacks },
    resultStreaming: 'result',
    getAgentId: 'get_agent_by_ID',
  });
  return {
    name: acpV01,
    prefix: '/acp/v0.1',
    operations: [...agents, ...createRunOperations(requests), ...createThreadOperations(requests)],
    about: {
      title: 'Agent Connect Protocol',
      version: '0.1',
      description: 'ACP 0.1 as rungate serves it.',
      error,
      schemas: { ...answers, RunCreate: requests.runCreate, ThreadCreate: requests.threadCreate },
    },
    // Both versions' `ErrorResponse` is a bare string.
    encodeError: (error) => error.message,
    encodeRun,
  };
}
