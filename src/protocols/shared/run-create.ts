import { z } from 'zod';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { Run, RunRequest } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { anyObject, anyValue } from './answers.ts';
import {
  afterSeconds,
  agentReference,
  closed,
  jsonObject,
  messages,
  type RequestOptions,
  webhook,
} from './requests.ts';

/** Members that do nothing to a run but to come back in its `creation`, or that only the creation itself reads. */
const echoed = ['stream_mode', 'on_disconnect', 'multitask_strategy', 'if_not_exists', 'stream_subgraphs'] as const;

type Echoed = (typeof echoed)[number];

const onDisconnect = z.enum(['cancel', 'continue']);
const onCompletion = z.enum(['delete', 'keep']);
const ifNotExists = z.enum(['create', 'reject']);
const multitaskStrategy = z.enum(['reject', 'rollback', 'interrupt', 'enqueue']);

/** The stream modes that a protocol has, for requests: one or many. */
export function streamModes<const Mode extends string>(modes: readonly Mode[]) {
  const mode = z.enum(modes);
  return z.union([mode, z.array(mode)]);
}

/** Members that a creation has in ACP 0.2 and in the Agent Protocol. */
export function creationFields({ unknownFields }: RequestOptions) {
  return {
    agent_id: agentReference.optional(),
    metadata: jsonObject.optional(),
    config: closed(
      {
        tags: z.array(z.string()).optional(),
        recursion_limit: z.int().optional(),
        configurable: jsonObject.optional(),
      },
      unknownFields,
    ).optional(),
    webhook: webhook(65_536).optional(),
    on_disconnect: onDisconnect.optional(),
  };
}

export const multitask = { multitask_strategy: multitaskStrategy.optional(), after_seconds: afterSeconds.optional() };
export const completion = { on_completion: onCompletion.optional() };
export const existence = { if_not_exists: ifNotExists.optional() };
export const inputMessages = { messages: messages.optional() };

/** The same members in an answer. */
export const creationShape = {
  agent_id: z.string().optional(),
  input: anyValue.optional(),
  metadata: anyObject.optional(),
  config: anyObject.optional(),
  webhook: z.string().optional(),
  on_disconnect: onDisconnect.optional(),
};

type Body = {
  readonly input?: Json | undefined;
  readonly messages?: readonly Json[] | undefined;
  readonly metadata?: JsonObject | undefined;
  readonly config?: { readonly configurable?: JsonObject | undefined; readonly [name: string]: unknown } | undefined;
  readonly webhook?: string | undefined;
  readonly after_seconds?: number | undefined;
  readonly on_completion?: 'delete' | 'keep' | undefined;
  readonly stream_mode?: string | readonly string[] | null | undefined;
} & { readonly [name in Echoed]?: unknown };

/**
 * What a creation asks of the core. `config.configurable` is what ACP 0.1 and the agents call the config; `protocol` is
 * the one that a webhook is told in.
 */
export function decodeCreation(body: Body, protocol: string): RunRequest {
  const { configurable, ...config } = body.config ?? {};
  const echo = {
    ...Object.fromEntries(echoed.filter((name) => body[name] !== undefined).map((name) => [name, body[name]])),
    ...(Object.keys(config).length === 0 ? {} : { config }),
  } as JsonObject;
  const { stream_mode: mode } = body;
  return {
    input: body.input,
    messages: body.messages,
    config: configurable,
    metadata: body.metadata,
    webhook: body.webhook,
    protocol: body.webhook === undefined ? undefined : protocol,
    afterMs: body.after_seconds === undefined ? undefined : body.after_seconds * 1000,
    onCompletion: body.on_completion,
    streamModes: mode === undefined || mode === null ? undefined : typeof mode === 'string' ? [mode] : mode,
    echo: Object.keys(echo).length === 0 ? undefined : echo,
  };
}

/** Which members a protocol's creation has beside the common ones, and which stream modes it knows. */
export type RunCreateEncoding = {
  readonly members: readonly (Echoed | 'messages' | 'after_seconds' | 'on_completion')[];
  readonly modes: readonly string[];
};

/** What the client asked for, in a protocol's words, whichever protocol it asked in. */
export function encodeCreation({ agentId, request }: Run, { members, modes }: RunCreateEncoding): JsonObject {
  const { input, messages, config, metadata, webhook, afterMs, onCompletion, echo = {}, streamModes } = request;
  const known: Readonly<Record<string, Json | undefined>> = {
    ...echo,
    messages,
    after_seconds: afterMs === undefined ? undefined : afterMs / 1000,
    on_completion: onCompletion,
    stream_mode: encodeModes(echo.stream_mode ?? (streamModes?.length === 1 ? streamModes[0] : streamModes), modes),
  };
  const configured = { ...asConfig(echo.config), ...(config === undefined ? {} : { configurable: config }) };
  return pruned({
    agent_id: agentId,
    input: input ?? undefined,
    metadata,
    config: Object.keys(configured).length === 0 ? undefined : configured,
    webhook,
    on_disconnect: echo.on_disconnect,
    ...Object.fromEntries(members.map((name) => [name, known[name]])),
  });
}

function asConfig(config: Json | undefined): JsonObject {
  return isJsonObject(config) ? config : {};
}

/** Modes that this protocol has no word for are left out. */
function encodeModes(asked: Json | undefined, modes: readonly string[]): Json | undefined {
  if (!Array.isArray(asked)) return typeof asked === 'string' && modes.includes(asked) ? asked : undefined;
  const known = asked.filter((mode) => typeof mode === 'string' && modes.includes(mode));
  return known.length === 0 && asked.length > 0 ? undefined : known;
}

/** Without the members that are absent. */
function pruned(object: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as JsonObject;
}
