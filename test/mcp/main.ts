// Runs the conformance suites of the Model Context Protocol against a gateway over the sandbox, and shows that a task outlives the
// gateway's process. The suites are installed into a cache outside the checkout, pinned.
//
//   npm run test:mcp -- --rounds 10     tasks of which the gateway is killed at random moments; 2 unless it is said
//   npm run test:mcp -- --only kills    the proofs without the suites
import { parseArgs } from 'node:util';
import { findStale, runSuite, suites } from './conformance.ts';
import {
  answerElsewhere,
  findPython,
  killAtRandom,
  killBehind,
  killBetweenAnswers,
  killOnPostgres,
  killOnSqlite,
  pythonClient,
  runSteps,
} from './durable.ts';
import { openFixtureGateway } from './fixture-gateway.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '2' }, only: { type: 'string' } },
});
const gateway = await openFixtureGateway();
const reports = [];
const proofs: readonly (readonly [title: string, prove: () => Promise<string>])[] = [
  [`a task over kill -9 and a restart, SQLite, ${pythonClient}`, killOnSqlite],
  [`a task over kill -9 at another replica, PostgreSQL, ${pythonClient}`, killOnPostgres],
  ['tasks over kill -9 at random moments, SQLite', async () => await killAtRandom(Number(values.rounds))],
  ['the first answer of two over kill -9, SQLite', killBetweenAnswers],
  [`a task over kill -9 of a gateway and of the one behind it, ${pythonClient}`, killBehind],
  ['a question on a stream, answered at another replica, PostgreSQL', answerElsewhere],
];
try {
  const lines = await runSteps(findPython(), `${gateway.url}/mcp`);
  process.stdout.write(`ok   ${pythonClient} in both generations: ${lines.length} steps\n`);
  for (const suite of values.only === 'kills' ? [] : suites) {
    const report = await runSuite(suite, `${gateway.url}/mcp`);
    reports.push(report);
    const { passed, expected, checks, wrong } = report;
    process.stdout.write(
      `${wrong.length === 0 ? 'ok  ' : 'FAIL'} ${suite.title}: ${passed.length} scenarios pass and ${expected.length} fail as expected; ${checks.passed} checks pass, ${checks.expected} fail as expected\n`,
    );
    for (const each of wrong) process.stdout.write(`       ${each}\n`);
  }
} finally {
  await gateway[Symbol.asyncDispose]();
}
const stale = reports.length === 0 ? [] : findStale(reports);
let isBroken = false;
for (const [title, prove] of proofs) {
  const seen = await prove().catch((error: unknown) => error);
  isBroken ||= seen instanceof Error;
  process.stdout.write(`${seen instanceof Error ? 'FAIL' : 'ok  '} ${title}: ${String(seen)}\n`);
}

for (const name of stale) process.stdout.write(`FAIL ${name} is expected to fail and does not\n`);
// Ends what a proof that failed has left running, too.
process.exit(isBroken || stale.length > 0 || reports.some(({ wrong }) => wrong.length > 0) ? 1 : 0);
