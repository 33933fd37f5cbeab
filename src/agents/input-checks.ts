import type { Adapter } from '../contract/adapter/adapter.ts';
import type { Agent, AgentSchemas, Check, Violation } from '../contract/domain/agent.ts';
import type { JsonObject } from '../contract/domain/json.ts';
import { isJsonObject } from '../json/json-object.ts';
import { listQuestions } from '../json/listed-questions.ts';
import type { Exceptions } from '../upstream/ssrf-address.ts';
import { refuseProxyUrl, refuseUrl } from '../upstream/ssrf-url.ts';
import { compileCheck, joinChecks, rememberEmpty, wrapZodCheck } from '../validation/json-schema.ts';
import type { CheckRoot } from '../validation/schema-check.ts';

/** Members of a config that choose the agent or the state in LangGraph's API. */
const routingMembers = ['assistant_id', 'graph_id', 'checkpoint_id', 'checkpoint_ns', 'checkpoint_map'];

export type InputCheckOptions = {
  readonly schemas: AgentSchemas;
  /** Checks the run options that it reads from a run's `config`, and names the URLs among them. Undefined: not known. */
  readonly adapter: Adapter | undefined;
  /** Hosts that those URLs may lead to although they are not public. */
  readonly allowed: Exceptions;
  /** Time that one check in a thread may take. */
  readonly checkTimeMs: number;
  /** Takes what is wrong with the schemas; `place` is below the `schemas` of the config. */
  readonly report: (place: readonly (string | number)[], message: string) => void;
};

/** Compiles the checks of what clients send to an agent. Undefined: a schema was reported, or the adapter is not known. */
export async function compileInputChecks(
  options: InputCheckOptions,
): Promise<Pick<Agent, 'checkInput' | 'checkConfig' | 'checkResume'> | undefined> {
  const { schemas, adapter, allowed } = options;
  let isComplete = true;
  const report: InputCheckOptions['report'] = (place, message) => {
    isComplete = false;
    options.report(place, message);
  };
  const checkOptions = { timeMs: options.checkTimeMs, key: {} };
  const compile = async (schema: JsonObject, place: readonly (string | number)[], root: CheckRoot): Promise<Check> => {
    try {
      return await compileCheck(schema, root, checkOptions);
    } catch (error) {
      report(place, error instanceof Error ? error.message : 'is not valid');
      return () => null;
    }
  };
  const checkInput = await compile(schemas.input, ['input'], 'input');
  const config = await compile(schemas.config, ['config'], 'config');
  // The schemas of outputs and of interrupts are only shown, so that nothing in them can be wrong for the gateway.
  const resumptions = new Map<string, Check>();
  for (const [index, { type, resumePayload }] of schemas.interrupts.entries()) {
    const place = ['interrupts', index];
    const resumption = await compile(resumePayload, [...place, 'resume_payload'], 'payload');
    if (resumptions.has(type)) report([...place, 'interrupt_type'], 'stands twice among the interrupts');
    resumptions.set(type, resumption);
  }
  if (!isComplete || adapter === undefined) return undefined;
  return {
    checkInput,
    checkConfig: rememberEmpty(
      joinChecks(
        config,
        refuseRouting(schemas.config),
        wrapZodCheck(adapter.runConfig, 'config'),
        checkRunUrls(runUrlsOf(adapter), allowed),
      ),
    ),
    checkResume: checkByInterrupt(resumptions),
  };
}

/** Apart from where the checks are compiled: an agent would keep the text of its config with the variables there. */
function checkByInterrupt(resumptions: ReadonlyMap<string, Check>): Agent['checkResume'] {
  const checkOne: Agent['checkResume'] = (interrupt, payload) => {
    const type = isJsonObject(interrupt) ? interrupt.interrupt_type : undefined;
    return typeof type === 'string' ? (resumptions.get(type)?.(payload) ?? null) : null;
  };
  return (interrupt, payload) => {
    const questions = listQuestions(interrupt);
    if (questions === null) return checkOne(interrupt, payload);
    if (!isJsonObject(payload))
      return { path: 'payload', message: 'must be an object with an answer to each question' };
    const checks = questions.map(
      ({ id, question }): Check =>
        () =>
          within(id, Object.hasOwn(payload, id) ? checkOne(question, payload[id] ?? null) : missing),
    );
    return joinChecks((given) => checkOne(interrupt, given), ...checks)(payload);
  };
}

const missing: Violation = { path: 'payload', message: 'is required: every question needs an answer' };

/** The violation of one answer as one of all of them. */
function within(id: string, found: ReturnType<Check>): ReturnType<Check> {
  if (found instanceof Promise) return found.then((violation) => within(id, violation));
  return found === null ? null : { ...found, path: found.path.replace(/^payload/, `payload/${id}`) };
}

function runUrlsOf(adapter: Adapter): NonNullable<Adapter['urlsOf']> {
  return (given) => adapter.urlsOf?.(given) ?? [];
}

/** Looks at every URL in addition, for requests all of whose config passes to the vendor. */
export function checkWholeConfig(check: Check, adapter: Adapter, allowed: Exceptions): Check {
  const { urlsOf } = adapter.native ?? {};
  return urlsOf === undefined ? check : joinChecks(check, checkRunUrls(urlsOf, allowed));
}

/**
 * Refuses members of a run's config that route a run where LangGraph serves it, and that the agent's own schema does not
 * have: what they ask for would not happen.
 */
function refuseRouting({ properties }: JsonObject): Check {
  const own = isJsonObject(properties) ? properties : {};
  const refused = routingMembers.filter((name) => !Object.hasOwn(own, name));
  return (config) => {
    const found = isJsonObject(config) ? refused.find((name) => config[name] !== undefined) : undefined;
    if (found === undefined) return null;
    return { path: `config/${found}`, message: "routes nothing here, and is not in the agent's config schema" };
  };
}

/**
 * Checks the URLs in a run's config that the vendor will connect to. The vendor resolves their names, but a client must
 * not make it try an address of a private network.
 */
function checkRunUrls(urlsOf: NonNullable<Adapter['urlsOf']>, allowed: Exceptions): Check {
  return (config) => {
    const urls = isJsonObject(config) ? urlsOf(config) : [];
    for (const { path, url, isProxy } of urls) {
      const refusal = isProxy ? refuseProxyUrl(url, allowed) : refuseUrl(url, allowed);
      if (refusal !== null) return { path: `config/${path}`, message: refusal };
    }
    return null;
  };
}
