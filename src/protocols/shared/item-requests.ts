import { z } from 'zod';
import { itemBounds, type Namespace } from '../../contract/store/item-store.ts';
import { closed, flag, jsonObject, page, type RequestOptions } from './requests.ts';

const { labels, labelLength, keyLength } = itemBounds;

/** In queries, clients join the labels of a namespace with periods, so labels contain none. */
const label = z
  .string()
  .min(1, 'must not be empty')
  .max(labelLength)
  .regex(/^[^.]*$/, 'must hold no period');
const namespace = z.array(label).max(labels);
const key = z.string().max(keyLength);

/** Labels joined with periods, as clients send them, or one value for each label, as in the document. */
const queryNamespace = z
  .union([z.string(), z.array(z.string())])
  .transform((given): Namespace => (given === '' ? [] : [given].flat().flatMap((each) => each.split('.'))))
  .pipe(namespace)
  .default([])
  .meta({
    override: ({ jsonSchema }) => {
      for (const member of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, member);
      const items = { type: 'string', minLength: 1, maxLength: labelLength, pattern: '^[^.]*$' };
      const description = 'One value per label; a single value may have periods between labels.';
      Object.assign(jsonSchema, { type: 'array', items, maxItems: labels, description });
    },
  });

export type ItemRequestOptions = RequestOptions & {
  /** Whether the members of LangGraph's store are taken that have no effect here: `index`, `refresh_ttl`, no `query`, no `ttl`. */
  readonly takesHints: boolean;
};

const refreshTtl = { refresh_ttl: z.boolean().nullish() };
const putHints = {
  index: z.union([z.literal(false), z.array(z.string())]).nullish(),
  ttl: z.null('must be null: items are kept until they are deleted').optional(),
};
/** A text is a search by meaning, which would find other items than a search by members. */
const searchHints = {
  ...refreshTtl,
  query: z.literal('', 'must be empty: the store finds items by members').nullish(),
};

/** Schemas of requests about items. */
export function createItemRequests({ unknownFields, takesHints }: ItemRequestOptions) {
  /** The handlers read none of the hints. */
  const hinted = <Shape extends z.core.$ZodLooseShape>(shape: Shape, hints: z.core.$ZodLooseShape): Shape =>
    takesHints ? { ...shape, ...hints } : shape;
  const search = {
    namespace_prefix: namespace.nullish(),
    filter: jsonObject.nullish(),
    ...page,
  };
  const namespaces = {
    prefix: namespace.default([]),
    suffix: namespace.default([]),
    max_depth: z.int().min(1).optional(),
    ...page,
    limit: page.limit.unwrap().default(100),
  };
  return {
    put: closed(hinted({ namespace, key, value: jsonObject }, putHints), unknownFields),
    remove: closed({ namespace: namespace.default([]), key }, unknownFields),
    get: closed(hinted({ namespace: queryNamespace, key }, { refresh_ttl: flag }), unknownFields),
    search: closed(hinted(search, searchHints), unknownFields).prefault({}),
    namespaces: closed(namespaces, unknownFields).prefault({}),
  };
}
