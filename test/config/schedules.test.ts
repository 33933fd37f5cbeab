import { expect, test } from 'vitest';
import { describeConfig } from '../../src/config/config.ts';
import { parse, refuse, sample } from './vendors.ts';

const agent = `schemas: { input: { type: object, required: [page] } }`;

function withSchedules(...lines: readonly string[]): string {
  return sample({ agent, rest: ['schedules:', ...lines.map((line) => `  - ${line}`)].join('\n') });
}

async function problemsOf(...lines: readonly string[]): Promise<readonly string[]> {
  return (await refuse(withSchedules(...lines))).map(({ path, message }) => `${path} ${message}`);
}

test('a schedule takes every default, and the effective config shows it as it was written', async () => {
  const config = await parse(
    withSchedules("{ name: nightly, agent: sweeper, cron: '30 2 * * *', input: { page: 1 } }"),
  );
  const written = {
    ...{ name: 'nightly', agent: 'sweeper', cron: '30 2 * * *', timeZone: 'UTC', tenant: 'default' },
    ...{ input: { page: 1 }, metadata: {}, overlap: 'skip', missed: 'one', enabled: true },
  };
  expect(config.schedules).toMatchObject([written]);
  expect(config.schedules[0]?.times.next(Date.UTC(2026, 0, 1))).toBe(Date.UTC(2026, 0, 1, 2, 30));
  expect(describeConfig(config)).toMatchObject({ schedules: [written] });
  expect((await parse(sample())).schedules).toEqual([]);
});

test.each([
  ["{ name: a, agent: sweepr, cron: '@daily' }", 'schedules[0].agent', 'names no agent'],
  [
    "{ name: a, agent: sweeper, cron: '61 * * * *', input: { page: 1 } }",
    'schedules[0].cron',
    'Invalid value for minute: 61',
  ],
  ["{ name: a, agent: sweeper, cron: '* * * * * *', input: { page: 1 } }", 'schedules[0].cron', 'five fields'],
  ["{ name: a, agent: sweeper, cron: '0 0 30 2 *', input: { page: 1 } }", 'schedules[0].cron', 'never comes'],
  ["{ name: a, agent: sweeper, cron: '@daily', timeZone: Mars, input: { page: 1 } }", 'schedules[0].timeZone', 'IANA'],
  ["{ name: a, agent: sweeper, cron: '@daily' }", 'schedules[0].input', 'input/page is required'],
  [
    "{ name: a, agent: sweeper, cron: '@daily', input: { page: 1 }, config: { tries: x } }",
    'schedules[0].config',
    'tries',
  ],
  ["{ name: a, agent: sweeper, cron: '@daily', input: { page: 1 }, overlap: wait }", 'schedules[0].overlap', 'skip'],
])('a schedule %s is refused at %s', async (line, place, words) => {
  const problems = await problemsOf(line);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(place);
  expect(problems[0]).toContain(words);
});

test('two schedules of one name are refused at the second', async () => {
  const line = "{ name: a, agent: sweeper, cron: '@daily', input: { page: 1 } }";
  expect(await problemsOf(line, line)).toEqual(['schedules[1].name is the name of schedules[0] too']);
});
