import type { CompiledExpression } from '../../src/contract/adapter/expressions.ts';
import { UpstreamFault } from '../../src/contract/adapter/http.ts';
import type { Json } from '../../src/contract/domain/json.ts';
import type { UpstreamRef } from '../../src/contract/domain/run.ts';
import { pathPart } from '../path.ts';
import type { AnswerScope } from './judge.ts';
import { textOf } from './request.ts';

export type Keep = readonly (readonly [name: string, expression: CompiledExpression])[];

/** The ids of the vendor's run. Null: the answer has none, and needs none. */
export async function readRef(
  { id, keep }: { readonly id: CompiledExpression | undefined; readonly keep: Keep },
  answer: AnswerScope,
  mayLack: boolean,
): Promise<UpstreamRef | null> {
  const value = await id?.evaluate(answer);
  if (value === undefined || value === null) {
    if (mayLack) return null;
    throw unreadable("the vendor's answer has no id");
  }
  const runId = readId(value);
  if (runId === null) throw unreadable("the id in the vendor's answer is none that a request could name");
  return { runId, ...(await readKept(keep, answer)) };
}

export async function readKept(keep: Keep, answer: AnswerScope): Promise<Readonly<Record<string, string>>> {
  const kept: [string, string][] = [];
  for (const [name, expression] of keep) {
    const value = await expression.evaluate(answer);
    const text = value === undefined ? null : readId(value);
    if (text !== null) kept.push([name, text]);
  }
  return Object.fromEntries(kept);
}

/** A text or a number that can stand in a path; null for everything else. */
export function readId(value: Json): string | null {
  if (typeof value === 'object' && (value === null || Array.isArray(value) || !('source' in value))) return null;
  const id = pathPart.safeParse(textOf(value));
  return id.success && typeof value !== 'boolean' ? id.data : null;
}

/** An answer that lacks what a later request needs. */
export function unreadable(message: string, consequence: 'unknown' | 'retry' | 'rejected' = 'unknown'): UpstreamFault {
  return new UpstreamFault({ consequence, kind: 'malformed', message });
}
