import { z } from 'zod';

/** The body of every error of LangGraph's server; its clients show the text. */
const error = z.object({ detail: z.string() });

const info = z.object({
  version: z.string(),
  flags: z.object({ assistants: z.boolean(), crons: z.boolean(), langsmith: z.boolean() }),
  metadata: z.object({}),
});

/** Schemas of answers that more than one group of operations has. */
export const answers = { ErrorResponse: error, ServerInfo: info };
