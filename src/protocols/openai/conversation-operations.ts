import type { Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Thread } from '../../contract/domain/thread.ts';
import { answersOf, success } from '../shared/answer-schemas.ts';
import { jsonAnswer } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing } from '../shared/requests.ts';
import { answers } from './answers.ts';
import { secondsOf } from './encode.ts';
import { conversationIdOf, readConversationId } from './ids.ts';
import { pageOf } from './pages.ts';
import { conversationItems, findItem } from './run-items.ts';
import { conversationParams, itemParams, noItems, type Requests } from './schemas.ts';

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
      id: 'update_conversation',
      method: 'POST',
      path: '/conversations/:conversation_id',
      summary: 'Update a conversation',
      description: 'Adds to the metadata of a thread; a key that is there gets the new value.',
      params: conversationParams,
      query: nothing,
      body: requests.conversationUpdate,
      answers: answersOf(error, success(conversation), [400, 404]),
      handle: async (api, { params, body, tenant }) => {
        const key = { tenant, threadId: readConversationId(params.conversation_id) };
        return jsonAnswer(encode(await api.threads.patch(key, { metadata: body.metadata ?? {}, mode: 'merge' })));
      },
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
    ...createItemOperations(requests),
  ];
}

/** What was said in the runs of a thread, whichever protocol they came in. */
function createItemOperations(requests: Requests): readonly Operation[] {
  const { ErrorResponse: error, ConversationItem: item, ConversationItemList: list } = answers;
  const path = '/conversations/:conversation_id/items';
  return [
    operation({
      id: 'list_conversation_items',
      method: 'GET',
      path,
      summary: 'List the items of a conversation',
      description:
        'Lists the messages, the questions with their answers, and the replies of all runs of a thread, newest first.',
      params: conversationParams,
      query: requests.items,
      body: noBody,
      answers: answersOf(error, success(list), [400, 404]),
      handle: async (api, { params, query, tenant }) => {
        const key = { tenant, threadId: readConversationId(params.conversation_id) };
        const { order = 'desc', after } = query;
        return jsonAnswer(await pageOf(conversationItems(api, key, { order, after }), query));
      },
    }),
    operation({
      id: 'get_conversation_item',
      method: 'GET',
      path: `${path}/:item_id`,
      summary: 'Get an item of a conversation',
      description: 'Returns one of the items that the list has.',
      params: itemParams,
      query: requests.item,
      body: noBody,
      answers: answersOf(error, success(item), [400, 404]),
      handle: async (api, { params, tenant }) => {
        const key = { tenant, threadId: readConversationId(params.conversation_id) };
        return jsonAnswer(await findItem(api, key, params.item_id));
      },
    }),
    operation({
      id: 'create_conversation_items',
      method: 'POST',
      path,
      summary: 'Not supported',
      description: `Is refused with 400: items ${noItems}.`,
      params: conversationParams,
      query: requests.item,
      body: requests.newItems,
      answers: answersOf(error, {}, [400, 404]),
      handle: async (api, { params, tenant }) => {
        await api.threads.get({ tenant, threadId: readConversationId(params.conversation_id) });
        throw new GatewayError('unfit_request', { path: 'items', detail: noItems });
      },
    }),
    operation({
      id: 'delete_conversation_item',
      method: 'DELETE',
      path: `${path}/:item_id`,
      summary: 'Not supported',
      description: `Is refused with 400: an item ${notRemoved}.`,
      params: itemParams,
      query: nothing,
      body: noBody,
      answers: answersOf(error, {}, [400, 404]),
      handle: async (api, { params, tenant }) => {
        await api.threads.get({ tenant, threadId: readConversationId(params.conversation_id) });
        throw new GatewayError('unfit_request', { path: 'item_id', detail: notRemoved });
      },
    }),
  ];
}

const notRemoved = 'cannot be removed by itself: it goes with its response or with the conversation';

function encode({ threadId, createdAtMs, metadata }: Thread): JsonObject {
  return { id: conversationIdOf(threadId), object: 'conversation', created_at: secondsOf(createdAtMs), metadata };
}
