import { v5 as uuidV5 } from 'uuid';
import { z } from 'zod';
import { checkWholeConfig, compileInputChecks } from '../agents/input-checks.ts';
import type { Adapter, Capabilities } from '../contract/adapter/adapter.ts';
import type { AgentSchemas, ChatRules } from '../contract/domain/agent.ts';
import { isJsonObject } from '../json/json-object.ts';
import { createExpressionCompiler } from '../mapping/expressions.ts';
import type { Exceptions } from '../upstream/ssrf-address.ts';
import { findAgentBackends } from './agent-backends.ts';
import { type BackendEntries, refuseUnknownKeys } from './backends.ts';
import type { AgentConfig } from './config.ts';
import type { ConfigPath } from './config-error.ts';
import { type AgentEntry, agentSchema } from './entry-schemas.ts';
import type { MappingLoader } from './mapping-layers.ts';
import { describeNative } from './native-agents.ts';
import type { ConfigReader } from './reader.ts';

/** Never changes: clients keep the agent ids that are derived from it. */
const agentNamespace = 'c8e5860f-d31c-4070-a817-4be587046097';

export type AgentReaderDeps = {
  readonly backends: BackendEntries;
  readonly mappings: MappingLoader;
  readonly reader: ConfigReader;
  /** Hosts that the URLs in a run's config may lead to although they are not public. */
  readonly allowed: Exceptions;
  /** Time that one check of a client's JSON in a thread may take. */
  readonly checkTimeMs: number;
  /** Budget of one evaluation of an expression. */
  readonly mappingTimeMs: number;
};

export type AgentEntries = {
  readonly agents: readonly AgentConfig[];
  /** Every name in the config, whatever else is wrong with its agent. */
  readonly names: readonly string[];
};

/** Reads `agents` and checks each one against its backend, its adapter and its mapping. */
export async function readAgents(value: unknown, deps: AgentReaderDeps): Promise<AgentEntries> {
  const { reader } = deps;
  const entries = reader.parse(z.array(z.unknown()).min(1), value, ['agents']) ?? [];
  const agents: AgentConfig[] = [];
  const names = new Map<string, number>();
  for (const [index, raw] of entries.entries()) {
    const path = ['agents', index];
    const name = isJsonObject(raw) && typeof raw.name === 'string' ? raw.name : undefined;
    const first = name === undefined ? undefined : names.get(name);
    if (first !== undefined) reader.report([...path, 'name'], `is the name of agents[${first}] too`);
    else if (name !== undefined) names.set(name, index);
    const agent = await readAgent(raw, path, deps);
    if (agent !== undefined) agents.push(agent);
  }
  return { agents, names: [...names.keys()] };
}

async function readAgent(raw: unknown, path: ConfigPath, deps: AgentReaderDeps): Promise<AgentConfig | undefined> {
  const { backends, mappings, reader, allowed, checkTimeMs, mappingTimeMs } = deps;
  const entry = reader.parse(agentSchema, raw, path);
  const placed = findAgentBackends({ raw, path, reader, known: backends });
  const adapter = placed?.adapter;
  // The target and the mapping are read from the raw entry, so that one wrong key does not hide the next.
  const members = isJsonObject(raw) ? raw : {};
  const checksInput = isJsonObject(members.mapping) ? !('input' in members.mapping) : members.mapping === undefined;
  const isOpen = members.passthrough === true;
  if (isOpen && adapter !== undefined && adapter.native?.openTarget === undefined)
    reader.report([...path, 'passthrough'], `is not known to the ${adapter.name} adapter`);
  const place = { path: [...path, 'target'], reader, isOpen };
  const targeted = adapter === undefined ? undefined : readTarget(adapter, members.target, place);
  const load = (layers: unknown) =>
    adapter === undefined
      ? undefined
      : mappings.load(targeted?.mappingName ?? adapter.name, layers, [...path, 'mapping']);
  const mapping = await load(members.mapping);
  // Where the agent adds nothing, both are one.
  const isPlain = members.mapping === undefined || adapter?.native === undefined;
  const own = isPlain ? mapping : await load(undefined);
  const schemas = entry === undefined ? undefined : shapeSchemas(entry);
  const report = (place: ConfigPath, message: string) => reader.report([...path, 'schemas', ...place], message);
  const checks =
    schemas === undefined ? undefined : await compileInputChecks({ schemas, adapter, allowed, checkTimeMs, report });
  const { capabilities } = targeted ?? {};
  if (mapping?.interrupts === true && capabilities?.resume === false) {
    const message = `can interrupt a run, but the ${adapter?.name} adapter cannot resume one at this target`;
    reader.report([...path, 'mapping'], `${message}; take "interrupt" out, or choose a target that can be resumed`);
    return undefined;
  }
  if (entry === undefined || placed === undefined || mapping === undefined || own === undefined) return undefined;
  if (targeted === undefined || schemas === undefined || checks === undefined) return undefined;
  return {
    agentId: uuidV5(entry.name, agentNamespace),
    name: entry.name,
    version: entry.version,
    description: entry.description,
    backend: placed.first,
    ...(entry.backends === undefined ? {} : { backends: entry.backends }),
    metadata: entry.metadata,
    target: targeted.target,
    schemas,
    ...checks,
    timeoutMs: Math.ceil(entry.timeoutSeconds * 1000),
    lostAfterMs: Math.ceil(entry.lostAfterSeconds * 1000),
    unauthorisedAfterMs: Math.ceil(entry.unauthorisedAfterSeconds * 1000),
    onUnknownStart: entry.onUnknownStart,
    onBusyStart: entry.onBusyStart,
    capabilities: targeted.capabilities,
    mapping,
    mcp: entry.mcp,
    ...(entry.chat === undefined ? {} : { chat: compileChat(entry.chat, mappingTimeMs) }),
    ...(adapter?.native === undefined
      ? {}
      : {
          native: describeNative(adapter, adapter.native.names, {
            ...{ target: targeted.target, isOpen, mapping: own, checksInput },
            checkConfig: checkWholeConfig(checks.checkConfig, adapter, allowed),
          }),
        }),
  };
}

type TargetPlace = { readonly path: ConfigPath; readonly reader: ConfigReader; readonly isOpen: boolean };

function readTarget(
  adapter: Adapter,
  value: unknown,
  { path, reader, isOpen }: TargetPlace,
): { readonly target: unknown; readonly capabilities: Capabilities; readonly mappingName: string } | undefined {
  const before = reader.problemCount;
  const schema: z.ZodType = isOpen ? (adapter.native?.openTarget ?? adapter.target) : adapter.target;
  const target = reader.parse(refuseUnknownKeys(schema), isOpen ? (value ?? {}) : value, path);
  if (reader.problemCount > before || (target === undefined && value !== undefined)) return undefined;
  return {
    target,
    capabilities: { ...adapter.capabilities, ...adapter.capabilitiesOf?.(target) },
    mappingName: adapter.mappingOf?.(target) ?? adapter.name,
  };
}

function compileChat({ input, reply }: NonNullable<AgentEntry['chat']>, timeMs: number): ChatRules {
  const compiler = createExpressionCompiler({ timeMs });
  return {
    ...(input === undefined ? {} : { input: compiler.compile(input, 'chat.input') }),
    ...(reply === undefined ? {} : { reply: compiler.compile(reply, 'chat.reply') }),
  };
}

function shapeSchemas({ schemas }: AgentEntry): AgentSchemas {
  return {
    input: schemas.input,
    output: schemas.output,
    config: schemas.config,
    interrupts: schemas.interrupts.map((interrupt) => ({
      type: interrupt.interrupt_type,
      interruptPayload: interrupt.interrupt_payload,
      resumePayload: interrupt.resume_payload,
    })),
  };
}
