import jsonata from 'jsonata';
import { LinearRegExp } from '../compute/linear-regexp.ts';
import type { Json } from '../contract/domain/json.ts';
import { MappingFault } from '../contract/domain/mapping.ts';
import { NotJson, toPlainJson } from './plain-json.ts';
import { SerialQueue } from './serial-queue.ts';
import { readSyntax } from './syntax.ts';

/** What one evaluation may use before it is ended. */
export type Budgets = {
  /** Milliseconds; of processor time where the machine is too busy. */
  readonly timeMs: number;
  /** Nested steps of an evaluation; one call of a function in an expression takes about six. */
  readonly depth: number;
  /** Values in one sequence that an expression builds. */
  readonly sequence: number;
};

export const defaultBudgets: Budgets = { timeMs: 100, depth: 1000, sequence: 100_000 };

/** An evaluation exceeded a budget, and would again; other faults may come from data that is not there yet. */
export class BudgetFault extends MappingFault {
  constructor(expression: string, reason: string, cause?: unknown) {
    super(expression, reason, cause);
    this.name = 'BudgetFault';
  }
}

/** A compiled expression. Holds no state between evaluations. */
export interface Expression {
  /** @throws MappingFault when the evaluation fails, exceeds a budget or does not give JSON */
  evaluate(data: unknown): Promise<Json | undefined>;
}

type ExpressionOptions = {
  /** The key that faults name. */
  readonly key: string;
  /** The agent whose turn an evaluation takes; see {@link SerialQueue}. */
  readonly queueKey: object;
  readonly budgets: Budgets;
};

/**
 * Compiles one JSONata expression in which `findMistake` found nothing. A plain dotted path is walked without
 * JSONata, so its value passes unchanged.
 */
export function compileExpression(text: string, options: ExpressionOptions): Expression {
  const limits = {
    timeout: options.budgets.timeMs,
    stack: options.budgets.depth,
    sequence: options.budgets.sequence,
    // JSONata constructs it and calls `exec`; the type requires all of RegExp.
    RegexEngine: LinearRegExp as unknown as RegExpConstructor,
  };
  const program = jsonata(text, limits);
  const { path, marksInput } = readSyntax(program.ast());
  const evaluation = new Evaluation(program, limits, marksInput, options);
  return path === undefined ? evaluation : new PathWalk(path, evaluation);
}

// One for the process, like the event loop that it guards.
const queue = new SerialQueue();

/** Walking a path needs no budget. JSONata maps over an array on the way, so such a path is left to it. */
class PathWalk implements Expression {
  readonly #path: readonly string[];
  readonly #evaluation: Expression;

  constructor(path: readonly string[], evaluation: Expression) {
    this.#path = path;
    this.#evaluation = evaluation;
  }

  async evaluate(data: unknown): Promise<Json | undefined> {
    let value = data;
    for (const name of this.#path) {
      if (Array.isArray(value)) return await this.#evaluation.evaluate(data);
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as Record<string, unknown>)[name];
    }
    return value as Json | undefined;
  }
}

/** How many budgets the second attempt gets, where the machine left no time for the first. */
const secondPatience = 5;

class Evaluation implements Expression {
  readonly #program: jsonata.Expression;
  readonly #limits: { timeout: number };
  readonly #marksInput: boolean;
  readonly #options: ExpressionOptions;

  constructor(
    program: jsonata.Expression,
    limits: { timeout: number },
    marksInput: boolean,
    options: ExpressionOptions,
  ) {
    this.#program = program;
    this.#limits = limits;
    this.#marksInput = marksInput;
    this.#options = options;
  }

  async evaluate(data: unknown): Promise<Json | undefined> {
    try {
      return await queue.permit(this.#options.queueKey, () => this.#attempt(data));
    } catch (error) {
      throw this.#faultOf(error);
    }
  }

  async #attempt(data: unknown): Promise<Json | undefined> {
    const { timeMs } = this.#options.budgets;
    const before = process.threadCpuUsage();
    try {
      return await this.#run(data, timeMs);
    } catch (error) {
      // JSONata reads the wall clock, which also runs while the process is stopped or waits for a processor.
      const used = process.threadCpuUsage(before);
      const starved = (used.user + used.system) / 1000 < timeMs / 2;
      if (codeOf(error) !== 'D1012' || !starved) throw error;
      return await this.#run(data, timeMs * secondPatience);
    }
  }

  async #run(data: unknown, timeMs: number): Promise<Json | undefined> {
    this.#limits.timeout = timeMs;
    const input = this.#marksInput ? structuredClone(data) : data;
    const { promise: hung, reject } = Promise.withResolvers<never>();
    // An evaluation runs on microtasks alone: one that is not over when the event loop turns never will be.
    const watch = setImmediate(() => reject(new Error('it never ends')));
    try {
      return toPlainJson(await Promise.race([this.#program.evaluate(input), hung]));
    } finally {
      clearImmediate(watch);
    }
  }

  #faultOf(error: unknown): MappingFault {
    const { key, budgets } = this.#options;
    const code = codeOf(error);
    const cause = error instanceof Error ? error : new Error(messageOf(error));
    switch (code) {
      case 'D1012':
        return new BudgetFault(key, `it ran longer than ${budgets.timeMs} ms`, cause);
      case 'D1011':
        return new BudgetFault(key, `it nests deeper than ${budgets.depth} steps`, cause);
      case 'D2014':
      case 'D2015':
        return new BudgetFault(key, `it builds a sequence of more than ${budgets.sequence} values`, cause);
    }
    if (error instanceof RangeError) return new BudgetFault(key, 'it needs more memory than it may use', cause);
    if (error instanceof NotJson) return new MappingFault(key, error.message, cause);
    // JSONata's own message quotes the data, so only its code is reported.
    return new MappingFault(key, code === undefined ? 'it cannot be evaluated' : `JSONata error ${code}`, cause);
  }
}

function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** JSONata throws plain objects that only look like errors. */
function messageOf(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : undefined;
  return typeof message === 'string' ? message : 'no message';
}
