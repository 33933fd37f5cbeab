import type { Capabilities, Connection } from '../adapter/adapter.ts';
import type { CompiledExpression } from '../adapter/expressions.ts';
import type { Json, JsonObject } from './json.ts';
import type { Mapping } from './mapping.ts';

/** Where and why a value breaks a schema; null when it does not. `path` is such as `input/items/0`. */
export type Violation = { readonly path: string; readonly message: string };
/** Gives a promise only where the check might take long, and is carried out in a thread. */
export type Check = (value: Json) => Violation | null | Promise<Violation | null>;

export type InterruptSchema = {
  readonly type: string;
  readonly interruptPayload: JsonObject;
  readonly resumePayload: JsonObject;
};

/** JSON Schemas of an agent, as configured; shown in its descriptor. */
export type AgentSchemas = {
  readonly input: JsonObject;
  readonly output: JsonObject;
  readonly config: JsonObject;
  readonly interrupts: readonly InterruptSchema[];
};

/** An agent at one of its backends; `weight` is the backend's share of the runs, 0: only while no other takes them. */
export type AgentPlace = { readonly agent: Agent; readonly weight: number };

/** What an agent needs to take requests in the words of its vendor's own API. */
export type NativeAgent = {
  /** The name of the adapter. */
  readonly vendor: string;
  /** The vendor's mapping, without what the agent adds to it. */
  readonly mapping: Mapping;
  /** The agent's schema of the input is one of what the vendor takes: the agent maps it in no way of its own. */
  readonly checksInput: boolean;
  /** In place of the agent's own: every member of the config passes, those too that the adapter does not know. */
  readonly checkConfig: Check;
  /** The agent leaves to the request what to run, and runs nothing for a request that does not say it. */
  readonly isOpen: boolean;
  /** The part of the target that a request has to name; null: the agent does not run what the request names. */
  readonly nameTarget: (named: JsonObject) => JsonObject | null;
  /** The agent's whole target, given that part. */
  readonly targetOf: (named: JsonObject) => unknown;
  /** Whether one of its backends is, for the tenant, the place at the vendor that a request names. */
  readonly serves: (tenant: string, place: JsonObject) => boolean;
  /** Whether a start is answered only once the vendor has, so that its refusal can be passed on as one. */
  readonly holdsStarts: boolean;
};

/** An agent's own rules between the texts of a chat and its input and output; one that is left out is the usual one. */
export type ChatRules = {
  /** From a `ChatContext` to the input. */
  readonly input?: CompiledExpression | undefined;
  /** From the output to the text of the reply. */
  readonly reply?: CompiledExpression | undefined;
};

/** When a call over MCP is answered with a task; left out, `auto`. */
export type TaskPolicy = 'auto' | 'late' | 'required' | 'never';

/** An entry of the config, ready to run. */
export type Agent = {
  /** UUID v5 of the name. */
  readonly agentId: string;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly backend: string;
  /** The agent at each of its backends, itself included, in the order of the config; left out, it has only one. */
  readonly places?: readonly AgentPlace[] | undefined;
  /** Tenants that have credentials at the backend; left out, all tenants share one. */
  readonly tenants?: readonly string[] | undefined;
  readonly metadata: JsonObject;
  readonly target: unknown;
  readonly schemas: AgentSchemas;
  readonly checkInput: Check;
  /** The agent's config schema and the adapter's run options. */
  readonly checkConfig: Check;
  /** Checks a resume payload against the schema of the interrupt's `interrupt_type`, if there is one. */
  readonly checkResume: (interrupt: Json, payload: Json) => ReturnType<Check>;
  readonly timeoutMs: number;
  /** How long the vendor may answer 404 for a run that it has started before the run ends as lost. */
  readonly lostAfterMs: number;
  /** How long the vendor may answer 401 or 403 to polls of a run before the run ends. */
  readonly unauthorisedAfterMs: number;
  readonly onUnknownStart: 'fail' | 'retry';
  /** What a 429 or 503 to a start means at this agent; left out, what the adapter says. */
  readonly onBusyStart?: 'retry' | 'unknown' | undefined;
  readonly capabilities: Capabilities;
  /** The connection to the backend with the credentials of the run's tenant. */
  readonly connectionFor: (tenant: string) => Connection;
  readonly mapping: Mapping;
  /** Left out: the usual rules. */
  readonly chat?: ChatRules | undefined;
  readonly mcp?: { readonly tasks: TaskPolicy } | undefined;
  /** Left out where clients cannot reach the vendor by its own API. */
  readonly native?: NativeAgent | undefined;
};

/** The agents of the config, by name and by id. */
export interface AgentDirectory {
  readonly all: readonly Agent[];
  readonly defaultAgent: Agent | null;
  find(idOrName: string): Agent | null;
  /**
   * An agent, or one of its backends, that an earlier config had: for the runs that are there. Left out where the config
   * never changes.
   */
  findRetired?(agentId: string, backend: string | undefined): Agent | null;
  /** Calls `listener` whenever other agents are in force, until the result is called. Left out where the config never changes. */
  onReplaced?(listener: () => void): () => void;
}
