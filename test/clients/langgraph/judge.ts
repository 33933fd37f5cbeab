import { compareOutcomes, type Outcome, summarize } from './outcome.ts';
import { type Reason, reasons } from './reasons.ts';

/** What one call came to at each server; a server that was not asked is left out. */
export type Seen = { readonly python?: Outcome; readonly javascript?: Outcome; readonly rungate?: Outcome };

export type Verdict = {
  /** Differences that no reason explains. */
  readonly unexplained: readonly string[];
  /** Those that explain the others. */
  readonly reasons: readonly Reason[];
};

/**
 * What a user of a client has to know of a call. LangGraph's two servers differ from each other, so the gateway differs where it is
 * like neither of them; a call that works at one of them must work here.
 */
export function judgeCall(client: string, call: string, { python, javascript, rungate }: Seen): Verdict {
  const all = [python, javascript].filter((each) => each !== undefined);
  const working = all.filter(({ ok }) => ok);
  if (rungate === undefined || all.length === 0 || (working.length === 0 && rungate.ok))
    return { unexplained: [], reasons: [] };
  const [first = [], ...others] = (working.length > 0 ? working : all).map((each) => compareOutcomes(each, rungate));
  const differences = first.filter((difference) =>
    others.every((other) => other.some((each) => placeOf(each) === placeOf(difference))),
  );
  const explained = differences.map((difference) => ({ difference, reason: findReason(client, call, difference) }));
  return {
    unexplained: explained.flatMap(({ difference, reason }) => (reason === undefined ? [difference] : [])),
    reasons: [...new Set(explained.flatMap(({ reason }) => reason ?? []))],
  };
}

/** A cell of the table. */
export function describeOutcome(outcome: Outcome | undefined): string {
  return outcome === undefined ? 'not made' : summarize(outcome);
}

function placeOf(difference: string): string {
  return difference.slice(0, difference.indexOf(': '));
}

function findReason(client: string, call: string, difference: string): Reason | undefined {
  return reasons.find(
    ({ calls, differences }) => differences.test(difference) && (calls?.test(`${client} ${call}`) ?? true),
  );
}
