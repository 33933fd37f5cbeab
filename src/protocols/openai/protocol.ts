import type { Protocol } from '../../contract/api/protocol.ts';
import type { Run } from '../../contract/domain/run.ts';
import type { RequestOptions } from '../shared/requests.ts';
import { answers } from './answers.ts';
import { createConversationOperations } from './conversation-operations.ts';
import { encodeError } from './errors.ts';
import { responseIdOf } from './ids.ts';
import { createModelOperations } from './model-operations.ts';
import { createResponseOperations } from './response-operations.ts';
import { createRequests } from './schemas.ts';

/** OpenAI's Responses API, for its SDKs and what is built on them. */
export function createOpenAi(options: RequestOptions): Protocol {
  const requests = createRequests(options);
  return {
    name: 'openai',
    prefix: '/v1',
    operations: [
      ...createModelOperations(),
      ...createResponseOperations(requests),
      ...createConversationOperations(requests),
    ],
    about: {
      title: 'OpenAI Responses',
      version: '1',
      description: "OpenAI's Responses API as rungate serves it: a model is an agent of the config, a response a run.",
      error: answers.ErrorResponse,
      schemas: { ...answers },
    },
    replacements: {
      '/chat/completions': 'POST /responses takes the texts as its "input"',
      '/completions': 'POST /responses takes the prompt as its "input"',
    },
    refusalStatus: 400,
    encodeError,
    encodeRun,
  };
}

/** Like OpenAI's own webhooks, which say what happened to which response, and no more. */
function encodeRun({ runId, status }: Run) {
  const word = {
    success: 'completed',
    error: 'failed',
    timeout: 'failed',
    interrupted: 'completed',
    pending: 'queued',
  };
  return { object: 'event', type: `response.${word[status]}`, data: { id: responseIdOf({ runId, fromSeq: 0 }) } };
}
