import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import { readVersion } from '../../observability/version.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { answers } from './schemas.ts';

/** What clients ask for before they use a server. */
export function createSystemOperations(): readonly Operation[] {
  const { ErrorResponse: error, ServerInfo: info } = answers;
  const version = readVersion();
  return [
    operation({
      id: 'get_health',
      method: 'GET',
      path: '/ok',
      summary: 'Health Check',
      description: 'Answers while the gateway takes requests.',
      params: nothing,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(z.object({ ok: z.literal(true) })), []),
      handle: async () => jsonAnswer({ ok: true }),
    }),
    operation({
      id: 'get_server_info',
      method: 'GET',
      path: '/info',
      summary: 'Server Information',
      description: 'Returns the version of the gateway, and which parts of the API it has.',
      params: nothing,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(info), []),
      handle: async () =>
        jsonAnswer({ version, flags: { assistants: true, crons: false, langsmith: false }, metadata: {} }),
    }),
  ];
}
