import type { Json } from '../contract/domain/json.ts';
import { MappingFault } from '../contract/domain/mapping.ts';
import { readJson } from '../json/exact-number.ts';
import { holdsExactNumber } from '../json/measure-json.ts';
import { BudgetFault, Evaluation, type EvaluationOptions } from './evaluation.ts';
import { boundConcatenation, boundTexts } from './text-bounds.ts';

export type ExpressionDefinition = EvaluationOptions & { readonly text: string };

/** What an evaluation in a thread gave. Without a value: undefined. */
export type EvaluationReport =
  | { readonly kind: 'value'; readonly value?: unknown }
  | { readonly kind: 'fault'; readonly reason: string; readonly isBudget: boolean };

boundConcatenation();

/** Called in a thread: compiles an expression to a function from JSON data to the JSON of a report. */
export function prepare(definition: unknown): (input: string) => Promise<string> {
  const { text, ...options } = definition as ExpressionDefinition;
  const evaluation = new Evaluation(text, options, boundTexts);
  return async (input) => JSON.stringify(await report(evaluation, readJson(input)));
}

async function report(evaluation: Evaluation, data: Json): Promise<EvaluationReport> {
  try {
    return { kind: 'value', value: await evaluation.evaluate(data, holdsExactNumber(data)) };
  } catch (error) {
    const reason = error instanceof MappingFault ? error.reason : 'it cannot be evaluated';
    return { kind: 'fault', reason, isBudget: error instanceof BudgetFault };
  }
}
