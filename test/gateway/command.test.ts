import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { type Exit, RungateProcess } from './process.ts';
import { secrets } from './stand-ins.ts';

vi.setConfig({ testTimeout: 120_000 });

const backends = `
backends:
  intuned: { adapter: intuned, baseUrl: "http://127.0.0.1:9/api", workspaceId: w, apiKey: "\${INTUNED_API_KEY}" }
  restack: { adapter: restack, baseUrl: "http://127.0.0.1:9", token: "\${RESTACK_TOKEN:-}" }
`;
const right = `${backends}
agents:
  - { name: a, backend: intuned, target: { project: p, api: x } }
`;
const wrong = `srever: { port: 1 }
store: { url: "mysql://root:hunter2-hunter2@db/x" }${backends}
agents:
  - name: no spaces
    backend: intunde
  - name: asks
    backend: intuned
    target: { project: p, api: x }
    mapping: { interrupt: result.question }
  - name: waits
    backend: restack
    target: { workflow: W }
    mapping: { interrupt: output.question }
  - name: misspells
    backend: restack
    target: { agent: A, retry: 2 }
    mapping:
      output: "$uper(output)"
      status: { done: sucess }
      outptu: x
  - name: waits
    backend: restack
    target: { agent: A, workflow: W }
    schemas: { input: { type: strnig } }
defaultAgent: ask
`;
const cannotResume = 'take "interrupt" out, or choose a target that can be resumed';
const problems = `FILE has 14 problems:
  srever: is not a known key; did you mean "server"? (line 1, column 1)
  store.url: must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE (line 2, column 10)
  agents[0].name: must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit (line 8, column 5)
  agents[0].backend: names no backend; there are intuned, restack; did you mean "intuned"? (line 9, column 5)
  agents[1].mapping: can interrupt a run, but the intuned adapter cannot resume one at this target; ${cannotResume} (line 13, column 5)
  agents[2].mapping: can interrupt a run, but the restack adapter cannot resume one at this target; ${cannotResume} (line 17, column 5)
  agents[3].target.retry: is not a known key (line 20, column 25)
  agents[3].mapping.output: the expression cannot work: nothing defines $uper (line 22, column 7)
  agents[3].mapping.status.done: must be one of pending, success, error, timeout, interrupted (line 23, column 17)
  agents[3].mapping.outptu: unknown key; KEYS; did you mean "output"? (line 24, column 7)
  agents[4].name: is the name of agents[2] too (line 25, column 5)
  agents[4].target: must name an agent or a workflow, and not both (line 27, column 5)
  agents[4].schemas.input: is not a valid JSON Schema: type must be equal to one of the allowed values (line 28, column 16)
  defaultAgent: names no agent; there are no spaces, asks, waits, misspells; did you mean "asks"? (line 29, column 1)
`;

const env = { INTUNED_API_KEY: secrets.apiKey, RESTACK_TOKEN: secrets.token };

/** A folder for one test, and `rungate` in it. */
function openFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-command-'));
  const file = join(folder, 'rungate.yaml');
  const start = (...args: readonly string[]) => new RungateProcess(args, folder, env);
  return {
    folder,
    start,
    file,
    write: (config: string) => writeFileSync(file, config),
    run: async (...args: readonly string[]): Promise<Exit> => {
      const { code, out, err } = await start(...args).exit();
      return { code, out: out.replaceAll(file, 'FILE'), err: err.replaceAll(file, 'FILE') };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

describe.concurrent('rungate check', () => {
  test('rungate check of a valid config says so and opens nothing', async () => {
    using here = openFolder();
    here.write(right);
    expect(await here.run('check', '--config', here.file)).toEqual({
      code: 0,
      out: 'FILE: 1 agent over 2 backends, nothing wrong\n',
      err: '',
    });
    expect(existsSync(join(here.folder, 'data'))).toBe(false);
  });

  test('rungate check lists every problem of an invalid config, and rungate serve lists the same', async () => {
    using here = openFolder();
    here.write(wrong);
    const ends = await Promise.all(['check', 'serve'].map((command) => here.run(command, '--config', here.file)));
    for (const { code, out, err } of ends) {
      expect([code, out]).toEqual([1, '']);
      // What keys a mapping has is not for this test to say.
      expect(err.replace(/known keys are [\w, ]+/, 'KEYS')).toBe(problems);
    }
  });
});

describe.concurrent('rungate serve', () => {
  test('rungate serve says which port or database is already in use', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    using here = openFolder();
    here.write(right);
    const taken = await here.run('serve', '--config', here.file, '--port', String(port));
    expect([taken.code, taken.err]).toEqual([1, expect.stringContaining(`address already in use 127.0.0.1:${port}`)]);
    server.close();
    await using first = here.start('serve', '--config', here.file, '--port', '0');
    await first.client();
    const second = await here.run('serve', '--config', here.file, '--port', '0');
    expect([second.code, second.err]).toEqual([1, expect.stringContaining('is in use by another process')]);
  });

  test('rungate says what is wrong with its command line', async () => {
    using here = openFolder();
    const lines: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['serve'], 2, /^rungate: --config FILE is missing\n/],
      [['serve', '--confg', 'x'], 2, /^rungate: Unknown option '--confg'/],
      [['check', '--config', 'no.yaml'], 1, /^no\.yaml has 1 problem:\n {2}cannot be read: there is no such file\n$/],
    ];
    await Promise.all(
      lines.map(async ([args, code, err]) =>
        expect(await here.run(...args)).toEqual({ code, out: '', err: expect.stringMatching(err) }),
      ),
    );
  });
});

const noShell = ['/bin/bash', '/usr/bin/curl'].find((file) => !existsSync(file));

describe.skipIf(noShell !== undefined)(`npm start (${noShell ?? 'bash and curl'})`, () => {
  test('npm start prints three lines that work when they are pasted', async () => {
    using here = openFolder();
    await using sample = here.start('serve', '--sandbox', '--port', '0');
    const lines = await sample.said(/Try it:\n\n([\s\S]*?)\n\n/);
    expect(lines.split('\n')).toHaveLength(3);
    const { stdout } = await promisify(execFile)('/bin/bash', ['-c', lines]);
    const [output = '', ...stream] = stdout.split('\n');
    const { run_id } = JSON.parse(output) as { run_id: string };
    expect(JSON.parse(output)).toEqual({ type: 'result', run_id, status: 'success', result: { hello: 'world' } });
    expect(stream.filter((line) => line.startsWith('id: '))).toEqual(['id: 1', 'id: 2', 'id: 3']);
    sample.kill('SIGINT');
    expect((await sample.exit()).code).toBe(0);
  });
});
