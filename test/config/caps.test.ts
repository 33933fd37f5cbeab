import { expect, test } from 'vitest';
import { describeConfig } from '../../src/config/config.ts';
import { parse, refuse, sample } from './vendors.ts';

const withCaps = (...lines: readonly string[]): string =>
  sample({ rest: ['caps:', ...lines.map((line) => `  - ${line}`)].join('\n') });

test('caps have the name of what they count, and every default', async () => {
  const config = await parse(
    withCaps('{ agent: sweeper, runsPerHour: 5 }', '{ tenant: t, costPerDay: 2.5, reserve: 0.5 }'),
  );
  const none = { runsPerHour: null, runsPerDay: null, costPerHour: null, costPerDay: null, reserve: 0 };
  const written = [
    { ...none, agent: 'sweeper', tenant: null, runsPerHour: 5 },
    { ...none, agent: null, tenant: 't', costPerDay: 2.5, reserve: 0.5 },
  ];
  const names = ['agent sweeper', 'tenant t'];
  expect(config.caps).toEqual(written.map((cap, at) => ({ ...cap, name: names[at] })));
  expect(describeConfig(config)).toMatchObject({ caps: written });
  const both = await parse(withCaps('{ agent: sweeper, tenant: t, runsPerDay: 1 }'));
  expect(both.caps.map(({ name }) => name)).toEqual(['agent sweeper of tenant t']);
  expect((await parse(sample())).caps).toEqual([]);
});

test.each([
  ['{ agent: sweepr, runsPerDay: 1 }', 'caps[0].agent', 'names no agent'],
  ['{ runsPerDay: 1 }', 'caps[0]', 'must name an agent, a tenant or both'],
  ['{ agent: sweeper }', 'caps[0]', 'must have one of runsPerHour'],
  ['{ agent: sweeper, runsPerDay: 0 }', 'caps[0].runsPerDay', ''],
  ['{ agent: sweeper, costPerDay: -1 }', 'caps[0].costPerDay', ''],
  ['{ agent: sweeper, runsPerDay: 1, reserve: 1 }', 'caps[0].reserve', 'is for a cap with costPerHour'],
  ['{ agent: sweeper, costPerDay: 2, costPerHour: 1, reserve: 1.5 }', 'caps[0].reserve', 'must be at most 1'],
  ['{ agent: sweeper, runsPerWeek: 1 }', 'caps[0]', 'runsPerWeek'],
])('a cap %s is refused at %s', async (line, place, words) => {
  const problems = (await refuse(withCaps(line))).map(({ path, message }) => `${path} ${message}`);
  expect(problems[0]).toContain(place);
  expect(problems[0]).toContain(words);
});

test('two caps of the same runs are refused at the second', async () => {
  const problems = await refuse(withCaps('{ agent: sweeper, runsPerDay: 1 }', '{ agent: sweeper, runsPerHour: 1 }'));
  expect(problems.map(({ path, message }) => `${path} ${message}`)).toEqual(['caps[1] is of the same runs as caps[0]']);
});
