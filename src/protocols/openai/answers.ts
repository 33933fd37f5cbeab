import { z } from 'zod';
import { anyObject } from '../shared/answer-schemas.ts';

const seconds = z.int();
const list = <Item extends z.ZodType>(item: Item) =>
  z.object({ object: z.literal('list'), data: z.array(item), has_more: z.boolean() });

const pageEnds = { first_id: z.string().nullable(), last_id: z.string().nullable() };

const error = z.object({
  error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
});

const model = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: seconds,
  owned_by: z.string(),
});

const outputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.never()),
  logprobs: z.array(z.never()),
});

const outputMessage = z.object({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  status: z.enum(['in_progress', 'completed', 'incomplete']),
  content: z.array(outputText),
});

const functionCall = z.object({
  id: z.string(),
  type: z.literal('function_call'),
  call_id: z.string(),
  name: z.literal('resume'),
  arguments: z.string(),
  status: z.enum(['in_progress', 'completed']),
});

const outputItem = z.union([outputMessage, functionCall]);

const responseStatus = z.enum(['queued', 'in_progress', 'completed', 'failed', 'cancelled']);

const response = z.object({
  id: z.string(),
  object: z.literal('response'),
  created_at: seconds,
  completed_at: seconds.nullable(),
  status: responseStatus,
  background: z.boolean(),
  conversation: z.object({ id: z.string() }).nullable(),
  error: z.object({ code: z.literal('server_error'), message: z.string(), errcode: z.int() }).nullable(),
  incomplete_details: z.null(),
  instructions: z.string().nullable(),
  max_output_tokens: z.null(),
  metadata: z.record(z.string(), z.string()),
  model: z.string(),
  output: z.array(outputItem),
  parallel_tool_calls: z.boolean(),
  previous_response_id: z.string().nullable(),
  reasoning: z.object({ effort: z.null(), summary: z.null() }),
  store: z.boolean(),
  temperature: z.null(),
  text: z.object({ format: z.object({ type: z.literal('text') }) }),
  tool_choice: z.literal('auto'),
  tools: z.array(z.never()),
  top_p: z.null(),
  truncation: z.literal('disabled'),
  usage: z.null().meta({ description: 'No vendor here counts tokens in the words of OpenAI.' }),
  user: z.null(),
});

const functionCallOutput = z.object({
  id: z.string(),
  type: z.literal('function_call_output'),
  call_id: z.string(),
  output: z.string(),
  status: z.literal('completed'),
});

const inputMessage = z.object({
  id: z.string(),
  type: z.literal('message'),
  status: z.literal('completed'),
  role: z.string(),
  content: z.array(
    z.object({
      type: z.enum(['input_text', 'output_text']),
      text: z.string(),
      annotations: z.array(z.never()).optional(),
    }),
  ),
});

const inputItem = z.union([inputMessage, functionCallOutput]);
const conversationItem = z.union([inputItem, outputItem]);

/** Every event of a stream. Members of single kinds of events are left open. */
const streamEvent = z.looseObject({
  type: z.string(),
  sequence_number: z.int(),
  response: response.optional(),
  item: outputItem.optional(),
  output_index: z.int().optional(),
  part: outputText.optional(),
});

const deleted = <const Name extends string>(object: Name) =>
  z.object({ id: z.string(), object: z.literal(object), deleted: z.literal(true) });

const conversation = z.object({
  id: z.string(),
  object: z.literal('conversation'),
  created_at: seconds,
  metadata: anyObject,
});

/** Schemas of answers, as the document names them. */
export const answers = {
  ErrorResponse: error,
  Model: model,
  ModelList: z.object({ object: z.literal('list'), data: z.array(model) }),
  Response: response,
  ResponseStreamEvent: streamEvent,
  ResponseDeleted: deleted('response'),
  InputItemList: list(inputItem).extend(pageEnds),
  ConversationItem: conversationItem,
  ConversationItemList: list(conversationItem).extend(pageEnds),
  Conversation: conversation,
  ConversationDeleted: deleted('conversation.deleted'),
};

export type ResponseStatus = z.output<typeof responseStatus>;
