import { isDeepStrictEqual } from 'node:util';
import type { Vendor } from '../config/vendor-files.ts';
import type { Connection, Observation } from '../contract/adapter/adapter.ts';
import { UpstreamFault } from '../contract/adapter/http.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import { type MappedStatus, type Mapping, MappingFault } from '../contract/domain/mapping.ts';
import type { UpstreamRef } from '../contract/domain/run.ts';
import { parseJson } from '../json/parse-json.ts';
import { compileMapping } from '../mapping/compile.ts';
import { createExpressionCompiler } from '../mapping/expressions.ts';
import { createRedactor } from '../observability/redaction.ts';
import { createClient } from '../upstream/client.ts';
import { noExceptions } from '../upstream/ssrf-address.ts';
import { parsePlainly, yamlWords } from '../validation/zod-issues.ts';
import type { CaseGiven, CaseOut, CaseStep, VendorCase } from './case-schema.ts';
import { type Difference, ScriptedVendor, show } from './scripted-vendor.ts';

/** The id of a case's run, where it gives none. */
const usualRunId = '0199c5a0-0000-7000-8000-000000000001';
const usualBaseUrl = 'https://vendor.example';
const maxAnswerBytes = 10 * 1024 * 1024;

type Site = {
  readonly connection: Connection;
  readonly mapping: Mapping;
  readonly scripted: ScriptedVendor;
  readonly target: unknown;
  readonly given: CaseGiven;
};

/** Runs one case against its vendor file; gives every difference, with paths below the case. Opens no connection. */
export async function runCase(
  vendor: Vendor,
  each: VendorCase,
  shared: CaseGiven = {},
): Promise<readonly Difference[]> {
  const given = mergeGiven(shared, each.given);
  const prepared = prepare(vendor, given);
  if ('differences' in prepared) return prepared.differences;
  const differences: Difference[] = [];
  let upstream: UpstreamRef | null = toRef(given.upstream);
  let interrupt: Json = {};
  for (const [index, step] of each.steps.entries()) {
    const path = ['steps', index];
    const exchanges =
      step.calls?.map((call, at) => ({ ...call, path: [...path, 'calls', at] })) ??
      (step.do === 'push' ? [] : [{ sent: step.sent, answered: step.answered, path }]);
    prepared.scripted.begin(exchanges, path);
    const found = await perform(prepared, step, { upstream, interrupt });
    prepared.scripted.end();
    differences.push(...compareOut(step.out, found, [...path, 'out']));
    upstream = toRef(found.upstream) ?? upstream;
    interrupt = found.interrupt ?? interrupt;
  }
  return [...prepared.scripted.differences, ...differences];
}

/** What a case begins with: its own members in place of those that all cases share, objects member by member. */
function mergeGiven(shared: CaseGiven, own: CaseGiven = {}): CaseGiven {
  return {
    ...shared,
    ...own,
    settings: { ...shared.settings, ...own.settings },
    target: { ...shared.target, ...own.target },
  };
}

function prepare(vendor: Vendor, given: CaseGiven): Site | { readonly differences: readonly Difference[] } {
  const { adapter } = vendor;
  const differences: Difference[] = [];
  const parse = (member: 'settings' | 'target'): unknown => {
    const parsed = parsePlainly(adapter[member], given[member] ?? {}, yamlWords);
    if (parsed.ok) return parsed.value;
    for (const { path, message } of parsed.issues) {
      differences.push({ path: ['given'], message: `has ${[member, ...path].join('.')}, which ${message}` });
    }
    return undefined;
  };
  const [settings, target] = [parse('settings'), parse('target')];
  const compiled = compileMapping([vendor.mapping]);
  if (compiled.kind === 'refused') throw new TypeError('the mapping of a checked vendor file was refused');
  if (differences.length > 0) return { differences };
  const baseUrl = given.baseUrl ?? adapter.baseUrl ?? usualBaseUrl;
  const scripted = new ScriptedVendor(baseUrl);
  const secrets = adapter.secretsOf(settings);
  const client = createClient(
    { baseUrl, maxAnswerBytes, secrets, createRedactor, exceptions: noExceptions },
    scripted.send,
  );
  const connection = adapter.connect(settings, client, createExpressionCompiler());
  return { connection, mapping: compiled.mapping, scripted, target, given };
}

type State = { readonly upstream: UpstreamRef | null; readonly interrupt: Json };

async function perform(site: Site, step: CaseStep, state: State): Promise<CaseOut> {
  try {
    return await performStep(site, step, state);
  } catch (error) {
    if (error instanceof UpstreamFault) return { fault: error.consequence, message: error.message };
    if (error instanceof MappingFault) return { status: 'error', errcode: 1005, description: error.message };
    throw error;
  }
}

async function performStep(site: Site, step: CaseStep, { upstream, interrupt }: State): Promise<CaseOut> {
  const { connection, mapping, target, given } = site;
  const runId = given.runId ?? usualRunId;
  if (step.do === 'start') {
    const context = {
      ...{ input: (given.input ?? {}) as Json, messages: [], config: (given.config ?? {}) as JsonObject },
      ...{ metadata: {}, state: null, history: [], agent: { name: 'case', version: '1' } },
    };
    const sink = given.sink === undefined ? undefined : { url: given.sink };
    const input = await mapping.input(context);
    const answer = await connection.start({ target, input, config: context.config, sink, runId });
    const seen = answer.observation === undefined ? {} : await readObservation(mapping, answer.observation);
    return { ...seen, ...(answer.upstream === null ? {} : { upstream: answer.upstream }) };
  }
  if (step.do === 'find') {
    const config = (given.config ?? {}) as JsonObject;
    const found = await connection.adoption?.find?.({ target, config, runId, sentAtMs: 0 });
    if (found === undefined) return {};
    return typeof found === 'string' ? { found } : { upstream: found };
  }
  if (step.do === 'push') return await readPush(site, step.call ?? { headers: {} });
  const ref = upstream ?? { runId: 'no-run' };
  switch (step.do) {
    case 'observe':
      return await readObservation(mapping, await connection.observe(target, ref));
    case 'resume': {
      const payload = (step.payload ?? {}) as Json;
      const resumption = await mapping.resume({ payload, interrupt, run: { run_id: runId, upstream: ref } });
      const made = await connection.resume?.(target, ref, resumption, `${runId}.1`);
      return made === undefined ? {} : { upstream: made };
    }
    case 'cancel':
      await connection.cancel?.(target, ref);
      return {};
    default:
      return assertNever(step.do);
  }
}

/** The run that a call of the vendor names; null: it is refused, or names none. */
async function readPush({ connection, target }: Site, call: NonNullable<CaseStep['call']>): Promise<CaseOut> {
  const body = call.body === undefined ? (call.text ?? '') : JSON.stringify(call.body);
  const headers = Object.entries(call.headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  const parsed = parseJson(body, { maxDepth: 100, protoKeys: 'keep' });
  const parse = () => (parsed.kind === 'json' ? parsed.value : undefined);
  if (connection.accountPush === undefined && parsed.kind === 'json') {
    return { id: connection.adoption?.refOfPush?.(target, parsed.value)?.runId ?? null };
  }
  const reading = await connection.accountPush?.read({ headers: Object.fromEntries(headers), body, parse });
  return { id: reading?.kind === 'named' ? reading.runId : null };
}

async function readObservation(mapping: Mapping, observation: Observation): Promise<CaseOut> {
  const { notBeforeMs } = observation;
  const timed = notBeforeMs === undefined ? {} : { notBefore: notBeforeMs / 1000 };
  return { ...describeMapped(await mapping.read(observation)), ...timed };
}

function describeMapped(mapped: MappedStatus): CaseOut {
  switch (mapped.kind) {
    case 'pending':
      return { status: 'pending', ...(mapped.partial === undefined ? {} : { output: toPlain(mapped.partial) }) };
    case 'interrupted':
      return { status: 'interrupted', interrupt: toPlain(mapped.payload) };
    case 'success':
      return { status: 'success', output: toPlain(mapped.output) };
    case 'failed':
      return { status: mapped.status, errcode: mapped.errcode, description: mapped.description };
    case 'unmapped':
      return { status: 'unmapped', description: mapped.vendorStatus };
    default:
      return assertNever(mapped);
  }
}

/** As YAML has it, for comparisons. */
function toPlain(value: Json): CaseOut['output'] {
  return JSON.parse(JSON.stringify(value)) as CaseOut['output'];
}

function compareOut(expected: CaseOut, found: CaseOut, path: readonly (string | number)[]): readonly Difference[] {
  const wanted = Object.entries(expected).filter(([, value]) => value !== undefined);
  const own: Readonly<Record<string, unknown>> = found;
  const differing = wanted.filter(([name, value]) => !isDeepStrictEqual(own[name], value));
  const differences = differing.map(([name, value]) => {
    return { path: [...path, name], message: `is ${show(own[name])}, and ${show(value)} is expected` };
  });
  // A failure that the case does not expect explains all of them.
  const isUnexpected = found.fault !== undefined && expected.fault === undefined;
  if (!isUnexpected) return differences;
  return [{ path, message: `is a fault (${found.fault}): ${found.message}` }, ...differences];
}

function toRef(upstream: Readonly<Record<string, string>> | undefined): UpstreamRef | null {
  const { runId } = upstream ?? {};
  return runId === undefined ? null : { ...upstream, runId };
}
