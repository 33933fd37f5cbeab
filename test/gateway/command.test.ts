import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify, stripVTControlCharacters } from 'node:util';
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
  FILE:1:1: srever: is not a known key; did you mean "server"?
     1 | srever: { port: 1 }
       | ^^^^^^
  FILE:2:10: store.url: must be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE
     2 | store: { url: "mysql://[redacted]@db/x" }
       |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  FILE:8:5: agents[0].name: "no spaces" must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit
     8 |   - name: no spaces
       |     ^^^^^^^^^^^^^^^
  FILE:9:5: agents[0].backend: "intunde" names no backend; there are intuned, restack; did you mean "intuned"?
     9 |     backend: intunde
       |     ^^^^^^^^^^^^^^^^
  FILE:13:5: agents[1].mapping: can interrupt a run, but the intuned adapter cannot resume one at this target; ${cannotResume}
    13 |     mapping: { interrupt: result.question }
       |     ^^^^^^^
  FILE:17:5: agents[2].mapping: can interrupt a run, but the restack adapter cannot resume one at this target; ${cannotResume}
    17 |     mapping: { interrupt: output.question }
       |     ^^^^^^^
  FILE:20:25: agents[3].target.retry: is not a known key
    20 |     target: { agent: A, retry: 2 }
       |                         ^^^^^
  FILE:22:7: agents[3].mapping.output: "$uper(output)" the expression cannot work: nothing defines $uper
    22 |       output: "$uper(output)"
       |       ^^^^^^^^^^^^^^^^^^^^^^^
  FILE:23:17: agents[3].mapping.status.done: "sucess" must be one of pending, success, error, timeout, interrupted; did you mean "success"?
    23 |       status: { done: sucess }
       |                 ^^^^^^^^^^^^
  FILE:24:7: agents[3].mapping.outptu: unknown key; KEYS; did you mean "output"?
    24 |       outptu: x
       |       ^^^^^^
  FILE:25:5: agents[4].name: "waits" is the name of agents[2] too
    25 |   - name: waits
       |     ^^^^^^^^^^^
  FILE:27:5: agents[4].target: must name an agent or a workflow, and not both
    27 |     target: { agent: A, workflow: W }
       |     ^^^^^^
  FILE:28:16: agents[4].schemas.input: is not a valid JSON Schema: type "strnig" is none of array, boolean, integer, null, number, object, string; did you mean "string"?
    28 |     schemas: { input: { type: strnig } }
       |                ^^^^^
  FILE:29:1: defaultAgent: "ask" names no agent; there are no spaces, asks, waits, misspells; did you mean "asks"?
    29 | defaultAgent: ask
       | ^^^^^^^^^^^^^^^^^
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

  test('rungate check --json gives programs the same, on standard output', async () => {
    using here = openFolder();
    here.write(right);
    const taken = await here.run('check', '--json', '--config', here.file);
    expect(taken).toEqual({ code: 0, out: '{"file":"FILE","problems":[]}\n', err: '' });
    here.write(wrong);
    const { code, out, err } = await here.run('check', '--json', '--config', here.file);
    const given = JSON.parse(out) as { problems: readonly Record<string, unknown>[] };
    expect([code, err, given.problems.length]).toEqual([1, '', 14]);
    expect(given.problems[3]).toEqual({
      file: 'FILE',
      line: 9,
      column: 5,
      path: 'agents[0].backend',
      message: 'names no backend; there are intuned, restack',
      value: '"intunde"',
      hint: 'intuned',
      excerpt: '    backend: intunde',
    });
    expect(out).not.toContain('hunter2');
  });

  test.each([
    [{ FORCE_COLOR: '1' }, true],
    [{ NO_COLOR: '1' }, false],
    [{}, false],
  ] as const)('with %j the problems have colours: %s', async (own, isColoured) => {
    using here = openFolder();
    here.write(wrong);
    const { err } = await new RungateProcess(['check', '--config', here.file], here.folder, { ...env, ...own }).exit();
    expect(err.includes('\u001b[')).toBe(isColoured);
    expect(stripVTControlCharacters(err)).toContain(':1:1: srever: is not a known key; did you mean "server"?\n');
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
    expect([taken.code, taken.err]).toEqual([
      1,
      expect.stringContaining(`another program listens on 127.0.0.1:${port};`),
    ]);
    server.close();
    await using first = here.start('serve', '--config', here.file, '--port', '0');
    await first.client();
    const second = await here.run('serve', '--config', here.file, '--port', '0');
    expect([second.code, second.err]).toEqual([1, expect.stringContaining('is in use by another process')]);
  });

  test('rungate says what is wrong with its command line', async () => {
    using here = openFolder();
    const lines: readonly (readonly [readonly string[], number, RegExp])[] = [
      [['serve'], 2, /^rungate: --config FILE is missing, and there is no \.\/rungate\.yaml\n/],
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
