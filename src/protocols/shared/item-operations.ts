import { z } from 'zod';
import type { Operation } from '../../contract/api/protocol.ts';
import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';
import type { Item } from '../../contract/store/item-store.ts';
import { answersOf, anyObject, done, instant, success } from './answer-schemas.ts';
import { emptyAnswer, instantOf, jsonAnswer, listAnswer, rowsOf } from './answers.ts';
import { createItemRequests, type ItemRequestOptions } from './item-requests.ts';
import { operation } from './operation.ts';
import { noBody, nothing } from './requests.ts';

/** Where the stores of the Agent Protocol and of LangGraph differ. */
export type ItemOperationOptions = ItemRequestOptions & {
  readonly error: z.ZodType;
  /** The schema of a list of namespaces. */
  readonly listed: z.ZodType;
  /** The member of the answer that has that list; null: the answer is the list. */
  readonly namespacesMember: string | null;
  /** Whether an item that is not there is read as null; else it is not found. */
  readonly readsMissing: boolean;
};

const item = z.object({
  namespace: z.array(z.string()),
  key: z.string(),
  value: anyObject,
  created_at: instant,
  updated_at: instant,
});

/** Schemas of answers, which the documents of the protocols name. */
export const itemAnswers = { Item: item, SearchItemsResponse: z.object({ items: z.array(item) }) };

/** The operations of the protocol's Store: items that clients keep. */
export function createItemOperations(options: ItemOperationOptions): readonly Operation[] {
  const { error, listed, namespacesMember, readsMissing } = options;
  const frame = namespacesMember === null ? undefined : ([`{"${namespacesMember}":[`, ']}'] as const);
  const requests = createItemRequests(options);
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
      answers: answersOf(error, success(readsMissing ? item.nullable() : item), readsMissing ? [422] : [404, 422]),
      handle: async (api, { query: { namespace, key }, tenant }) => {
        try {
          return jsonAnswer(encodeItem(await api.items.get({ tenant, namespace, key })));
        } catch (fault) {
          if (readsMissing && fault instanceof GatewayError && fault.code === 'item_not_found') return jsonAnswer(null);
          throw fault;
        }
      },
    }),
    operation({
      id: 'search_items',
      method: 'POST',
      path: '/store/items/search',
      summary: 'Search Store Items',
      params: nothing,
      query: nothing,
      body: requests.search,
      answers: answersOf(error, success(itemAnswers.SearchItemsResponse), [422]),
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
      handle: async (api, { body: { max_depth: maxDepth, prefix, suffix, ...page }, tenant }) =>
        listAnswer(
          rowsOf(await api.items.listNamespaces({ tenant, prefix, suffix, ...page, maxDepth })),
          (each) => each,
          page,
          frame === undefined ? {} : { frame },
        ),
    }),
  ];
}

/** The protocol's `Item`. */
function encodeItem({ namespace, key, value, createdAtMs, updatedAtMs }: Item): JsonObject {
  return { namespace, key, value, created_at: instantOf(createdAtMs), updated_at: instantOf(updatedAtMs) };
}
