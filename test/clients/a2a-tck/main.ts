// Runs the A2A protocol's own compatibility kit against a gateway, in both bindings. The kit is in no registry: A2A_TCK names
// a checkout of its branch 1.0-dev. Needs Python 3.11 and the registry of its packages; nothing of it is kept in the project.
//
//   A2A_TCK=/path/to/a2a-tck npm run test:a2a-tck
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { adapters } from '../../../adapters/index.ts';
import { parseConfig } from '../../../src/config/load.ts';
import { startGateway } from '../../../src/gateway.ts';
import { createLog } from '../../../src/observability/log.ts';
import { KitAgent } from './agent.ts';

/** Of the branch; the figures of docs/protocols/a2a.md are of this commit. */
const knownCommit = '357c4a87afa2818731590647cccbea31c31733a2';

/** What the kit reports as failed, and why that is as it should be. */
const expectedFailures: Readonly<Record<string, string>> = {
  'CORE-SEND-003': 'the kit asks for ContentTypeNotSupportedError in words, and counts an error as a failure',
};
/** What the kit was answered instead of a success: the error that the requirement names. */
const asRequired: Readonly<Record<string, RegExp>> = { 'CORE-SEND-003': /Incompatible content types/ };

const report = z.object({
  summary: z.looseObject({ must_compatibility: z.string(), overall_compatibility: z.string() }),
  per_requirement: z.record(
    z.string(),
    z.object({ level: z.string(), transports: z.record(z.string(), z.string()), errors: z.array(z.unknown()) }),
  ),
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** An interpreter with the packages of the kit, outside the checkout. */
function createPython(kit: string): string {
  const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'rungate-a2a-tck');
  const python = join(folder, 'bin', 'python');
  if (!existsSync(join(folder, 'installed'))) {
    mkdirSync(folder, { recursive: true });
    execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
    execFileSync(python, ['-m', 'pip', 'install', '--quiet', kit], { stdio: 'inherit' });
    execFileSync('touch', [join(folder, 'installed')]);
  }
  return python;
}

async function startSite(agentUrl: string) {
  const text = JSON.stringify({
    server: { port: 0 },
    store: { url: 'sqlite::memory:' },
    pacing: { floorMs: 20, watchedCeilingMs: 100, ceilingMs: 200 },
    webhooks: { unsigned: true, allow: ['127.0.0.1', 'localhost', '::1'] },
    // The kit gives all messages of one kind the same id.
    a2a: { uniqueMessageIds: false },
    defaultAgent: 'kit',
    backends: { kit: { adapter: 'a2a', baseUrl: agentUrl } },
    agents: [
      {
        name: 'kit',
        description: 'Does what the kit expects by the id of a message.',
        version: '1.0.0',
        backend: 'kit',
        target: {},
        timeoutSeconds: 120,
        // The only agent that is told the id of the message.
        chat: { input: "{ 'parts': [{ 'data': { 'messageId': messages[-1].id, 'text': text } }] }" },
      },
    ],
  });
  const config = await parseConfig(text, { file: 'tck.yaml', env: {}, registry: adapters });
  return await startGateway(config, createLog({ level: 'error', secrets: config.secrets }));
}

/** Prints the kit's report; gives whether it is as expected. */
function judge(kit: string): boolean {
  const { summary, per_requirement: requirements } = report.parse(
    JSON.parse(readFileSync(join(kit, 'reports', 'compatibility.json'), 'utf8')),
  );
  const failed = Object.entries(requirements).filter(([, { transports }]) =>
    Object.values(transports).includes('FAIL'),
  );
  for (const [id, { level, errors }] of failed)
    print(`${level} ${id}: ${expectedFailures[id] ?? 'NOT EXPECTED'}\n     ${JSON.stringify(errors).slice(0, 600)}`);
  const open = Object.entries(requirements).filter(
    ([, { level, transports }]) => level === 'MUST' && !Object.values(transports).some((state) => state !== 'SKIPPED'),
  );
  print(`MUST ${summary.must_compatibility}, all ${summary.overall_compatibility}`);
  print(`MUST that the kit does not try: ${open.map(([id]) => id).join(' ')}`);
  const surprises = failed.filter(([id, { level }]) => level === 'MUST' && !Object.hasOwn(expectedFailures, id));
  const others = failed.filter(
    ([id, { errors }]) => !errors.every((error) => (asRequired[id] ?? /./).test(`${error}`)),
  );
  if (others.length > 0) print(`fails for another reason: ${others.map(([id]) => id).join(' ')}`);
  const missing = Object.keys(expectedFailures).filter((id) => failed.every(([other]) => other !== id));
  if (missing.length > 0) print(`passes, though expected to fail: ${missing.join(' ')}`);
  return surprises.length === 0 && missing.length === 0 && others.length === 0;
}

async function run(kit: string): Promise<boolean> {
  const commit = execFileSync('git', ['-C', kit, 'rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
  if (commit !== knownCommit) print(`the kit is ${commit}, not ${knownCommit}`);
  const python = createPython(kit);
  await using agent = new KitAgent();
  const gateway = await startSite(await agent.listen());
  try {
    const args = ['run_tck.py', '--sut-host', gateway.url, '--transport', 'jsonrpc,http_json'];
    const child = spawn(python, [...args, ...process.argv.slice(2)], {
      cwd: kit,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      output += data;
    });
    await once(child, 'close');
    print(output.trim().split('\n').at(-1) ?? '');
    return judge(kit);
  } finally {
    await gateway.stop();
  }
}

const kit = process.env.A2A_TCK;
if (kit === undefined || !existsSync(join(kit, 'run_tck.py'))) {
  print('A2A_TCK names no checkout of a2aproject/a2a-tck (branch 1.0-dev)');
  process.exitCode = 1;
} else if (!(await run(kit))) process.exitCode = 1;
