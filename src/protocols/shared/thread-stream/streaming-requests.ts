import { z } from 'zod';
import { agentReference } from '../agent-reference.ts';
import { closed, json, jsonObject, type RequestOptions, uuid } from '../requests.ts';
import { completion, creationFields, inputMessages } from '../run-create.ts';

const channels = [
  'values',
  'updates',
  'messages',
  'tools',
  'lifecycle',
  'input',
  'checkpoints',
  'tasks',
  'custom',
] as const;

/** The number of an event that the client has seen. */
const seq = z.int().min(0);
const maxFilters = 100;
const namespace = z.array(z.string().max(1024)).max(maxFilters);

/** Which events a reader wants. */
const filter = {
  channels: z
    .array(
      z.union([
        z.enum(channels),
        z
          .string()
          .max(256)
          .regex(/^custom:.+/),
      ]),
    )
    .min(1)
    .max(maxFilters),
  namespaces: z.array(namespace).max(maxFilters).optional(),
  depth: z.int().min(0).optional(),
};

/** The document leaves both open for later versions, so unknown members are dropped whatever the config says. */
export const eventStreamRequest = z.looseObject({ ...filter, since: seq.optional() });
export const streamingCommand = z.looseObject({
  id: z.int().min(0),
  method: z.string().min(1).max(256),
  params: jsonObject.optional(),
});

export type EventFilter = Pick<z.output<typeof eventStreamRequest>, 'channels' | 'namespaces' | 'depth'>;
export type StreamingCommand = z.output<typeof streamingCommand>;

/** Agents have no tree of namespaces here, so only the root can be named. */
const root = z.array(z.string()).max(0, 'must be empty: an agent has no tree here').optional();

/** What the parameters of each command must look like. */
export function createCommandParams(options: RequestOptions) {
  const { unknownFields } = options;
  const { on_disconnect: _commandsDoNotWait, ...creation } = creationFields(options);
  const answer = { namespace: root, interrupt_id: z.string().optional(), response: json };
  const start = {
    ...creation,
    ...completion,
    ...inputMessages,
    /** The name that LangGraph's clients use for `agent_id`. */
    assistant_id: agentReference.optional(),
    input: json.optional(),
  };
  return {
    start: closed(start, unknownFields),
    respond: z.union([
      closed(answer, unknownFields),
      closed(
        { responses: z.array(closed(answer, unknownFields)).length(1, 'a run asks one thing at a time') },
        unknownFields,
      ),
    ]),
    get: closed({ namespace: root, keys: z.array(z.string()).max(1000).optional() }, unknownFields),
    list: closed(
      { namespace: root, limit: z.int().min(1).max(1000).default(10), before: uuid.optional() },
      unknownFields,
    ),
    fork: closed({ checkpoint_id: uuid, input: json.optional(), config: creation.config }, unknownFields),
  };
}

export type CommandParams = ReturnType<typeof createCommandParams>;

export const unsubscribeParams = z.looseObject({ subscription_id: z.string().max(65_536) });
export const reconnectParams = z.looseObject({
  subscriptions: z.array(z.string().max(65_536)).max(maxFilters).optional(),
  last_event_id: z
    .string()
    .regex(/^(?:-1|\d{1,16})$/, 'must be an id that an event had')
    .optional(),
  since: seq.optional(),
});

/** A command that is refused with a code of the protocol's own. */
export class CommandFault extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = 'CommandFault';
    this.code = code;
  }
}

/** Parameters by their schema. Throws `CommandFault` `invalid_argument`. */
export function parseParams<Schema extends z.ZodType>(schema: Schema, params: unknown): z.output<Schema> {
  const parsed = schema.safeParse(params);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const at = ['params', ...(issue?.path ?? [])].join('/');
  throw new CommandFault('invalid_argument', `${at}: ${issue?.message ?? 'is not valid'}`);
}
