/**
 * The engine's words for a run's status. Restack is documented with four in lower case; underneath is Temporal, whose words
 * are written in several ways: `COMPLETED`, `Completed`, `WORKFLOW_EXECUTION_STATUS_COMPLETED`, or as the number of its enum.
 */
const words: ReadonlyMap<string, string> = new Map(
  [
    ['queued', 'running', 'completed', 'failed'],
    ['canceled', 'terminated', 'timed_out', 'continued_as_new'],
  ]
    .flat()
    .map((word) => [plain(word), word]),
);
const spellings: ReadonlyMap<string, string> = new Map([['cancelled', 'canceled']]);
const numbers: readonly (string | undefined)[] = [
  undefined,
  'running',
  'completed',
  'failed',
  'canceled',
  'terminated',
  'continued_as_new',
  'timed_out',
];

/** The run goes on under another id. */
export const continuedAsNew = 'continued_as_new';

/** A status in one spelling. A word that the engine does not have is the agent's own, and stays as it is. */
export function foldStatus(status: string | number): string {
  if (typeof status === 'number') return numbers[status] ?? String(status);
  const folded = plain(status.replace(/^WORKFLOW_EXECUTION_STATUS_/i, ''));
  return words.get(spellings.get(folded) ?? folded) ?? status;
}

/** Without what differs between the ways of writing. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[_\s-]/g, '');
}
