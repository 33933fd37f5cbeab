import { v5 as uuidV5 } from 'uuid';
import { z } from 'zod';
import { checkRunUrls } from '../agents/run-urls.ts';
import type { Adapter, Capabilities } from '../contract/adapter/adapter.ts';
import type { Agent, AgentSchemas, Check } from '../contract/domain/agent.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import type { Exceptions } from '../upstream/ssrf-address.ts';
import { type CheckRoot, compileCheck, joinChecks, rememberEmpty, wrapZodCheck } from '../validation/json-schema.ts';
import { findNearest } from '../validation/nearest-word.ts';
import { type BackendEntries, refuseUnknownKeys } from './backends.ts';
import type { AgentConfig } from './config.ts';
import type { ConfigPath } from './config-error.ts';
import type { MappingLoader } from './mapping-layers.ts';
import type { ConfigReader } from './reader.ts';
import { type AgentEntry, agentSchema } from './sections.ts';

/** Fixed for ever: agent ids that clients keep are made from it. */
const agentNamespace = 'c8e5860f-d31c-4070-a817-4be587046097';

/** The outward id of an agent: UUID v5 of its name. */
function nameAgentId(name: string): string {
  return uuidV5(name, agentNamespace);
}

export type AgentEntries = {
  readonly agents: readonly AgentConfig[];
  /** All names that were written, whatever else is wrong with their agents. */
  readonly names: readonly string[];
};

/**
 * Reads `agents` and checks each against its backend, its adapter and its mapping. `mayLeadTo`: where the URLs of their
 * runs may lead although it is not public.
 */
export async function readAgents(
  value: unknown,
  backends: BackendEntries,
  mappings: MappingLoader,
  reader: ConfigReader,
  mayLeadTo: Exceptions,
): Promise<AgentEntries> {
  const entries = reader.parse(z.array(z.unknown()).min(1), value, ['agents']) ?? [];
  const agents: AgentConfig[] = [];
  const names = new Map<string, number>();
  for (const [index, raw] of entries.entries()) {
    const path = ['agents', index];
    const name = isJsonObject(raw) && typeof raw.name === 'string' ? raw.name : undefined;
    const first = name === undefined ? undefined : names.get(name);
    if (first !== undefined) reader.report([...path, 'name'], `is the name of agents[${first}] too`);
    else if (name !== undefined) names.set(name, index);
    const agent = await readAgent(raw, path, backends, mappings, reader, mayLeadTo);
    if (agent !== undefined) agents.push(agent);
  }
  return { agents, names: [...names.keys()] };
}

async function readAgent(
  raw: unknown,
  path: ConfigPath,
  backends: BackendEntries,
  mappings: MappingLoader,
  reader: ConfigReader,
  mayLeadTo: Exceptions,
): Promise<AgentConfig | undefined> {
  const entry = reader.parse(agentSchema, raw, path);
  const adapter = findBackendAdapter(raw, path, backends, reader);
  // What another part needs is read from the raw entry, so that one wrong key does not hide the next.
  const members = isJsonObject(raw) ? raw : {};
  const mapping =
    adapter === undefined ? undefined : await mappings.load(adapter.name, members.mapping, [...path, 'mapping']);
  const targeted = adapter === undefined ? undefined : readTarget(adapter, members.target, [...path, 'target'], reader);
  const checks = entry === undefined ? undefined : compileChecks(entry, path, reader);
  const { capabilities } = targeted ?? {};
  if (mapping?.interrupts === true && capabilities?.resume === false) {
    const message = `can interrupt a run, but the ${adapter?.name} adapter cannot resume one at this target`;
    reader.report([...path, 'mapping'], `${message}; take "interrupt" out, or choose a target that can be resumed`);
    return undefined;
  }
  if (entry === undefined || adapter === undefined || mapping === undefined) return undefined;
  if (targeted === undefined || checks === undefined) return undefined;
  return {
    agentId: nameAgentId(entry.name),
    name: entry.name,
    version: entry.version,
    description: entry.description,
    backend: entry.backend,
    metadata: entry.metadata,
    target: targeted.target,
    schemas: shapeSchemas(entry),
    checkInput: checks.input,
    checkConfig: rememberEmpty(
      joinChecks(checks.config, wrapZodCheck(adapter.runConfig, 'config'), checkRunUrls(adapter, mayLeadTo)),
    ),
    checkResume: checks.resume,
    timeoutMs: Math.ceil(entry.timeoutSeconds * 1000),
    lostAfterMs: Math.ceil(entry.lostAfterSeconds * 1000),
    onUnknownStart: entry.onUnknownStart,
    capabilities: targeted.capabilities,
    mapping,
  };
}

function findBackendAdapter(
  raw: unknown,
  path: ConfigPath,
  { adapters }: BackendEntries,
  reader: ConfigReader,
): Adapter | undefined {
  const name = isJsonObject(raw) ? raw.backend : undefined;
  // A missing or ill-typed one is reported with the other keys of the agent.
  if (typeof name !== 'string' || reader.hasFailed([...path, 'backend'])) return undefined;
  if (!adapters.has(name)) {
    const hint = findNearest(name, adapters.keys());
    reader.report([...path, 'backend'], `names no backend${listNames([...adapters.keys()])}`, hint);
  }
  return adapters.get(name);
}

function readTarget(
  adapter: Adapter,
  value: unknown,
  path: ConfigPath,
  reader: ConfigReader,
): { readonly target: unknown; readonly capabilities: Capabilities } | undefined {
  const before = reader.problems.length;
  const target = reader.parse(refuseUnknownKeys(adapter.target), value, path);
  if (reader.problems.length > before || (target === undefined && value !== undefined)) return undefined;
  return { target, capabilities: adapter.capabilitiesOf(target) };
}

type Checks = { readonly input: Check; readonly config: Check; readonly resume: Agent['checkResume'] };

function compileChecks({ schemas }: AgentEntry, path: ConfigPath, reader: ConfigReader): Checks | undefined {
  const before = reader.problems.length;
  const compile = (schema: JsonObject, place: ConfigPath, root: CheckRoot): Check => {
    try {
      return compileCheck(schema, root);
    } catch (error) {
      reader.report([...path, 'schemas', ...place], error instanceof Error ? error.message : 'is not valid');
      return () => null;
    }
  };
  const input = compile(schemas.input, ['input'], 'input');
  const config = compile(schemas.config, ['config'], 'config');
  // An output is never checked, but clients are shown its schema and would be the first to find it broken.
  compile(schemas.output, ['output'], 'output');
  const resumptions = new Map<string, Check>();
  for (const [index, interrupt] of schemas.interrupts.entries()) {
    const place = ['interrupts', index];
    compile(interrupt.interrupt_payload, [...place, 'interrupt_payload'], 'output');
    const resumption = compile(interrupt.resume_payload, [...place, 'resume_payload'], 'payload');
    const isSeen = resumptions.has(interrupt.interrupt_type);
    if (isSeen) reader.report([...path, 'schemas', ...place, 'interrupt_type'], 'stands twice among the interrupts');
    resumptions.set(interrupt.interrupt_type, resumption);
  }
  const resume: Agent['checkResume'] = (interrupt, payload) => {
    const type = isJsonObject(interrupt) ? interrupt.interrupt_type : undefined;
    return typeof type === 'string' ? (resumptions.get(type)?.(payload) ?? null) : null;
  };
  return reader.problems.length > before ? undefined : { input, config, resume };
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

/** For messages: what there is to choose from, unless that is too much to read. */
export function listNames(names: readonly string[]): string {
  return names.length === 0 || names.length > 12
    ? ''
    : `; there ${names.length === 1 ? 'is' : 'are'} ${names.join(', ')}`;
}
