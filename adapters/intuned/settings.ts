// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { headerValue, pathPart } from '../path.ts';
import { optionNames, runOptions, webTaskOptions } from './options.ts';

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

const webTask = z.strictObject({
  task: z
    .string()
    .min(1)
    .optional()
    .meta({
      description: 'What is to be done, in plain words. Left out, the input has it as a text, or as its member `task`.',
      examples: ['Read the price of every product on the page'],
    }),
  ...webTaskOptions,
});

export const target = z
  .strictObject({
    project: pathPart.optional().meta({ description: 'Name of the project at Intuned.', examples: ['shop'] }),
    api: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Name of the API in the project.', examples: ['scrape-prices'] }),
    job: pathPart.optional().meta({
      description:
        'Id of a job in the project, in place of an API. A run triggers it, and can be cancelled. The job has its own parameters, so that the run takes no input.',
      examples: ['nightly-prices'],
    }),
    webTask: webTask
      .optional()
      .describe('A task in plain words, in place of an API. It needs no project. Its parameters are the input.'),
    ...runOptions,
  })
  .refine(({ api, job, webTask }) => [api, job, webTask].filter((each) => each !== undefined).length === 1, {
    message: 'must name an api, a job or a webTask, and one of them only',
  })
  .refine(({ project, webTask }) => (project === undefined) === (webTask !== undefined), {
    message: 'is needed for an api and a job, and is not for a webTask, which belongs to the workspace',
    path: ['project'],
  })
  .superRefine((given, context) => {
    if (given.api !== undefined) return;
    for (const name of optionNames) {
      if (given[name] === undefined || given[name] === null) continue;
      context.addIssue({ code: 'custom', path: [name], message: 'is an option of the runs of an api' });
    }
  })
  .meta({
    description:
      'The API, the job or the web task to run, and defaults for its options. The `config` of a run overrides an option as a whole.',
    oneOf: [{ required: ['project', 'api'] }, { required: ['project', 'job'] }, { required: ['webTask'] }],
  });
export type Target = z.infer<typeof target>;

/** A target that leaves to the request which API to run, or in which project. */
export const openTarget = z.strictObject({
  project: target.shape.project,
  api: target.shape.api,
  ...runOptions,
}) as unknown as z.ZodType<JsonObject>;
