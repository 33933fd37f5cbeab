/** What a create is made of, in the order in which `servers/layers.ts` adds it up. */
export const layerNames = ['node', 'koa', 'router', 'schema', 'insert', 'vendor', 'record'] as const;
