import { findNearest } from '../collections/nearest-word.ts';
import type { Observation } from '../contract/adapter/adapter.ts';
import type { CompiledExpression as Expression } from '../contract/adapter/expressions.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { EvaluationGuard } from '../contract/domain/evaluation.ts';
import type { Json, JsonObject } from '../contract/domain/json.ts';
import {
  type InputContext,
  type MappedStatus,
  type Mapping,
  MappingFault,
  type ResumeContext,
  type StateContext,
} from '../contract/domain/mapping.ts';
import type { RunStatus } from '../contract/domain/run.ts';
import { boundText, maxWordLength } from '../json/bound-text.ts';
import { parseDecimal } from '../json/decimal.ts';
import { isExactNumber } from '../json/exact-number.ts';
import { findReason } from '../json/find-reason.ts';
import { isJsonObject } from '../json/json-object.ts';
import { BudgetFault } from './evaluation.ts';
import { type ErrcodeTable, readFailure } from './failure.ts';
import { pickVendorWords } from './vendor-words.ts';

export type CompiledCase = { readonly when: Expression | undefined; readonly is: RunStatus };

/** The parts of a mapping after all layers were merged. */
export type MappingDeps = {
  readonly status: ReadonlyMap<string, readonly CompiledCase[]>;
  readonly input: Expression | undefined;
  readonly output: Expression;
  readonly error: Expression | undefined;
  readonly interrupt: Expression | undefined;
  readonly resume: Expression | undefined;
  readonly threadState: Expression | undefined;
  readonly cost: Expression | undefined;
  readonly errcodes: ErrcodeTable;
  /** Members of the vendor's run that are kept of its terminal answer. */
  readonly vendorPaths: readonly string[];
  readonly amend: Mapping['amend'];
};

/** Reads observations with compiled parts. Stateless: one instance serves all runs of an agent at once. */
export class CompiledMapping implements Mapping {
  readonly interrupts: boolean;
  readonly amend: Mapping['amend'];
  readonly #deps: MappingDeps;

  constructor(deps: MappingDeps) {
    const rows = [...deps.status.values()].flat();
    this.interrupts = deps.interrupt !== undefined || rows.some((row) => row.is === 'interrupted');
    this.amend = deps.amend;
    this.#deps = deps;
  }

  async input(context: InputContext, guard?: EvaluationGuard): Promise<Json> {
    const { input } = this.#deps;
    return input === undefined ? takeInput(context) : ((await input.evaluate(context, guard)) ?? {});
  }

  plainInput(context: InputContext): Json | undefined {
    return this.#deps.input === undefined ? takeInput(context) : undefined;
  }

  async resume(context: ResumeContext, guard?: EvaluationGuard): Promise<Json> {
    const { resume } = this.#deps;
    return resume === undefined ? context.payload : ((await resume.evaluate(context, guard)) ?? {});
  }

  async threadState(context: StateContext, guard?: EvaluationGuard): Promise<Json> {
    const { threadState } = this.#deps;
    return threadState === undefined ? context.output : ((await threadState.evaluate(context, guard)) ?? null);
  }

  describeEnd(raw: Json): JsonObject {
    return pickVendorWords(raw, this.#deps.vendorPaths);
  }

  cost(raw: Json, guard?: EvaluationGuard): Promise<number | undefined> | undefined {
    const { cost } = this.#deps;
    return cost === undefined ? undefined : this.#readCost(cost, raw, guard);
  }

  isFinal(vendorStatus: string): boolean | null {
    const cases = this.#deps.status.get(vendorStatus);
    if (cases === undefined) return null;
    const finals = cases.filter(({ is }) => is !== 'pending' && is !== 'interrupted').length;
    return finals === cases.length ? true : finals === 0 ? false : null;
  }

  async read(observation: Observation, guard?: EvaluationGuard): Promise<MappedStatus> {
    const { status: vendorStatus, raw } = observation;
    const cases = this.#deps.status.get(vendorStatus);
    if (cases === undefined) return this.#unmapped(vendorStatus);
    const [first] = cases;
    const status = first?.when === undefined ? first?.is : await choose(cases, raw, guard);
    switch (status) {
      case undefined:
        return this.#unmapped(vendorStatus);
      case 'pending':
        return this.#deps.interrupt === undefined
          ? { kind: 'pending', partial: await this.#readPartial(raw, guard) }
          : await this.#readPending(raw, guard);
      case 'interrupted':
        return { kind: 'interrupted', payload: (await this.#deps.interrupt?.evaluate(raw, guard)) ?? {} };
      case 'success':
        return { kind: 'success', output: await this.#readOutput(raw, guard) };
      case 'error':
      case 'timeout': {
        const failure = await this.#readError(raw, guard);
        return { kind: 'failed', status, ...readFailure(failure, this.#deps.errcodes, observation) };
      }
      default:
        return assertNever(status);
    }
  }

  async #readCost(cost: Expression, raw: Json, guard?: EvaluationGuard): Promise<number | undefined> {
    return readCost(await cost.evaluate(raw, guard));
  }

  #unmapped(vendorStatus: string): MappedStatus {
    const nearest = findNearest(vendorStatus, this.#deps.status.keys());
    const shown = boundText(vendorStatus, maxWordLength);
    return { kind: 'unmapped', vendorStatus: shown, ...(nearest === undefined ? {} : { nearest }) };
  }

  async #readPending(raw: Json, guard?: EvaluationGuard): Promise<MappedStatus> {
    const payload = await this.#deps.interrupt?.evaluate(raw, guard);
    if (payload !== undefined && payload !== null) return { kind: 'interrupted', payload };
    return { kind: 'pending', partial: await this.#readPartial(raw, guard) };
  }

  async #readError(raw: Json, guard?: EvaluationGuard): Promise<Json | undefined> {
    try {
      return await this.#deps.error?.evaluate(raw, guard);
    } catch (error) {
      // Why the expression failed is no reason to lose why the run did.
      const words = error instanceof MappingFault ? findReason(raw) : null;
      if (!(error instanceof MappingFault) || words === null) throw error;
      throw new MappingFault(error.expression, `${error.reason}; the vendor's own words: ${words}`, error);
    }
  }

  async #readOutput(raw: Json, guard?: EvaluationGuard): Promise<Json> {
    const output = await this.#deps.output.evaluate(raw, guard);
    // Null is a result; only a missing one has no JSON form.
    return output === undefined ? {} : output;
  }

  /** A promise only where the expression needs one. */
  #readPartial(raw: Json, guard?: EvaluationGuard): Json | undefined | Promise<Json | undefined> {
    try {
      const partial = this.#deps.output.evaluate(raw, guard);
      return partial instanceof Promise ? partial.then(partialOf, withoutOutput) : partialOf(partial);
    } catch (error) {
      return withoutOutput(error);
    }
  }
}

function partialOf(partial: Json | undefined): Json | undefined {
  return isNothing(partial) ? undefined : partial;
}

/** An expression may fail on a missing output and still work on the finished run. */
function withoutOutput(error: unknown): undefined {
  if (!(error instanceof MappingFault) || error instanceof BudgetFault) throw error;
}

const maxCost = 1_000_000_000;

function readCost(value: Json | undefined): number | undefined {
  if (value === undefined || value === null) return undefined;
  const cost = isExactNumber(value) ? Number(value.source) : value;
  if (typeof cost === 'number' && cost >= 0 && cost <= maxCost) return cost;
  throw new MappingFault('cost', `its result is no number from 0 to ${maxCost}`);
}

/** The request as it is. Not an expression, because every start would pay for it. */
function takeInput({ input, messages }: InputContext): Json {
  const isEmpty = input === null || (isJsonObject(input) && Object.keys(input).length === 0);
  if (!isEmpty) return input;
  return Array.isArray(messages) && messages.length > 0 ? { messages } : {};
}

async function choose(
  cases: readonly CompiledCase[],
  raw: Json,
  guard: EvaluationGuard | undefined,
): Promise<RunStatus | undefined> {
  for (const { when, is } of cases) {
    if (when === undefined || holds(await when.evaluate(raw, guard))) return is;
  }
  return undefined;
}

/** Truth as JSONata defines it (`$boolean`), so that `when: error.code` needs no comparison. */
function holds(value: Json | undefined): boolean {
  if (Array.isArray(value)) return value.some(holds);
  if (isJsonObject(value)) return Object.keys(value).length > 0;
  if (isExactNumber(value)) return parseDecimal(value.source).digits !== '0';
  return Boolean(value);
}

function isNothing(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null || (isJsonObject(value) && Object.keys(value).length === 0);
}
