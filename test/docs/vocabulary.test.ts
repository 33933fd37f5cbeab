import { expect, test } from 'vitest';
import { listFiles } from './pages.ts';

/** Words that the glossary replaced; a file name must not have one of them as a token. */
const retiredNames = [
  'archive',
  'asking',
  'berth',
  'berths',
  'courier',
  'crossing',
  'departures',
  'dialect',
  'dialects',
  'door',
  'driver',
  'ending',
  'feed',
  'fleet',
  'following',
  'gate',
  'insertions',
  'journal',
  'lane',
  'launch',
  'ledger',
  'life',
  'living',
  'nudge',
  'observer',
  'owing',
  'pace',
  'register',
  'roster',
  'sightings',
  'slots',
  'tenure',
  'terminator',
  'turnstile',
  'verdict',
  'visitor',
  'watch',
];

const files = ['adapters', 'bench', 'docs', 'examples', 'mappings', 'src', 'test'].flatMap((folder) =>
  listFiles(folder, /./),
);

/** A migration that was applied keeps its name; JSON Schema calls its versions dialects. */
const exempt = /^src\/store\/migrations\/|^(src|test)\/validation\/[\w-]*dialects?\b/;

test('no file name has a retired word', () => {
  expect(files.length).toBeGreaterThan(300);
  const retired = new Set(retiredNames);
  const tokensOf = (path: string) => path.toLowerCase().split(/[^a-z0-9]+/);
  const isRetired = (path: string) => tokensOf(path).some((token) => retired.has(token));
  expect(files.filter((path) => !exempt.test(path) && isRetired(path))).toEqual([]);
});
