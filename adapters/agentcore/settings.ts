// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import { oauthClient } from '../oauth-client.ts';
import { headerValue, pathPart } from '../path.ts';

const keyNames = ['region', 'accessKeyId', 'secretAccessKey'] as const;

export const settings = z
  .strictObject({
    region: pathPart
      .optional()
      .meta({ description: 'Region that requests are signed for.', examples: ['eu-central-1'] }),
    accessKeyId: headerValue.optional().meta({ description: 'Access key.', examples: ['${AWS_ACCESS_KEY_ID}'] }),
    secretAccessKey: z
      .string()
      .min(1)
      .optional()
      .meta({ description: 'Secret of the access key.', examples: ['${AWS_SECRET_ACCESS_KEY}'] }),
    sessionToken: headerValue
      .or(z.literal(''))
      .optional()
      .meta({ description: 'Of temporary credentials. Empty: none.', examples: ['${AWS_SESSION_TOKEN:-}'] }),
    bearerToken: headerValue.optional().meta({
      description:
        'JWT for an agent with inbound OAuth, in place of the access key. One that expires is better fetched by `oauth2`.',
      examples: ['${AGENT_TOKEN}'],
    }),
    oauth2: oauthClient,
  })
  .refine(
    (keys) => {
      const ways = [keys.bearerToken, keys.oauth2, keyNames.every((name) => keys[name] !== undefined) || undefined];
      const stray = keyNames.some((name) => keys[name] !== undefined) && ways[2] === undefined;
      return !stray && ways.filter((way) => way !== undefined).length === 1;
    },
    { message: 'must have region, accessKeyId and secretAccessKey together, or a bearerToken, or oauth2' },
  );
export type Settings = z.infer<typeof settings>;

export const target = z
  .strictObject({
    agentRuntimeArn: pathPart.meta({
      description: 'ARN of the agent runtime.',
      examples: ['arn:aws:bedrock-agentcore:eu-central-1:123456789012:runtime/support-AbCdEf1234'],
    }),
    qualifier: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .meta({
        description: 'Endpoint or version of the runtime. Left out, the vendor takes `DEFAULT`.',
        examples: ['DEFAULT'],
      }),
    userId: headerValue.optional().meta({
      description: 'User that the agent acts for, sent as `X-Amzn-Bedrock-AgentCore-Runtime-User-Id`.',
      examples: ['service-account'],
    }),
    maxSeconds: z
      .int()
      .min(1)
      .max(3600)
      .default(900)
      .describe(
        'How long the agent may take to answer, in addition to `requestTimeoutSeconds`. The vendor ends a plain answer after 15 minutes, a stream after 60.',
      ),
  })
  .meta({ description: 'The agent runtime that is invoked.' });
export type Target = z.infer<typeof target>;

/** An invocation has its payload alone. */
export const runConfig = z.looseObject({});
