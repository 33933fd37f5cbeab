import jsonata from 'jsonata';
import type { CompiledExpression, ExpressionCompiler, ExpressionSyntax } from '../contract/adapter/expressions.ts';
import { compileExpression } from './evaluate.ts';
import { type Budgets, defaultBudgets } from './evaluation.ts';
import { constantIn } from './plain-plan.ts';
import { rootPathsOf } from './root-paths.ts';
import { findMistake } from './syntax.ts';

/** A compiler for the expressions of one backend, which take their turns as one agent's do. */
export function createExpressionCompiler(budgets: Partial<Budgets> = {}): ExpressionCompiler {
  const options = { queueKey: {}, budgets: { ...defaultBudgets, ...budgets } };
  // Each account of a backend compiles the same expressions.
  const known = new Map<string, CompiledExpression>();
  return {
    compile(text, key) {
      const id = `${key}\n${text}`;
      const compiled = known.get(id) ?? compileExpression(text, { key, ...options });
      known.set(id, compiled);
      return compiled;
    },
  };
}

/** Reads expressions without running them. All but `findMistake` throw for an expression that does not parse. */
export const expressionSyntax: ExpressionSyntax = {
  findMistake,
  pathsOf: (text) => rootPathsOf(jsonata(text).ast()),
  constantOf: (text) => constantIn(jsonata(text).ast()),
};
