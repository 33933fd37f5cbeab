import { z } from 'zod';
import { closed, jsonObject, type RequestOptions, wholeNumber } from '../shared/requests.ts';
import { conversationIdPattern, responseIdPattern } from './ids.ts';

/** What models take and agents have no use for. It changes nothing of what runs. */
const withoutEffect = {
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_logprobs: z.int().nullish(),
  max_output_tokens: z.int().nullish(),
  max_tool_calls: z.int().nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  truncation: z.enum(['auto', 'disabled']).nullish(),
  include: z.array(z.string()).nullish(),
  reasoning: jsonObject.nullish(),
  stream_options: jsonObject.nullish(),
  service_tier: z.string().nullish(),
  prompt_cache_key: z.string().nullish(),
  prompt_cache_options: jsonObject.nullish(),
  prompt_cache_retention: z.string().nullish(),
  safety_identifier: z.string().nullish(),
  user: z.string().nullish(),
  context_management: z.array(jsonObject).nullish(),
  background_options: jsonObject.nullish(),
  image: jsonObject.nullish(),
};

/** Says of a member why it cannot be carried out: it must not be dropped either. Clients may write null for none. */
function refused(reason: string) {
  return z.null(reason).optional();
}

/** What would change what runs, or what its client may rely on. */
const withoutPlace = {
  prompt: refused('names a prompt that is kept at OpenAI'),
  moderation: refused('asks for checks of the input and the output, which nothing here makes'),
  access_programs: refused('asks for a program of access at OpenAI'),
};

const textBlock = z.looseObject({
  type: z.enum(['input_text', 'output_text', 'text'], 'must be a text: agents take nothing else here'),
  text: z.string(),
});
const content = z.union([z.string(), z.array(textBlock)]);

const message = z.looseObject({
  type: z.literal('message').optional(),
  role: z.enum(['user', 'assistant', 'system', 'developer']),
  content,
});
const functionCallOutput = z.looseObject({
  type: z.literal('function_call_output'),
  call_id: z.string().max(200),
  output: content,
});
/** Repeated by clients that send all of a conversation; the gateway has it. */
const repeatedItem = z.looseObject({ type: z.enum(['function_call', 'item_reference', 'reasoning']) });

const inputItem = z.union([message, functionCallOutput, repeatedItem]);
export type InputItem = z.output<typeof message> | z.output<typeof functionCallOutput> | z.output<typeof repeatedItem>;

/** The one function that agents call is the gateway's: it asks for the payload of an interrupt. */
const resumeTool = z.looseObject({ type: z.literal('function'), name: z.literal('resume') });

const previousId = z
  .string()
  .regex(responseIdPattern, 'must be the id of a response')
  .meta({ description: 'Response whose conversation this one continues; the newest one of it.' });
const conversationId = z
  .string()
  .regex(conversationIdPattern, 'must be the id of a conversation')
  .meta({ description: 'A thread of the gateway.' });

export const responseParams = z.object({
  response_id: z
    .string()
    .regex(responseIdPattern, 'must be the id of a response')
    .meta({ description: 'Id of a response, or of a run that another protocol made.' }),
});
export const conversationParams = z.object({ conversation_id: conversationId });
export const modelParams = z.object({ model: z.string().min(1).max(256).meta({ description: 'Name of an agent.' }) });

export const itemParams = conversationParams.extend({ item_id: z.string().min(1).max(200) });

const queryFlag = z.enum(['true', 'false']).optional();
const included = z.union([z.string(), z.array(z.string())]).optional();
const includes = { include: included, 'include[]': included };

const conversationMetadata = z.record(z.string().max(64), z.string().max(512));
export const noItems =
  'cannot be added: an agent hears what is said in a response, and a conversation has nothing else';

export function createRequests({ unknownFields }: RequestOptions) {
  return {
    create: closed(
      {
        model: z.string().min(1).max(256).nullish().meta({ description: 'Name or UUID of an agent.' }),
        input: z.union([z.string(), z.array(inputItem).min(1)]).meta({
          description:
            'A text, or items. Of items the last decides: an output of the function `resume` answers an interrupt.',
        }),
        instructions: z.string().nullish().meta({
          description: 'Becomes the first message, of the role `system`. Refused where the agent gets no messages.',
        }),
        background: z.boolean().nullish(),
        stream: z.boolean().nullish(),
        store: z.boolean().nullish(),
        metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
        previous_response_id: previousId.nullish(),
        conversation: z.union([conversationId, z.looseObject({ id: conversationId })]).nullish(),
        tools: z.array(resumeTool).nullish(),
        tool_choice: z.enum(['auto']).nullish(),
        text: z
          .looseObject({ format: z.looseObject({ type: z.literal('text') }).nullish() })
          .nullish()
          .meta({ description: 'An agent has an output of its own, so that no other format can be asked for.' }),
        ...withoutEffect,
        ...withoutPlace,
      },
      unknownFields,
    ),
    retrieve: closed(
      {
        stream: queryFlag,
        starting_after: wholeNumber({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }).optional(),
        include_obfuscation: queryFlag,
        ...includes,
      },
      unknownFields,
    ),
    items: closed(
      {
        limit: wholeNumber({ minimum: 1, maximum: 100 }).optional(),
        order: z.enum(['asc', 'desc']).optional(),
        after: z.string().optional(),
        ...includes,
      },
      unknownFields,
    ),
    conversation: closed(
      {
        metadata: conversationMetadata.nullish(),
        items: z.array(z.never(noItems)).nullish().meta({ description: 'Conversations begin empty.' }),
      },
      unknownFields,
    ).prefault({}),
    conversationUpdate: closed({ metadata: conversationMetadata.nullable() }, unknownFields),
    item: closed({ ...includes }, unknownFields),
    newItems: z.looseObject({ items: z.array(jsonObject) }),
  };
}

export type Requests = ReturnType<typeof createRequests>;
