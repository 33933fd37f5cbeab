// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import type { RunUrl } from '../../src/contract/adapter/adapter.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { headerValue, pathPart } from '../path.ts';

export const settings = z.strictObject({
  workspaceId: pathPart.meta({
    description: 'Id of the workspace at Intuned.',
    examples: ['${INTUNED_WORKSPACE_ID}'],
  }),
  apiKey: headerValue.meta({
    description: 'API key of the workspace, sent as `x-api-key`.',
    examples: ['${INTUNED_API_KEY}'],
  }),
});

/**
 * The options of a run start at Intuned. Objects are loose: the vendor may know more members than these. Null is the
 * same as leaving an option out.
 */
export const runOptions = {
  retry: z
    .looseObject({
      maximumAttempts: z
        .int()
        .min(1)
        .optional()
        .meta({ description: 'Attempts in all.', examples: [2] }),
    })
    .nullish()
    .describe('How often Intuned tries the run.'),
  requestTimeout: z
    .int()
    .min(1)
    .nullish()
    .meta({
      description: 'Time that Intuned gives one attempt, in seconds. The default of the vendor is 600.',
      examples: [600],
    }),
  proxy: z
    .string()
    .min(1)
    .nullish()
    .meta({
      description: 'Proxy for the browser of the run, as a URL.',
      examples: ['http://user:${PROXY_PASSWORD}@proxy.example:3128'],
    }),
  saveTrace: z
    .boolean()
    .nullish()
    .meta({
      description: 'Whether Intuned keeps a trace of the run.',
      examples: [true],
    }),
  authSession: z
    .looseObject({
      id: z
        .string()
        .min(1)
        .optional()
        .meta({ description: 'Id of the session at Intuned.', examples: ['shop-login'] }),
      runtimeInput: z
        .json()
        .optional()
        .meta({
          description: 'Input for the API that creates the session.',
          examples: [{ username: 'robot' }],
        }),
      autoRecreate: z
        .boolean()
        .optional()
        .meta({
          description: 'Whether a session that is no longer valid is created anew.',
          examples: [true],
        }),
      checkAttempts: z
        .int()
        .min(1)
        .optional()
        .meta({ description: 'Attempts to check the session.', examples: [3] }),
      createAttempts: z
        .int()
        .min(1)
        .optional()
        .meta({ description: 'Attempts to create the session.', examples: [3] }),
    })
    .nullish()
    .describe('The logged-in session that the run uses.'),
  sink: z
    .looseObject({
      type: z
        .string()
        .min(1)
        .meta({ description: 'Kind of the sink.', examples: ['webhook'] }),
    })
    .nullish()
    .meta({
      description:
        'Where Intuned sends the result as well. With `push` on the backend, a run without a sink gets one that calls the gateway.',
      examples: [{ type: 'webhook', url: 'https://sink.example.com/results' }],
    }),
};
export const optionNames = Object.keys(runOptions) as readonly (keyof typeof runOptions)[];

export const target = z
  .strictObject({
    project: pathPart.meta({ description: 'Name of the project at Intuned.', examples: ['shop'] }),
    api: z
      .string()
      .min(1)
      .meta({ description: 'Name of the API in the project.', examples: ['scrape-prices'] }),
    ...runOptions,
  })
  .describe(
    'The API to run, and defaults for the options of a run. The `config` of a run overrides an option as a whole.',
  );
export type Target = z.infer<typeof target>;

/** A target that leaves to the request what to run, or a part of it. */
export const openTarget = z.strictObject({
  project: target.shape.project.optional(),
  api: target.shape.api.optional(),
  ...runOptions,
}) as unknown as z.ZodType<JsonObject>;

/** A run's `config`: the options themselves, or under `configurable` as ACP 0.2 and the Agent Protocol nest them. */
export const runConfig = z.looseObject({ ...runOptions, configurable: z.looseObject(runOptions).nullish() });

/** Where a run's own options send the vendor: its proxy, its sink, and the endpoint of a sink that is a store. */
export function findUrls(config: JsonObject): readonly RunUrl[] {
  const run = runConfig.safeParse(config);
  if (!run.success) return [];
  const { configurable, ...options } = run.data;
  return [...urlsIn(options, ''), ...urlsIn(configurable ?? {}, 'configurable/')];
}

function urlsIn({ proxy, sink }: Pick<z.output<typeof runConfig>, 'proxy' | 'sink'>, at: string): readonly RunUrl[] {
  const urls = [
    { path: `${at}proxy`, url: proxy, isProxy: true },
    { path: `${at}sink/url`, url: sink?.url, isProxy: false },
    { path: `${at}sink/endpoint`, url: sink?.endpoint, isProxy: false },
  ];
  return urls.flatMap(({ url, ...rest }) => (typeof url === 'string' ? [{ ...rest, url }] : []));
}
