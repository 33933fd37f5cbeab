import type { Attack } from '../site.ts';
import { stepTheClock } from './clock-steps.ts';
import { knock } from './foreign-knocks.ts';
import { searchLargeLists } from './large-lists.ts';
import { showLargePartials } from './large-partials.ts';
import { readNothing, readNothingOfMany } from './lazy-readers.ts';
import { writeEssays } from './long-texts.ts';
import { answerOddly } from './odd-retry-after.ts';
import { evaluatePoison } from './poisoned-mappings.ts';
import { checkPoison } from './poisoned-schemas.ts';
import { exhaustAccounts } from './tenant-accounts.ts';

/** By the name of the fault that each is an example of. */
export const attacks: Readonly<Record<string, { readonly title: string; readonly attack: Attack }>> = {
  A1: { title: 'schemas and bodies that cost', attack: checkPoison },
  A2: { title: 'poisoned mappings', attack: evaluatePoison },
  A3: { title: "one tenant's 429s and cut connections", attack: exhaustAccounts },
  A4: { title: 'odd Retry-After', attack: answerOddly },
  A5: { title: 'lists of large runs', attack: searchLargeLists },
  A6: { title: 'readers that do not read', attack: readNothing },
  A6m: { title: 'streams of many runs that are not read', attack: readNothingOfMany },
  A7: { title: 'large partial outputs', attack: showLargePartials },
  A8: { title: 'steps of the wall clock', attack: stepTheClock },
  A9: { title: 'foreign hosts and origins', attack: knock },
  C8: { title: 'error texts of 3 MiB', attack: writeEssays },
};
