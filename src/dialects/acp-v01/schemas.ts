import { z } from 'zod';
import type { Json, JsonObject } from '../../contract/json.ts';
import { runStatuses } from '../../contract/run.ts';

export type SchemaOptions = {
  /** What a member that the protocol does not know does to a request: refuse it, or nothing. */
  readonly unknownFields: 'reject' | 'ignore';
  /** The longest `block_timeout`. */
  readonly maxBlockSeconds: number;
};

/** A body is JSON already when it gets here; these only say of what kind, and do not walk through it. */
const json = z.unknown() as z.ZodType<Json>;
const jsonObject: z.ZodType<JsonObject> = z.record(z.string(), json);

/** Any layout of hexadecimal digits that looks like a UUID; one of a wrong version is just not found. */
const uuid = z.guid('must be a UUID').toLowerCase();
const agentReference = z.string().min(1, 'must not be empty').max(256);
const webhook = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }).max(8192);

const page = {
  limit: z.int().min(1).max(1000).default(10),
  offset: z.int().min(0).default(0),
};

function closed<Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  unknownFields: SchemaOptions['unknownFields'],
): z.ZodObject<Shape> {
  const open = z.object(shape);
  return unknownFields === 'reject' ? open.strict() : open;
}

/** What requests must look like. Objects are as ACP 0.1 has them; where it is silent, the comment says why. */
export function createSchemas({ unknownFields, maxBlockSeconds }: SchemaOptions) {
  const blockTimeout = z
    .string({ error: 'must be given once' })
    .regex(/^\d{1,10}$/, 'must be a whole number of seconds')
    .transform(Number)
    .refine((seconds) => seconds <= maxBlockSeconds, `must be at most ${maxBlockSeconds} seconds`);
  return {
    nothing: z.object({}),
    noBody: z.undefined(),
    runParams: z.object({ run_id: uuid }),
    agentParams: z.object({ agent_id: agentReference }),
    outputQuery: closed({ block_timeout: blockTimeout.optional() }, unknownFields),
    runCreate: closed(
      {
        // The protocol requires a UUID here; a name, and a default for none, cost nobody anything.
        agent_id: agentReference.optional(),
        thread_id: z.null({ error: 'threads are not supported yet' }).optional(),
        input: jsonObject.optional(),
        metadata: jsonObject.optional(),
        config: jsonObject.optional(),
        webhook: webhook.optional(),
        streaming: z.enum(['result', 'custom']).optional(),
      },
      unknownFields,
    ),
    // The agent's own schema says what a payload is; some agents take a bare string.
    resumePayload: json.refine((payload) => payload !== undefined, 'a payload is required'),
    runSearch: closed(
      {
        agent_id: agentReference.optional(),
        status: z.enum(runStatuses).optional(),
        metadata: jsonObject.optional(),
        ...page,
      },
      unknownFields,
    ).prefault({}),
    agentSearch: closed(
      { name: z.string().optional(), version: z.string().optional(), ...page },
      unknownFields,
    ).prefault({}),
  };
}

export type Schemas = ReturnType<typeof createSchemas>;
export type RunCreate = z.output<Schemas['runCreate']>;

/** A request may name an agent by either; only a UUID can name one that the config no longer has. */
export function isUuid(text: string): boolean {
  return uuid.safeParse(text).success;
}
