import type { EvaluationGuard } from '../domain/evaluation.ts';
import type { Json } from '../domain/json.ts';

/** A compiled expression. Holds no state between evaluations. */
export interface CompiledExpression {
  /**
   * A promise only where an evaluation is needed: plain paths, constants and objects of them give their value at once.
   *
   * @throws MappingFault (or rejects with it) when the evaluation fails, exceeds a budget or does not give JSON
   */
  evaluate(data: unknown, guard?: EvaluationGuard): Json | undefined | Promise<Json | undefined>;
}

/**
 * Compiles JSONata expressions under the budgets of mappings. An adapter is handed one by `connect`; the evaluations of one
 * compiler take turns with those of every other.
 */
export interface ExpressionCompiler {
  /** `key` is what faults name, such as `start.body`. The expression must be one in which `findMistake` finds nothing. */
  compile(text: string, key: string): CompiledExpression;
}

/** What is known of an expression without running it. */
export interface ExpressionSyntax {
  /** Why an expression must not be used; undefined when it may be. */
  findMistake(text: string): string | undefined;
  /** The members that an expression reads of its data, each as names from the root, as far as they are written out. */
  pathsOf(text: string): readonly (readonly string[])[];
  /** The value of an expression that is nothing but a text, a number, true, false or null. */
  constantOf(text: string): Json | undefined;
}
