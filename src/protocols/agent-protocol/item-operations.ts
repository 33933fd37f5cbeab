import type { Operation } from '../../contract/api/protocol.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Item } from '../../contract/store/item-store.ts';
import { answersOf, done, success } from '../shared/answer-schemas.ts';
import { emptyAnswer, instantOf, jsonAnswer, listAnswer, rowsOf } from '../shared/answers.ts';
import { operation } from '../shared/operation.ts';
import { noBody, nothing, type RequestOptions } from '../shared/requests.ts';
import { createStoreRequests } from './item-requests.ts';
import { answers } from './schemas.ts';

/** The operations of the protocol's Store: items that clients keep. */
export function createStoreOperations(options: RequestOptions): readonly Operation[] {
  const { ErrorResponse: error, Item: item, SearchItemsResponse: found, ListNamespaceResponse: listed } = answers;
  const requests = createStoreRequests(options);
  return [
    operation({
      id: 'put_item',
      method: 'PUT',
      path: '/store/items',
      summary: 'Insert or Update Item',
      params: nothing,
      query: nothing,
      body: requests.put,
      answers: answersOf(error, done, [422]),
      handle: async (api, { body: { namespace, key, value }, tenant }) => {
        await api.items.put({ tenant, namespace, key, value });
        return emptyAnswer;
      },
    }),
    operation({
      id: 'delete_item',
      method: 'DELETE',
      path: '/store/items',
      summary: 'Delete Store Item',
      params: nothing,
      query: nothing,
      body: requests.remove,
      answers: answersOf(error, done, [404, 422]),
      handle: async (api, { body: { namespace, key }, tenant }) => {
        await api.items.delete({ tenant, namespace, key });
        return emptyAnswer;
      },
    }),
    operation({
      id: 'get_item',
      method: 'GET',
      path: '/store/items',
      summary: 'Get Store Item',
      params: nothing,
      query: requests.get,
      body: noBody,
      answers: answersOf(error, success(item), [404, 422]),
      handle: async (api, { query: { namespace, key }, tenant }) =>
        jsonAnswer(encodeItem(await api.items.get({ tenant, namespace, key }))),
    }),
    operation({
      id: 'search_items',
      method: 'POST',
      path: '/store/items/search',
      summary: 'Search Store Items',
      params: nothing,
      query: nothing,
      body: requests.search,
      answers: answersOf(error, success(found), [422]),
      countsAsStream: true,
      handle: async (api, { body: { namespace_prefix, filter, limit, offset }, tenant }) => {
        const query = { tenant, prefix: namespace_prefix ?? [], filter: filter ?? undefined, limit, offset };
        return listAnswer(api.items.search(query), encodeItem, { limit, offset }, { frame: ['{"items":[', ']}'] });
      },
    }),
    operation({
      id: 'list_namespaces',
      method: 'POST',
      path: '/store/namespaces',
      summary: 'List namespaces',
      params: nothing,
      query: nothing,
      body: requests.namespaces,
      answers: answersOf(error, success(listed), [422]),
      countsAsStream: true,
      handle: async (api, { body: { max_depth: maxDepth, ...query }, tenant }) =>
        listAnswer(rowsOf(await api.items.listNamespaces({ ...query, tenant, maxDepth })), (labels) => labels, query),
    }),
  ];
}

/** The protocol's `Item`. */
function encodeItem({ namespace, key, value, createdAtMs, updatedAtMs }: Item): JsonObject {
  return { namespace, key, value, created_at: instantOf(createdAtMs), updated_at: instantOf(updatedAtMs) };
}
