import { guardOfCall } from '../compute/guarded-calls.ts';
import type { Program } from '../compute/pool-thread.ts';
import { parseSliced, stringifySliced } from '../compute/sliced-json.ts';
import { computeThreads, createProgram } from '../compute/thread-pool.ts';
import type { CompiledExpression as Expression } from '../contract/adapter/expressions.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import type { EvaluationGuard } from '../contract/domain/evaluation.ts';
import type { Json } from '../contract/domain/json.ts';
import { MappingFault } from '../contract/domain/mapping.ts';
import { type JsonSize, measureJson, type SizeBounds } from '../json/measure-json.ts';
import { BudgetFault, Evaluation, type EvaluationOptions, exhausted, overdue } from './evaluation.ts';
import type { EvaluationReport, ExpressionDefinition } from './evaluation-thread.ts';
import { followPlan, metArray, type PlainPlan, planOf } from './plain-plan.ts';
import { SerialQueue } from './serial-queue.ts';
import { estimateWork } from './work-estimate.ts';

export type ExpressionOptions = EvaluationOptions & {
  /** The agent whose turn an evaluation takes, in the event loop and in the threads. */
  readonly queueKey: object;
};

/** Steps of an evaluation that the event loop may be held for: about two milliseconds. */
export const maxInlineSteps = 5000;
/** What is larger is evaluated in a thread, so that the size of no more than this is taken. */
const inlineBounds: SizeBounds = { maxNodes: 4096, maxChars: 32_768 };
/** Characters of JSON that a thread reads in a millisecond of its own, on a slow machine. */
const charsPerMs = 10_000;

const threadModule = new URL('./evaluation-thread.ts', import.meta.url).href;

/**
 * Compiles one JSONata expression in which `findMistake` found nothing. Plain dotted paths, constants, and objects of them
 * need no JSONata, so their values pass unchanged. What may hold the event loop is evaluated in a thread.
 */
export function compileExpression(text: string, options: ExpressionOptions): Expression {
  const evaluation = new Evaluation(text, options);
  const placed = new PlacedEvaluation(text, evaluation, options);
  const plan = planOf(evaluation.tree);
  return plan === undefined ? placed : new PlannedEvaluation(plan, placed);
}

// One for the process, like the event loop that it guards.
const queue = new SerialQueue();

/** Following a plan needs no budget. JSONata maps over an array on the way of a path, so such data is left to it. */
class PlannedEvaluation implements Expression {
  readonly #plan: PlainPlan;
  readonly #evaluation: Expression;

  constructor(plan: PlainPlan, evaluation: Expression) {
    this.#plan = plan;
    this.#evaluation = evaluation;
  }

  evaluate(data: unknown, guard?: EvaluationGuard): Json | undefined | Promise<Json | undefined> {
    const value = followPlan(this.#plan, data);
    return value === metArray ? this.#evaluation.evaluate(data, guard) : value;
  }
}

/** Evaluates on the event loop when a bound of the work is known and small, and in a thread otherwise. */
class PlacedEvaluation implements Expression {
  readonly #evaluation: Evaluation;
  readonly #options: ExpressionOptions;
  readonly #program: Program;
  /** By the size of the data, rounded up: whether it is evaluated here. */
  readonly #inlineBySize = new Map<number, boolean>();

  constructor(text: string, evaluation: Evaluation, options: ExpressionOptions) {
    const { key, budgets, queueKey } = options;
    this.#evaluation = evaluation;
    this.#options = { key, budgets, queueKey };
    this.#program = createProgram(threadModule, { text, key, budgets } satisfies ExpressionDefinition);
  }

  evaluate(data: unknown, guard?: EvaluationGuard): Promise<Json | undefined> {
    const size = measureJson(data, inlineBounds);
    if (size !== null && this.#isInline(data, size)) {
      return queue.permit(this.#options.queueKey, () => this.#evaluation.evaluate(data, size.holdsExactNumber));
    }
    const offload = () => this.#offload(data);
    const inForce = guard ?? guardOfCall();
    return inForce === undefined ? offload() : inForce(this.#options.key, offload);
  }

  #isInline(data: unknown, size: JsonSize): boolean {
    const isArray = Array.isArray(data);
    // Powers of two, so that few sizes are ever estimated.
    const [units, items] = [ceilLog2(size.nodes + size.chars / 8), ceilLog2(size.items)];
    const rounded = (units * 32 + items) * 2 + Number(isArray);
    let isInline = this.#inlineBySize.get(rounded);
    if (isInline === undefined) {
      const steps = estimateWork(this.#evaluation.tree, { units: 2 ** units, items: 2 ** items, isArray });
      isInline = steps <= maxInlineSteps;
      this.#inlineBySize.set(rounded, isInline);
    }
    return isInline;
  }

  async #offload(data: unknown): Promise<Json | undefined> {
    const { key, budgets, queueKey } = this.#options;
    const input = await stringifySliced(data as Json);
    const timeMs = budgets.timeMs + graceMs + input.length / charsPerMs;
    const result = await computeThreads.run(this.#program, input, { timeMs, key: queueKey });
    switch (result.kind) {
      case 'done': {
        const report = (await parseSliced(result.text)) as EvaluationReport;
        if (report.kind === 'value') return report.value as Json | undefined;
        throw report.isBudget ? new BudgetFault(key, report.reason) : new MappingFault(key, report.reason);
      }
      case 'overdue':
        throw overdue(key, budgets);
      case 'exhausted':
        throw exhausted(key);
      case 'failed':
        throw new MappingFault(key, `it cannot be evaluated: ${result.reason}`);
      default:
        return assertNever(result);
    }
  }
}

/** JSONata notices itself that its time is over, where it still turns; only then the thread is ended. */
const graceMs = 50;

function ceilLog2(value: number): number {
  return value <= 1 ? 0 : Math.ceil(Math.log2(value));
}
