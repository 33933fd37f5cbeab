// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';

const attempts = z.int().min(1).optional();
const timeout = z.int().min(1);

const authSession = z
  .looseObject({
    id: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Id of the session at Intuned.', examples: ['shop-login'] }),
    runtimeInput: z
      .record(z.string(), z.json())
      .optional()
      .meta({ description: 'Input for the API that creates the session.', examples: [{ username: 'robot' }] }),
    autoRecreate: z
      .boolean()
      .optional()
      .meta({ description: 'Whether a session that is no longer valid is created anew.', examples: [true] }),
    checkAttempts: attempts.meta({ description: 'Attempts to check the session.', examples: [3] }),
    createAttempts: attempts.meta({ description: 'Attempts to create the session.', examples: [3] }),
    proxy: z
      .string()
      .min(1)
      .optional()
      .meta({
        description: "Proxy for the session's own browser, as a URL.",
        examples: ['http://user:${PROXY_PASSWORD}@proxy.example:3128'],
      }),
    requestTimeout: timeout.optional().meta({
      description: 'Time that Intuned gives a check or a creation of the session, in seconds.',
      examples: [600],
    }),
    saveTrace: z
      .boolean()
      .optional()
      .meta({ description: 'Whether Intuned keeps a trace of the checks and creations.', examples: [true] }),
  })
  .refine(({ id, runtimeInput }) => id !== undefined || runtimeInput !== undefined, {
    message: 'must have an id or a runtimeInput',
  });

/** What each kind of sink cannot do without; the vendor may know more kinds. */
const sinkMembers: Readonly<Record<string, readonly string[]>> = {
  webhook: ['url'],
  s3: ['bucket', 'region', 'accessKeyId', 'secretAccessKey'],
};

const sink = z
  .looseObject({
    type: z
      .string()
      .min(1)
      .meta({ description: 'Kind of the sink.', examples: ['webhook'] }),
  })
  .superRefine((given, context) => {
    for (const name of sinkMembers[given.type] ?? []) {
      const value = given[name];
      if (typeof value === 'string' && value !== '') continue;
      const message = `is needed for a sink of the type ${given.type}, as a text`;
      context.addIssue({ code: 'custom', path: [name], message });
    }
  });

/**
 * The options of a run start at Intuned. Objects are loose: the vendor may know more members than these. Null is the
 * same as leaving an option out.
 */
export const runOptions = {
  retry: z
    .looseObject({ maximumAttempts: attempts.meta({ description: 'Attempts in all.', examples: [2] }) })
    .nullish()
    .describe(
      'How often Intuned tries the run. Each attempt runs the API from its beginning, so 1 for a run that must act once.',
    ),
  requestTimeout: timeout.nullish().meta({
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
    .meta({ description: 'Whether Intuned keeps a trace of the run.', examples: [true] }),
  authSession: authSession.nullish().describe('The logged-in session that the run uses.'),
  sink: sink.nullish().meta({
    description:
      'Where Intuned sends the result as well. With `push` on the backend, a run without a sink gets one that calls the gateway.',
    examples: [{ type: 'webhook', url: 'https://sink.example.com/results' }],
  }),
};
export const optionNames = Object.keys(runOptions) as readonly (keyof typeof runOptions)[];

/** The options of a web task. */
export const webTaskOptions = {
  startUrl: z
    .string()
    .min(1)
    .nullish()
    .meta({ description: 'Page on which the task begins.', examples: ['https://shop.example.com'] }),
  outputSchema: z
    .record(z.string(), z.json())
    .nullish()
    .meta({ description: 'JSON Schema of the result.', examples: [{ type: 'object' }] }),
  reuseKey: z
    .string()
    .min(1)
    .nullish()
    .meta({ description: 'Tasks with the same key reuse what Intuned has learned of the way.', examples: ['prices'] }),
  model: z
    .string()
    .min(1)
    .nullish()
    .meta({ description: 'Model of the task: `haiku`, `sonnet` or `opus`.', examples: ['sonnet'] }),
};
export const webTaskOptionNames = Object.keys(webTaskOptions) as readonly (keyof typeof webTaskOptions)[];

const configOptions = { ...runOptions, webTask: z.looseObject(webTaskOptions).nullish() };

/** A run's `config`: the options themselves, or under `configurable` as ACP 0.2 and the Agent Protocol nest them. */
export const runConfig = z.looseObject({ ...configOptions, configurable: z.looseObject(configOptions).nullish() });
export type RunConfig = z.output<typeof runConfig>;
