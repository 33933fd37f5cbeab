import { z } from 'zod';
import type { Json, JsonObject } from '../../contract/domain/json.ts';
import type { RequestOrigin, RunRequest, RunSummary } from '../../contract/domain/run.ts';
import { isJsonObject } from '../../json/json-object.ts';
import { agentReference } from './agent-reference.ts';
import { anyObject, anyValue } from './answer-schemas.ts';
import { echoConfig } from './config-echo.ts';
import { afterSeconds, closed, jsonObject, messages, type RequestOptions, webhook } from './requests.ts';
import { encodeMetadata } from './run-metadata.ts';

/** Members that the engine does not read: they only come back in the run's `creation`, or steer the answer to it. */
const extraMembers = [
  'stream_mode',
  'on_disconnect',
  'multitask_strategy',
  'if_not_exists',
  'stream_subgraphs',
] as const;

type ExtraMember = (typeof extraMembers)[number];

const onDisconnect = z.enum(['cancel', 'continue']);
const onCompletion = z.enum(['delete', 'keep']);
const ifNotExists = z.enum(['create', 'reject']);
const multitaskStrategy = z.enum(['reject', 'rollback', 'interrupt', 'enqueue']);

/** Schema of the stream modes in a request: one or many of the protocol's. */
export function streamModes<const Mode extends string>(modes: readonly Mode[]) {
  const mode = z.enum(modes);
  return z.union([mode, z.array(mode)]);
}

/** Members of a creation in both ACP 0.2 and the Agent Protocol. */
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
} & { readonly [name in ExtraMember]?: unknown };

/** What a creation asks of the engine. `config.configurable` is what ACP 0.1 and the agents call the config. */
export function decodeCreation(body: Body, protocol: string): RunRequest {
  const { configurable, ...config } = body.config ?? {};
  const extra = {
    ...Object.fromEntries(extraMembers.filter((name) => body[name] !== undefined).map((name) => [name, body[name]])),
    ...(Object.keys(config).length === 0 ? {} : { config }),
  } as JsonObject;
  return {
    input: body.input,
    messages: body.messages,
    config: configurable,
    metadata: body.metadata,
    webhook: body.webhook,
    afterMs: body.after_seconds === undefined ? undefined : body.after_seconds * 1000,
    onCompletion: body.on_completion,
    origin: originOf(protocol, body.webhook, extra),
  };
}

/** Kept only where something reads it later: a webhook the protocol's name, a protocol the members. */
export function originOf(protocol: string, webhook: string | undefined, extra: JsonObject): RequestOrigin | undefined {
  return webhook === undefined && Object.keys(extra).length === 0 ? undefined : { protocol, extra };
}

/** The stream modes that a run was created with, in whichever protocol; undefined where the client named none. */
export function streamModesOf({ origin }: RunRequest): readonly string[] | undefined {
  const mode = origin?.extra.stream_mode;
  if (typeof mode === 'string') return [mode];
  return Array.isArray(mode) ? mode.filter((each) => typeof each === 'string') : undefined;
}

/** Which members a protocol's creation has in addition to the common ones, and which stream modes it knows. */
export type RunCreateEncoding = {
  readonly members: readonly (ExtraMember | 'messages' | 'after_seconds' | 'on_completion')[];
  readonly modes: readonly string[];
};

/** The creation of a run in a protocol's words, whichever protocol it was made in. */
export function encodeCreation(run: RunSummary, { members, modes }: RunCreateEncoding): JsonObject {
  const { agentId, request } = run;
  const { input, messages, config, webhook, afterMs, onCompletion, origin } = request;
  const extra = origin?.extra ?? {};
  const known: Readonly<Record<string, Json | undefined>> = {
    ...extra,
    messages,
    after_seconds: afterMs === undefined ? undefined : afterMs / 1000,
    on_completion: onCompletion,
    stream_mode: encodeModes(extra.stream_mode, modes),
  };
  const configured = { ...asConfig(extra.config), ...(config === undefined ? {} : { configurable: config }) };
  return pruned({
    agent_id: agentId,
    input: input ?? undefined,
    metadata: encodeMetadata(run),
    config: Object.keys(configured).length === 0 ? undefined : echoConfig(configured),
    webhook,
    on_disconnect: extra.on_disconnect,
    ...Object.fromEntries(members.map((name) => [name, known[name]])),
  });
}

function asConfig(config: Json | undefined): JsonObject {
  return isJsonObject(config) ? config : {};
}

/** Modes that the protocol does not have are left out. */
function encodeModes(asked: Json | undefined, modes: readonly string[]): Json | undefined {
  if (!Array.isArray(asked)) return typeof asked === 'string' && modes.includes(asked) ? asked : undefined;
  const known = asked.filter((mode) => typeof mode === 'string' && modes.includes(mode));
  return known.length === 0 && asked.length > 0 ? undefined : known;
}

/** Without the members that are absent. */
function pruned(object: Readonly<Record<string, Json | undefined>>): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as JsonObject;
}
