import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { root } from '../../schema/generate/files.ts';
import type { Command, Flag } from '../../src/cli/command.ts';
import { carryOut, runCommand } from '../../src/cli/command-line.ts';
import { commands, renderCommandHelp, renderHelp } from '../../src/cli/commands.ts';
import { readBlocks, readTable } from '../docs/markdown.ts';
import { type Exit, RungateProcess } from '../gateway/process.ts';

const folder = mkdtempSync(join(tmpdir(), 'rungate-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(...words: readonly string[]): Promise<Exit> {
  return await new RungateProcess(words, folder).exit();
}

describe('the table of commands', () => {
  test('the help names every command, and every flag that it takes', () => {
    const help = renderHelp();
    for (const { name, flags, usages, actions = [] } of commands) {
      expect(help).toContain(`\n  rungate ${name}`);
      // A list of filters is too long for a call, and stands in the help beside it.
      const calls = usages.flatMap(({ call, help }) => [call, ...help]).join('\n');
      const named = new Set(
        [...calls.matchAll(/--([a-z][a-z0-9-]*)|(?<=\[)-([a-z])\b/g)].map(
          ([, long, short]) => long ?? longOf(flags, short),
        ),
      );
      expect([name, [...named].toSorted()]).toEqual([name, Object.keys(flags).toSorted()]);
      for (const action of actions) expect(calls).toContain(` ${action}`);
      for (const [flag, { value, short = flag }] of Object.entries(flags)) {
        if (value !== undefined) expect(calls).toMatch(new RegExp(`-(-${flag}|${short}) ${value}`));
      }
    }
    // A terminal of 120 columns shows every line whole.
    expect(Math.max(...help.split('\n').map(({ length }) => length))).toBeLessThan(120);
  });

  test('a flag of several commands takes a value in all of them or in none, and has one letter', () => {
    const all = commands.flatMap(({ flags }) => Object.entries(flags));
    for (const [name, { value, short }] of all) {
      const others = all.filter(([other]) => other === name).map(([, flag]) => [flag.value === undefined, flag.short]);
      expect(others).toEqual(others.map(() => [value === undefined, short]));
    }
  });

  test('docs/commands.md shows the help and every flag', () => {
    const page = readFileSync(join(root, 'docs/commands.md'), 'utf8');
    expect(readBlocks(page, 'text')).toEqual([renderHelp()]);
    const rows = readTable(page, 'command').map(([command, flag]) => `${command} ${flag}`);
    expect(rows).toEqual(
      commands.flatMap(({ name, flags }) =>
        Object.entries(flags).map(
          ([flag, { value }]) => `\`${name}\` \`--${flag}${value === undefined ? '' : ` ${value}`}\``,
        ),
      ),
    );
  });
});

function longOf(flags: Readonly<Record<string, Flag>>, letter: string | undefined): string | undefined {
  return Object.entries(flags).find(([, { short }]) => short === letter)?.[0];
}

/** What is typed, and the reason why it is refused. */
const mistakes: readonly (readonly [string, string])[] = [
  ['--config x', 'a command is missing'],
  ['serv', 'no such command: serv; did you mean "serve"?'],
  ['zzzzzzzz', 'no such command: zzzzzzzz'],
  ['serve', '--config FILE is missing, and there is no ./rungate.yaml'],
  ['serve --sandbox --host x', '--sandbox brings its own config, so that --host has no use'],
  ['serve --confg x', 'Unknown option \'--confg\'; did you mean "--config"?'],
  ['--confg x serve', 'Unknown option \'--confg\'; did you mean "--config"?'],
  ['check --config x --port 1', "Unknown option '--port': check does not take it"],
  ['serve --config', "Option '--config <value>' argument missing"],
  ['serve --config x --port 65536', '--port takes a number from 0 to 65535, not 65536'],
  ['schema x', 'unexpected: x'],
  ['runs', 'runs takes list, show, watch, cancel or replay'],
  ['runs lst', 'runs takes list or show or watch or cancel or replay; did you mean "list"?'],
  ['runs list x', 'unexpected: x'],
  ['runs list --older 1w', '--older takes a duration such as 90s, 10m, 2h or 7d, not 1w'],
  ['runs list --limit 0', '--limit takes a whole number from 1 on, not 0'],
  ['runs show', 'runs show takes the id of one run'],
  ['runs cancel', 'runs cancel takes ids or a filter, and not both'],
  ['runs cancel --live x', 'runs cancel takes ids or a filter, and not both'],
  ['backends pause', 'backends pause takes the name of a backend'],
  ['backends pause x', 'backends pause takes --reason TEXT, which its queued runs show'],
  ['log debug --for 2h', '--for takes a time from 1s to 1h, such as 90s or 10m, not 2h'],
  ['log', 'log takes debug'],
  ['check a b', 'unexpected: b'],
  ['mapping try', 'mapping try takes the name of an agent'],
  ['mapping try x', '--raw FILE is missing'],
  ['completion', 'completion takes bash, zsh or fish'],
  ['run', 'run takes the name of an agent'],
  ['run x -i {', '--input takes JSON'],
  ['top --url ftp://x', '--url takes a URL with http or https'],
  ['top --url http://a:b@x', '--url holds a password; use RUNGATE_KEY'],
  ['webhooks --config x', 'webhooks takes list or redrive'],
  ['webhooks --config x redriv', 'webhooks takes list or redrive; did you mean "redrive"?'],
  ['webhooks --config x list more', 'unexpected: more'],
  ['webhooks --config x redrive', 'webhooks redrive takes --run ID, --failed or both'],
  ['key --tenant -', '--tenant must be 1 to 128 letters, digits, ".", "_" or "-", and begin with a letter or digit'],
];

/** What a command of this process prints, and its exit code. */
async function print(stream: 'stdout' | 'stderr', ...words: readonly string[]) {
  let printed = '';
  const spy = vi.spyOn(process[stream], 'write').mockImplementation((text: unknown, ...rest: readonly unknown[]) => {
    printed += String(text);
    for (const done of rest) if (typeof done === 'function') done();
    return true;
  });
  try {
    return { code: await runCommand(words), printed };
  } finally {
    spy.mockRestore();
  }
}

describe('rungate check in this process', () => {
  const file = join(folder, 'checked.yaml');
  const right =
    'backends: { a: { adapter: restack, baseUrl: "http://h" } }\nagents: [{ name: b, backend: a, target: { agent: A } }]\n';

  test('a config without problems is an empty list for programs', async () => {
    writeFileSync(file, right);
    expect(await print('stdout', 'check', '--json', '--config', file)).toEqual({
      code: 0,
      printed: `${JSON.stringify({ file, problems: [] })}\n`,
    });
  });

  test('problems are listed for programs with their places, and for people with their lines', async () => {
    writeFileSync(file, right.replace('backend: a', 'backend: c'));
    const { code, printed } = await print('stdout', 'check', '--json', '--config', file);
    expect([code, JSON.parse(printed)]).toEqual([
      1,
      {
        file,
        problems: [
          {
            ...{ file, line: 2, column: 21, path: 'agents[0].backend', value: '"c"', hint: 'a' },
            message: 'names no backend; there is a',
            excerpt: 'agents: [{ name: b, backend: c, target: { agent: A } }]',
          },
        ],
      },
    ]);
    const shown = await print('stderr', 'check', '--config', file);
    expect([shown.code, stripVTControlCharacters(shown.printed).split('\n').at(-2)]).toEqual([
      1,
      `       | ${' '.repeat(20)}${'^'.repeat(10)}`,
    ]);
  });

  test('a file that is not there is a problem without a place', async () => {
    const { code, printed } = await print('stdout', 'check', '--json', '--config', join(folder, 'lost.yaml'));
    const [problem] = (JSON.parse(printed) as { problems: readonly object[] }).problems;
    expect([code, problem]).toEqual([
      1,
      { file: join(folder, 'lost.yaml'), path: '', message: 'cannot be read: there is no such file' },
    ]);
  });
});

describe('the help of one command', () => {
  test.each(commands.map((command) => [command.name, command] as const))(
    '"rungate %s -h" prints the calls of the command and all its flags',
    async (name, command) => {
      const { code, printed } = await print('stdout', name, '-h');
      expect([code, printed]).toEqual([0, renderCommandHelp(command)]);
      for (const flag of Object.keys(command.flags)) expect(printed).toMatch(new RegExp(`^  (-\\w, )?--${flag} `, 'm'));
    },
  );

  test('a mistake in a known command prints the help of that command alone', async () => {
    const { code, printed } = await print('stderr', 'schema', 'x');
    expect([code, printed.split('\n')]).toEqual([
      2,
      ['rungate: unexpected: x', '', ...renderCommandHelp(commandOf('schema')).split('\n')],
    ]);
  });
});

function commandOf(name: string): Command {
  const command = commands.find((each) => each.name === name);
  if (command === undefined) throw new Error(`no command ${name}`);
  return command;
}

describe.concurrent('rungate', () => {
  test.each(mistakes)('"rungate %s" is refused with the reason', async (typed, said) => {
    const refused = carryOut(typed.split(' ').filter((word) => word !== ''));
    await expect(refused).rejects.toThrow(expect.objectContaining({ message: said }));
  });

  test('a wrong command line exits with 2, says why and how to list the commands', async () => {
    const [typed = '', said] = mistakes[1] ?? [];
    const exit = await run(typed);
    expect(exit).toEqual({ code: 2, out: '', err: `rungate: ${said}\n\nrungate --help lists the commands\n` });
  });

  test('"rungate --help" prints the help', async () => {
    expect(await run('--help')).toEqual({ code: 0, out: renderHelp(), err: '' });
  });

  test('"rungate" alone says how to begin where there is no rungate.yaml, and serves the one that is there', async () => {
    const empty = mkdtempSync(join(folder, 'empty-'));
    const refused = await new RungateProcess([], empty).exit();
    expect([refused.code, refused.err]).toEqual([
      2,
      expect.stringMatching(/^rungate: there is no .*serve --sandbox.*\n$/),
    ]);
    const backend = '{ adapter: restack, baseUrl: "http://127.0.0.1:9" }';
    const sections = 'server: { port: 0 }\nstore: { url: "sqlite::memory:" }\n';
    const agents = 'agents: [{ name: b, backend: a, target: { agent: A } }]\n';
    writeFileSync(join(empty, 'rungate.yaml'), `${sections}backends: { a: ${backend} }\n${agents}`);
    await using gateway = new RungateProcess([], empty);
    const client = await gateway.client();
    expect((await fetch(`${client.url}/health/live`)).status).toBe(200);
  });

  test('"rungate --version" prints the versions of rungate and of Node', async () => {
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const out = `rungate ${manifest.version} on Node ${process.versions.node}\n`;
    expect(await run('--version')).toEqual({ code: 0, out, err: '' });
  });

  test('"rungate schema" prints schema/config.json', async () => {
    const out = readFileSync(join(root, 'schema/config.json'), 'utf8');
    expect(await run('schema')).toEqual({ code: 0, out, err: '' });
  });

  test('a reader that closes the pipe early makes no error', async () => {
    const child = spawn(process.execPath, [join(root, 'src/main.ts'), 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, said]).toEqual([0, '']);
  });

  test('flags may stand before the command', async () => {
    const file = join(folder, 'rungate.yaml');
    const backend = '{ adapter: restack, baseUrl: "http://127.0.0.1:9" }';
    writeFileSync(file, `backends: { a: ${backend} }\nagents: [{ name: b, backend: a, target: { agent: A } }]\n`);
    const exit = await run('--config', file, 'check');
    expect(exit).toEqual({ code: 0, out: `${file}: 1 agent over 1 backend, nothing wrong\n`, err: '' });
  });

  test('a gateway survives SIGHUP and two SIGINTs at once, and drains', async () => {
    await using gateway = new RungateProcess(['serve', '--sandbox', '--port', '0'], folder);
    const client = await gateway.client();
    gateway.kill('SIGHUP');
    await gateway.said(/("signal":"SIGHUP"[^\n]*"signal ignored)/);
    expect((await fetch(`${client.url}/health/live`)).status).toBe(200);
    gateway.kill('SIGINT');
    gateway.kill('SIGINT');
    const { code, out } = await gateway.exit();
    expect(code).toBe(0);
    expect(out).toContain('"rungate stopped"');
  });
});
