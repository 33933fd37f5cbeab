import jsonata from 'jsonata';
import { LinearRegExp } from '../compute/linear-regexp.ts';
import type { Json } from '../contract/domain/json.ts';
import { MappingFault } from '../contract/domain/mapping.ts';
import { ExactNumberRead, guardComparisons, type VeiledData, veilExactNumbers } from './exact-numbers.ts';
import { addParseJson } from './parse-json-function.ts';
import { NotJson, toPlainJson } from './plain-json.ts';
import { readSyntax, type Syntax } from './syntax.ts';

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

export type EvaluationOptions = {
  /** The key that faults name. */
  readonly key: string;
  readonly budgets: Budgets;
};

/** Prepares a compiled expression, as for the thread that evaluates it. */
export type Preparation = (program: jsonata.Expression) => void;

/** How many budgets the second attempt gets, where the machine left no time for the first. */
const secondPatience = 5;

/** One expression, evaluated in the thread that calls it. */
export class Evaluation {
  readonly #text: string;
  readonly #program: jsonata.Expression;
  /** For data with exact numbers; compiled when there is any. */
  #veiledProgram: jsonata.Expression | undefined;
  readonly #limits: { timeout: number };
  readonly #syntax: Syntax;
  readonly #options: EvaluationOptions;
  readonly #prepare: Preparation;

  constructor(text: string, options: EvaluationOptions, prepare: Preparation = () => {}) {
    const { timeMs, depth, sequence } = options.budgets;
    // JSONata constructs it and calls `exec`; the type requires all of RegExp.
    const engine = LinearRegExp as unknown as RegExpConstructor;
    const limits = { timeout: timeMs, stack: depth, sequence, RegexEngine: engine };
    this.#program = jsonata(text, limits);
    this.#prepare = (program) => {
      addParseJson(program);
      prepare(program);
    };
    this.#prepare(this.#program);
    this.#text = text;
    this.#limits = limits;
    this.#syntax = readSyntax(this.#program.ast());
    this.#options = options;
  }

  get syntax(): Syntax {
    return this.#syntax;
  }

  get tree(): unknown {
    return this.#program.ast();
  }

  /** @throws MappingFault when the evaluation fails, exceeds a budget or does not give JSON */
  async evaluate(data: unknown, holdsExactNumber = false): Promise<Json | undefined> {
    const veiled = holdsExactNumber ? veilExactNumbers(data) : undefined;
    try {
      return await this.#attempt(veiled?.input ?? data, veiled);
    } catch (error) {
      throw explainExactNumber(this.#options.key, error, veiled) ?? this.#faultOf(error);
    }
  }

  async #attempt(data: unknown, veiled: VeiledData | undefined): Promise<Json | undefined> {
    const { timeMs } = this.#options.budgets;
    const before = process.threadCpuUsage();
    try {
      return await this.#run(data, timeMs, veiled);
    } catch (error) {
      // JSONata reads the wall clock, which also runs while the process is stopped or waits for a processor.
      const used = process.threadCpuUsage(before);
      const starved = (used.user + used.system) / 1000 < timeMs / 2;
      if (codeOf(error) !== 'D1012' || !starved) throw error;
      return await this.#run(data, timeMs * secondPatience, veiled);
    }
  }

  async #run(data: unknown, timeMs: number, veiled: VeiledData | undefined): Promise<Json | undefined> {
    this.#limits.timeout = timeMs;
    const input = this.#syntax.marksInput && veiled === undefined ? structuredClone(data) : data;
    const { promise: hung, reject } = Promise.withResolvers<never>();
    // An evaluation runs on microtasks alone: one that is not over when the event loop turns never will be.
    const watch = setImmediate(() => reject(new Error('it never ends')));
    try {
      const result = veiled === undefined ? this.#program.evaluate(input) : this.#evaluateVeiled(veiled);
      return toPlainJson(await Promise.race([result, hung]), veiled?.unveil);
    } finally {
      clearImmediate(watch);
    }
  }

  async #evaluateVeiled({ input, functions }: VeiledData): Promise<unknown> {
    if (this.#veiledProgram === undefined) {
      this.#veiledProgram = guardComparisons(jsonata(this.#text, this.#limits));
      this.#prepare(this.#veiledProgram);
    }
    return await this.#veiledProgram.evaluate(input, functions);
  }

  #faultOf(error: unknown): MappingFault {
    const { key, budgets } = this.#options;
    const code = codeOf(error);
    const cause = error instanceof Error ? error : new Error(messageOf(error));
    switch (code) {
      case 'D1012':
        return overdue(key, budgets, cause);
      case 'D1011':
        return new BudgetFault(key, `it nests deeper than ${budgets.depth} steps`, cause);
      case 'D2014':
      case 'D2015':
        return new BudgetFault(key, `it builds a sequence of more than ${budgets.sequence} values`, cause);
    }
    if (error instanceof RangeError) return exhausted(key, cause);
    if (error instanceof NotJson) return new MappingFault(key, error.message, cause);
    // JSONata's own message quotes the data, so only its code is reported.
    return new MappingFault(key, code === undefined ? 'it cannot be evaluated' : `JSONata error ${code}`, cause);
  }
}

/** JSONata says of an exact number that it is no number; the fault says which it is. */
function explainExactNumber(key: string, error: unknown, veiled: VeiledData | undefined): MappingFault | undefined {
  const isTypeError = codeOf(error)?.startsWith('T') === true || codeOf(error) === 'D3070';
  const path = error instanceof ExactNumberRead ? error.path : isTypeError ? veiled?.lastRead() : undefined;
  if (path === undefined || path === null) return undefined;
  return new MappingFault(key, `it would compute with the number at ${path}, which a double cannot hold`);
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

export function overdue(key: string, { timeMs }: Budgets, cause?: unknown): BudgetFault {
  return new BudgetFault(key, `it ran longer than ${timeMs} ms`, cause);
}

export function exhausted(key: string, cause?: unknown): BudgetFault {
  return new BudgetFault(key, 'it needs more memory than it may use', cause);
}
