// Generates clients from the documents of `rungate serve --sandbox` and lets each create a run, wait for it and read its
// result; and runs the suites of clients that vendors publish. Needs Java, Maven, Python and the registries of the packages; nothing that it generates is kept.
//
//   npm run test:clients [-- --where-possible]     leaves out a client whose generator cannot be installed, and says so
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Site = { readonly gateway: string; readonly folder: string };
type Generator = { readonly name: string; readonly versions: string; run(site: Site): Promise<string> };

const root = join(import.meta.dirname, '..', '..');
const scripts = join(import.meta.dirname, 'generated');
const protocols = { acp_v01: '/acp/v0.1', acp_v02: '/acp/v0.2', agent_protocol: '/agent-protocol' } as const;
const names = Object.keys(protocols);

const versions = {
  openapiGenerator: '7.17.0',
  openapiPythonClient: '0.29.1',
  openapiTypescript: '7.13.0',
  openapiFetch: '0.17.0',
  typescript: '5.9.3',
  intunedClient: '1.1.1',
  agntcyAcp: '1.5.2',
  copilotKit: '1.75.0',
} as const;
const pythonPackages = ['pydantic==2.14.4', 'urllib3==2.8.0', 'python-dateutil==4.0.0', 'typing-extensions==4.16.0'];

const generators: readonly Generator[] = [
  {
    name: 'openapi-generator, python',
    versions: versions.openapiGenerator,
    run: async ({ gateway, folder }) => {
      const jar = join(folder, `openapi-generator-cli-${versions.openapiGenerator}.jar`);
      const artifact = `org.openapitools:openapi-generator-cli:${versions.openapiGenerator}`;
      await install('mvn', ['-q', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`], folder);
      for (const name of names) {
        const made = ['generate', '-g', 'python', '-i', `${name}.json`, '-o', folder, '--package-name', name];
        await execute('java', ['-jar', jar, ...made], folder);
      }
      const python = await createPython(folder, pythonPackages);
      return await execute(python, [join(scripts, 'openapi-generator.py'), gateway, folder], folder);
    },
  },
  {
    name: 'intuned-client, unmodified',
    versions: versions.intunedClient,
    run: async ({ folder }) => {
      const python = await createPython(folder, [`intuned-client==${versions.intunedClient}`]);
      const suites = ['test/clients/intuned-client.test.ts', 'test/sandbox/intuned-client.test.ts'];
      const env = { ...process.env, INTUNED_CLIENT_PYTHON: python };
      const told = await execute(join(root, 'node_modules/.bin/vitest'), ['run', ...suites], root, { env });
      // A suite that cannot find its client is skipped, and proves nothing.
      if (/skipped/.test(told)) throw new Error(told);
      return `ok ${told.match(/Tests .*?(\d+) passed/)?.[1]}`;
    },
  },
  {
    name: 'agntcy-acp, unmodified',
    versions: versions.agntcyAcp,
    run: async ({ gateway, folder }) => {
      const python = await createPython(folder, [`agntcy-acp==${versions.agntcyAcp}`]);
      const told = await execute(python, [join(root, 'test/clients/acp-sdk.py'), `${gateway}/acp/v0.2`], folder);
      return `ok ${told.match(/^ok /gm)?.length}`;
    },
  },
  {
    name: 'CopilotKit, unmodified',
    versions: versions.copilotKit,
    run: async ({ gateway, folder }) => {
      writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }\n');
      const packages = [`@copilotkit/runtime@${versions.copilotKit}`];
      await install('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...packages], folder);
      const told = await execute(
        process.execPath,
        [join(root, 'test/clients/copilotkit.mjs'), gateway, folder],
        folder,
      );
      return `ok ${told.match(/^ok /gm)?.length}`;
    },
  },
  {
    name: 'openapi-python-client',
    versions: versions.openapiPythonClient,
    run: async ({ gateway, folder }) => {
      const python = await createPython(folder, [`openapi-python-client==${versions.openapiPythonClient}`]);
      // Its hooks would format the code with tools that are not installed.
      writeFileSync(join(folder, 'config.yaml'), 'post_hooks: []\n');
      for (const name of names) {
        const made = ['--path', `${name}.json`, '--output-path', name, '--meta', 'none', '--config', 'config.yaml'];
        // A schema that it cannot read is a warning, and its operation is missing in the client.
        await execute(
          join(folder, 'venv/bin/openapi-python-client'),
          ['generate', '--fail-on-warning', ...made],
          folder,
        );
      }
      return await execute(python, [join(scripts, 'openapi-python-client.py'), gateway, folder], folder);
    },
  },
  {
    name: 'openapi-typescript, openapi-fetch',
    versions: `${versions.openapiTypescript}, ${versions.openapiFetch}`,
    run: async ({ gateway, folder }) => {
      const { openapiTypescript, openapiFetch, typescript } = versions;
      writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }\n');
      const packages = [`openapi-typescript@${openapiTypescript}`, `openapi-fetch@${openapiFetch}`];
      await install('npm', ['install', '--no-audit', '--no-fund', ...packages, `typescript@${typescript}`], folder);
      const bin = join(folder, 'node_modules', '.bin');
      for (const name of names)
        await execute(join(bin, 'openapi-typescript'), [`${name}.json`, '-o', `${name}.d.ts`], folder);
      const script = join(folder, 'client.mjs');
      copyFileSync(join(scripts, 'openapi-fetch.mjs'), script);
      const types = ['--typeRoots', join(root, 'node_modules', '@types'), '--types', 'node'];
      const checks = [
        '--noEmit',
        '--checkJs',
        '--strict',
        '--module',
        'nodenext',
        '--target',
        'esnext',
        '--skipLibCheck',
      ];
      await execute(join(bin, 'tsc'), [...checks, '--allowImportingTsExtensions', ...types, script], folder);
      return await execute(process.execPath, [script, gateway], folder);
    },
  },
];

/** An environment of its own with these packages; gives back its interpreter. */
async function createPython(folder: string, packages: readonly string[]): Promise<string> {
  await install('python3', ['-m', 'venv', 'venv'], folder);
  const python = join(folder, 'venv', 'bin', 'python');
  await install(python, ['-m', 'pip', 'install', '-q', ...packages], folder);
  return python;
}

/** A registry that is not reached may be asked again and again. */
const installMs = 180_000;

/** What a client is made with cannot be had here. */
class NotInstalled extends Error {}

async function install(program: string, args: readonly string[], cwd: string): Promise<void> {
  await execute(program, args, cwd, { timeout: installMs }).catch((fault: unknown) => {
    throw new NotInstalled(`${program} installs nothing: ${String(fault).slice(0, 300)}`);
  });
}

/** Resolves with what the program printed; rejects with it where the program fails. */
async function execute(
  program: string,
  args: readonly string[],
  cwd: string,
  options: { readonly timeout?: number; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: ${code}\n${text}`);
  return text;
}

async function serveSandbox(cwd: string) {
  const words = [join(root, 'src', 'main.ts'), 'serve', '--sandbox', '--port', '0'];
  const child = spawn(process.execPath, words, { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += chunk;
    const [url] = /http:\/\/127\.0\.0\.1:\d+(?=")/.exec(text) ?? [];
    if (url === undefined) continue;
    // The rest of its log must not fill the pipe.
    child.stdout.resume();
    return { url, child };
  }
  throw new Error(`the gateway does not start: ${text}`);
}

const scratch = mkdtempSync(join(tmpdir(), 'rungate-clients-'));
const { url: gateway, child } = await serveSandbox(scratch);
const rows: (readonly string[])[] = [];
try {
  for (const [at, { name, versions, run }] of generators.entries()) {
    const folder = join(scratch, String(at));
    mkdirSync(folder);
    for (const [protocol, prefix] of Object.entries(protocols)) {
      const document = await fetch(`${gateway}${prefix}/openapi.json`);
      writeFileSync(join(folder, `${protocol}.json`), await document.text());
    }
    process.stderr.write(`${name}\n`);
    const outcome = await run({ gateway, folder }).then(
      (text) => `ok: ${text.match(/(?<=^ok )\w+/gm)?.join(', ')}`,
      (fault: unknown) => (fault instanceof NotInstalled ? `not run, ${fault.message}` : `FAILED\n${String(fault)}`),
    );
    rows.push([name, versions, outcome]);
  }
} finally {
  child.kill('SIGTERM');
  await once(child, 'close');
  rmSync(scratch, { recursive: true, force: true });
}
for (const row of rows) process.stdout.write(`${row.join(' | ')}\n`);
// With --where-possible, a registry that does not answer fails nothing.
const accepted = process.argv.includes('--where-possible') ? /^(?:ok|not run)/ : /^ok/;
process.exitCode = rows.every(([, , outcome = '']) => accepted.test(outcome)) ? 0 : 1;
