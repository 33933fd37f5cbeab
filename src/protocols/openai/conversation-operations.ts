import type { Operation } from '../../contract/api/protocol.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { answers } from './answers.ts';
import { secondsOf } from './encode.ts';
import { conversationIdOf, readConversationId } from './ids.ts';
import { conversationParams, type Requests } from './schemas.ts';

/** Conversations are threads. */
export function createConversationOperations(requests: Requests): readonly Operation[] {
  const { ErrorResponse: error, Conversation: conversation, ConversationDeleted: deleted } = answers;
  return [
    operation({
      id: 'create_conversation',
      method: 'POST',
      path: '/conversations',
      summary: 'Create a conversation',
      description: 'Makes a thread, which responses join by its id.',
      params: nothing,
      query: nothing,
      body: requests.conversation,
      answers: answersOf(error, success(conversation), [400]),
      handle: async (api, { body, tenant }) =>
        jsonAnswer(encode(await api.threads.create({ tenant, metadata: body.metadata ?? {}, ifExists: 'raise' }))),
    }),
    operation({
      id: 'get_conversation',
      method: 'GET',
      path: '/conversations/:conversation_id',
      summary: 'Get a conversation',
      description: 'Returns the id and the metadata of a thread.',
      params: conversationParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(conversation), [400, 404]),
      handle: async (api, { params, tenant }) =>
        jsonAnswer(encode(await api.threads.get({ tenant, threadId: readConversationId(params.conversation_id) }))),
    }),
    operation({
      id: 'delete_conversation',
      method: 'DELETE',
      path: '/conversations/:conversation_id',
      summary: 'Delete a conversation',
      description: 'Removes a thread with its runs. Refused while one of them is live.',
      params: conversationParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, success(deleted), [400, 404, 409]),
      handle: async (api, { params, tenant }) => {
        const threadId = readConversationId(params.conversation_id);
        await api.threads.delete({ tenant, threadId });
        return jsonAnswer({ id: conversationIdOf(threadId), object: 'conversation.deleted', deleted: true });
      },
    }),
  ];
}

function encode({ threadId, createdAtMs, metadata }: Thread): JsonObject {
  return { id: conversationIdOf(threadId), object: 'conversation', created_at: secondsOf(createdAtMs), metadata };
}
