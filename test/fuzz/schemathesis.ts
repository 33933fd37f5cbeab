import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { authorization, prefixes, Target } from './target.ts';

// Schemathesis reads the documents that the gateway serves and tries them against it. It comes from PyPI, into a
// virtual environment in the temporary directory: `node test/fuzz/schemathesis.ts [--examples N] [--seed S]`.

const { values } = parseArgs({ options: { examples: { type: 'string' }, seed: { type: 'string' } } });
const folder = join(tmpdir(), 'rungate-schemathesis');
const program = join(folder, 'bin', 'schemathesis');

/** A receiver that the gateway accepts and that is not on the internet: a test must not call strangers. */
const hooks = `import schemathesis


@schemathesis.hook
def map_body(context, body):
    if isinstance(body, dict):
        body.pop("webhook", None)
    return body
`;

/** What has to hold for whatever is sent. The other checks have opinions of what a good document refuses. */
const checks = [
  'not_a_server_error',
  'status_code_conformance',
  'content_type_conformance',
  'response_schema_conformance',
  'use_after_free',
];

if (!existsSync(program)) {
  run('python3', ['-m', 'venv', folder]);
  run(join(folder, 'bin', 'pip'), ['install', '--quiet', 'schemathesis==4.32.5']);
}
writeFileSync(join(folder, 'hooks.py'), hooks);

await using target = await Target.start();
let worst = 0;
for (const prefix of prefixes.filter((each) => each !== '')) {
  const status = run(program, [
    ...['run', `${target.url}${prefix}/openapi.json`, '--header', `Authorization: ${authorization}`],
    ...['--checks', checks.join(','), '--max-examples', values.examples ?? '100', '--seed', values.seed ?? '1'],
    // What waits for a run ends with the run and not with the test.
    ...['--exclude-path-regex', '/(stream|wait|output)$', '--request-timeout', '20', '--no-color', '--workers', '1'],
  ]);
  worst = Math.max(worst, status);
}
process.exitCode = worst;

function run(command: string, args: readonly string[]): number {
  const env = { ...process.env, SCHEMATHESIS_HOOKS: 'hooks', PYTHONPATH: folder };
  const { status } = spawnSync(command, [...args], { stdio: 'inherit', cwd: tmpdir(), env });
  return status ?? 1;
}
