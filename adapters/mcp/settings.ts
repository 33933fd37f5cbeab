// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import { oauthClient } from '../oauth-client.ts';
import { headerValue } from '../path.ts';

export const settings = z
  .strictObject({
    token: headerValue
      .or(z.literal(''))
      .optional()
      .meta({ description: 'Sent as a bearer token. Empty: none.', examples: ['${MCP_TOKEN:-}'] }),
    oauth2: oauthClient,
    headers: z
      .record(z.string().regex(/^[A-Za-z][A-Za-z0-9-]*$/, 'must be the name of a header'), headerValue)
      .optional()
      .meta({
        description:
          'Further headers of every request, such as the key of a server that takes no bearer token. Taken as secrets.',
        examples: [{ 'X-Api-Key': '${MCP_API_KEY}' }],
      }),
    protocol: z
      .enum(['auto', '2025-11-25', '2026-07-28'])
      .default('auto')
      .describe(
        'Revision of the protocol. `auto` asks the server once whether it speaks 2026-07-28, and takes the handshake of 2025-11-25 and before where it does not.',
      ),
  })
  .refine(({ token, oauth2 }) => !token || oauth2 === undefined, {
    message: 'has no use next to a token',
    path: ['oauth2'],
  });
export type Settings = z.infer<typeof settings>;

export const target = z
  .strictObject({
    tool: z
      .string()
      .min(1)
      .max(500)
      .meta({ description: 'Name of the tool that is called.', examples: ['research'] }),
    ttlSeconds: z
      .int()
      .min(1)
      .max(2_000_000)
      .default(86_400)
      .describe(
        'How long a server of 2025-11-25 is asked to keep a task and its result. Runs that take longer, or end while no gateway runs for as long, are lost.',
      ),
    maxCallSeconds: z
      .int()
      .min(1)
      .max(86_400)
      .default(300)
      .describe(
        'How long a tool that makes no task may take to answer, in addition to `requestTimeoutSeconds`: its run lasts as long as its call.',
      ),
  })
  .meta({ description: 'The tool of the server that is called.' });
export type Target = z.infer<typeof target>;

/** A call has its arguments alone. */
export const runConfig = z.looseObject({});
