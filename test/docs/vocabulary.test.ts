import { expect, test } from 'vitest';
import { listFiles, pages, readPage } from './pages.ts';

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

const folders = ['adapters', 'bench', 'docs', 'examples', 'mappings', 'schema', 'src', 'test'];
const files = [...folders.flatMap((folder) => listFiles(folder, /./)), ...pages.filter((page) => !page.includes('/'))];

/** A migration that was applied keeps its name; JSON Schema calls its versions dialects. */
const exempt = /^src\/store\/migrations\/|^(src|test)\/validation\/[\w-]*dialects?\b/;

test('no file name has a retired word', () => {
  expect(files.length).toBeGreaterThan(300);
  const retired = new Set(retiredNames);
  const tokensOf = (path: string) => path.toLowerCase().split(/[^a-z0-9]+/);
  const isRetired = (path: string) => tokensOf(path).some((token) => retired.has(token));
  expect(files.filter((path) => !exempt.test(path) && isRetired(path))).toEqual([]);
});

/** Requests that version 0.1 stored, and JSON Schema, have dialects. */
const dialectFiles = [
  'docs/decisions/032-origin-of-a-request.md',
  'src/store/run-rows.ts',
  'src/validation/schema-check.ts',
  'test/protocols/stored-requests.test.ts',
];

/**
 * Private words of former versions, and turns of phrase that no native writer uses, with the files that may have them. A word
 * as a whole value (`'nobody'`, `/nobody/`) is data.
 */
const retiredWords: readonly (readonly [word: string, allowed: readonly string[]])[] = [
  ['berths?', []],
  ['courier', []],
  ['dialects?', dialectFiles],
  ['living agents?', []],
  // The user of Unix.
  ['nobody', ['test/store/postgres-server.ts']],
  ['nudges?', []],
  ['rosters?', []],
  ['sightings', []],
  ['tenure', []],
  ['terminator', []],
  ['turnstile', []],
  ['whoever', []],
];

/** They name the words. */
const own = ['test/docs/vocabulary.test.ts', 'docs/decisions/004-one-vocabulary-held-by-a-test.md'];

test.each(retiredWords)('no prose has the word %s', (word, allowed) => {
  const capital = word.charAt(0).toUpperCase() + word.slice(1);
  const pattern = new RegExp(`(?<![\\w'"/.-])(?:${word}|${capital})(?![\\w'"/-])`);
  const isProse = (path: string) =>
    /\.(ts|mjs|py|md|yaml|sql)$/.test(path) && !own.includes(path) && !exempt.test(path);
  const texts = files.filter(isProse);
  expect(texts.length).toBeGreaterThan(300);
  const found = texts.filter((path) => pattern.test(readPage(path)));
  expect(found.filter((path) => !allowed.includes(path))).toEqual([]);
  expect(pattern.test(`It is said of the ${word.replace('s?', '')}.`)).toBe(true);
});
