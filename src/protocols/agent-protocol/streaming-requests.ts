import { z } from 'zod';
import { agentReference, closed, json, type RequestOptions, uuid } from '../shared/requests.ts';
import { completion, creationFields, inputMessages } from '../shared/run-create.ts';

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

/** Whatever a client names; a number that it sends back was ours. */
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

/** The document leaves both open for members of later versions, so they are dropped whatever the config says. */
export const eventStreamRequest = z.looseObject({ ...filter, since: seq.optional() });
export const streamingCommand = z.looseObject({
  id: z.int().min(0),
  method: z.string().min(1).max(256),
  params: z.record(z.string(), json).optional(),
});

export type EventFilter = Pick<z.output<typeof eventStreamRequest>, 'channels' | 'namespaces' | 'depth'>;
export type StreamingCommand = z.output<typeof streamingCommand>;

/** No agent here has a tree: whatever is about a place in it is about the root. */
const root = z.array(z.string()).max(0, 'must be empty: an agent has no tree here').optional();

/** What the parameters of each command must look like. */
export function createCommandParams(options: RequestOptions) {
  const { unknownFields } = options;
  const { on_disconnect: _whoSendsCommandsDoesNotWait, ...creation } = creationFields(options);
  const answer = { namespace: root, interrupt_id: z.string().optional(), response: json };
  const start = {
    ...creation,
    ...completion,
    ...inputMessages,
    /** What LangGraph's clients call an agent. */
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
    .regex(/^\d{1,16}$/, 'must be an id that an event had')
    .optional(),
  since: seq.optional(),
});
