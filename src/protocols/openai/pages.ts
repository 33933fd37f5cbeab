import { GatewayError } from '../../contract/domain/errors.ts';
import type { JsonObject } from '../../contract/domain/json.ts';

/** How OpenAI's lists are read: `after` is the id of the last item of the page before. */
export type Paging = { readonly limit?: number | undefined; readonly after?: string | undefined };

const defaultLimit = 20;

/** One page of items that are in order. Rejects with `unfit_request` where `after` is none of them. */
export async function pageOf(
  items: AsyncIterable<JsonObject> | Iterable<JsonObject>,
  { limit = defaultLimit, after }: Paging,
): Promise<JsonObject> {
  const data: JsonObject[] = [];
  let isBehind = after === undefined;
  for await (const item of items) {
    if (data.length === limit) return encode(data, true);
    if (isBehind) data.push(item);
    else isBehind = item.id === after;
  }
  if (!isBehind)
    throw new GatewayError('unfit_request', { path: 'after', detail: 'must be the id of an item of the list' });
  return encode(data, false);
}

function encode(data: readonly JsonObject[], hasMore: boolean): JsonObject {
  return {
    object: 'list',
    data: [...data],
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}
