// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of the config stand in its examples
import { z } from 'zod';
import { headerValue } from './path.ts';

/** The keys of a backend whose vendor takes tokens of OAuth 2, of the kind that a client gets for itself. */
export const oauthClient = z
  .strictObject({
    tokenUrl: z.url({ protocol: /^https?$/ }).meta({
      description: 'URL of the token endpoint.',
      examples: ['https://login.acme.example/oauth2/token'],
    }),
    clientId: z
      .string()
      .min(1)
      .meta({ description: 'Id of the client.', examples: ['rungate'] }),
    clientSecret: z
      .string()
      .min(1)
      .meta({ description: 'Secret of the client.', examples: ['${OAUTH_CLIENT_SECRET}'] }),
    scope: headerValue.optional().meta({ description: 'Scope that is asked for.', examples: ['agents/invoke'] }),
  })
  .optional()
  .describe('Credentials by which a bearer token is fetched, and fetched again before it expires.');
