import { z } from 'zod';
import { itemBounds, type Namespace } from '../../contract/store/item-store.ts';
import { closed, jsonObject, page, type RequestOptions } from '../shared/requests.ts';

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

/** Schemas of requests about items. */
export function createStoreRequests({ unknownFields }: RequestOptions) {
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
    put: closed({ namespace, key, value: jsonObject }, unknownFields),
    remove: closed({ namespace: namespace.default([]), key }, unknownFields),
    get: closed({ namespace: queryNamespace, key }, unknownFields),
    search: closed(search, unknownFields).prefault({}),
    namespaces: closed(namespaces, unknownFields).prefault({}),
  };
}
