import { exitCodes } from '../../src/cli/command.ts';
import { commands, renderHelp } from '../../src/cli/commands.ts';
import { code, formatTable, generatedNote, paragraph } from './markdown.ts';

const exitMeanings: Readonly<Record<keyof typeof exitCodes, string>> = {
  ok: 'Done. For `serve`: stopped by SIGTERM or SIGINT, and drained.',
  failed: 'Not done; the message is on standard error. For `check`: the config has problems.',
  usage: 'The command line is wrong. The message and the help are on standard error.',
  unreachable: 'No gateway answers at that address.',
  denied: 'The gateway refuses the key, or the key has no role for that.',
  runError: 'Of `run` and `runs watch`: the run ended as `error`.',
  runTimeout: 'The run ended as `timeout`.',
  runInterrupted: 'The run asks something and waits for an answer.',
  interruptedTwice: 'A second SIGTERM or SIGINT came more than a second after the first: ended without a drain.',
};

/** docs/commands.md. */
export function renderCommandsPage(): string {
  return `${[
    '# Commands',
    generatedNote,
    `\`\`\`text output-of="rungate --help"\n${renderHelp()}\`\`\``,
    paragraph(
      'In a clone, `rungate` is `node src/main.ts`. `--help` prints the text above, `--version` the versions. [The command line](operate/command-line.md) shows them at work. SIGHUP lets a gateway [read its config again](operate/reload.md).',
    ),
    '## Flags',
    formatTable(
      ['command', 'flag', 'meaning'],
      commands.flatMap(({ name, flags }) =>
        Object.entries(flags).map(([flag, { value, help }]) => [
          code(name),
          code(value === undefined ? `--${flag}` : `--${flag} ${value}`),
          help,
        ]),
      ),
    ),
    '## Exit codes',
    formatTable(
      ['code', 'meaning'],
      Object.entries(exitCodes).map(([name, exitCode]) => [
        String(exitCode),
        exitMeanings[name as keyof typeof exitCodes],
      ]),
    ),
  ].join('\n\n')}\n`;
}
