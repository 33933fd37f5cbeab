// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import { headerValue, pathPart } from '../path.ts';

export const settings = z.strictObject({
  apiKey: headerValue.meta({
    description: 'API key of one app at Dify. Each app has its own, so each app is a backend.',
    examples: ['${DIFY_API_KEY}'],
  }),
});

const user = z.string().min(1).max(255);

export const target = z
  .strictObject({
    app: z
      .enum(['workflow', 'chatflow'])
      .default('workflow')
      .describe(
        'Kind of the app. A chatflow takes a `query` and answers a message; other kinds of chat have no runs to ask for.',
      ),
    workflowId: pathPart.optional().meta({
      description: 'A published version of the workflow, in place of the current one.',
      examples: ['7c3e33d4-2a8b-4e5f-9b1a-d3c6e8f12345'],
    }),
    user: user.optional().meta({
      description:
        "End user at Dify that runs belong to. Left out, each run has an end user of its own, named by the run's id, by which a start whose answer was lost is found.",
      examples: ['rungate'],
    }),
    holdSeconds: z
      .int()
      .min(1)
      .max(3600)
      .optional()
      .meta({
        description:
          'Reads the stream of a start to its end, for so long, in place of letting it go once it names the run. For versions of Dify that leave a run `running` for ever when its caller goes.',
        examples: [600],
      }),
  })
  .refine(({ app, workflowId }) => app === 'workflow' || workflowId === undefined, {
    message: 'is for workflows',
    path: ['workflowId'],
  })
  .meta({ description: 'The app behind the key, and how it is run.' });
export type Target = z.infer<typeof target>;

/** What a run may say: the end user that it is for, and files that this user has uploaded. */
export const runConfig = z.looseObject({
  user: user.optional(),
  files: z.array(z.json()).optional(),
});
