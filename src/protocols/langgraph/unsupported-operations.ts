import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import { agentReference } from '../shared/agent-reference.ts';
import { answersOf } from '../shared/answer-schemas.ts';
import { operation } from '../shared/operation.ts';
import { json, noBody, nothing, uuid } from '../shared/requests.ts';
import { answers } from './schemas.ts';

const assistant = z.object({ assistant_id: agentReference });
const cron = z.object({ cron_id: z.string() });
const written = 'assistants are the agents of the config, which are changed there';
const scheduled = 'runs are made at times by the `schedules` of the config';

const rows = [
  ['create_assistant', 'POST', '/assistants', nothing, written],
  ['patch_assistant', 'PATCH', '/assistants/:assistant_id', assistant, written],
  ['delete_assistant', 'DELETE', '/assistants/:assistant_id', assistant, written],
  ['set_latest_assistant_version', 'POST', '/assistants/:assistant_id/latest', assistant, written],
  ['create_cron', 'POST', '/runs/crons', nothing, scheduled],
  ['create_thread_cron', 'POST', '/threads/:thread_id/runs/crons', z.object({ thread_id: uuid }), scheduled],
  ['search_crons', 'POST', '/runs/crons/search', nothing, scheduled],
  ['count_crons', 'POST', '/runs/crons/count', nothing, scheduled],
  ['patch_cron', 'PATCH', '/runs/crons/:cron_id', cron, scheduled],
  ['delete_cron', 'DELETE', '/runs/crons/:cron_id', cron, scheduled],
] as const;

/** What LangGraph's server does and the gateway does not, refused with the reason. */
export function createUnsupportedOperations(): readonly Operation[] {
  return rows.map(([id, method, path, params, detail]) =>
    operation({
      id,
      method,
      path,
      summary: 'Not supported',
      description: `Is refused with 501: ${detail}.`,
      params: params as z.ZodType<object>,
      query: z.looseObject({}),
      body: method === 'DELETE' ? noBody : json.optional(),
      answers: {
        ...answersOf(answers.ErrorResponse, {}, []),
        501: { description: 'Not supported', schema: answers.ErrorResponse },
      },
      handle: async () => {
        throw new GatewayError('not_supported', { detail });
      },
    }),
  );
}
