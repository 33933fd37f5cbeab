import { type Command, say, UsageError } from './command.ts';

type Words = { readonly command: string; readonly actions: readonly string[]; readonly flags: readonly string[] };

/** `rungate completion`: what a shell needs to complete the commands; made from the same table as the help. */
export function createCompletion(others: () => readonly Command[]): Command {
  return {
    name: 'completion',
    usages: [{ call: 'completion bash | zsh | fish', help: ['print what makes a shell complete commands and flags'] }],
    flags: {},
    actions: ['bash', 'zsh', 'fish'],
    run: async ({ action }) => {
      const words = others().map(({ name, actions = [], flags }) => ({
        ...{ command: name, actions },
        flags: [...Object.keys(flags), 'help'].map((flag) => `--${flag}`),
      }));
      if (action === 'bash') return await say(renderBash(words));
      // zsh runs functions of bash once it is asked to.
      if (action === 'zsh') return await say(`autoload -U +X bashcompinit && bashcompinit\n${renderBash(words)}`);
      if (action === 'fish') return await say(renderFish(words));
      throw new UsageError('completion takes bash, zsh or fish');
    },
  };
}

/** After the command its actions and flags, elsewhere files. */
function renderBash(all: readonly Words[]): string {
  const cases = all.map(({ command, actions, flags }) => {
    const words = [...actions, ...flags].join(' ');
    return `    ${command}) words="${words}" ;;`;
  });
  return `_rungate() {
  local words
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=( $(compgen -W "${all.map(({ command }) => command).join(' ')} --help --version" -- "\${COMP_WORDS[COMP_CWORD]}") )
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="" ;;
  esac
  COMPREPLY=( $(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}") )
}
complete -o default -F _rungate rungate
`;
}

function renderFish(all: readonly Words[]): string {
  const lines = all.flatMap(({ command, actions, flags }) => {
    const after = `complete -c rungate -n "__fish_seen_subcommand_from ${command}"`;
    return [
      `complete -c rungate -n __fish_use_subcommand -f -a ${command}`,
      ...actions.map((action) => `${after} -a ${action}`),
      ...flags.map((flag) => `${after} -l ${flag.slice(2)}`),
    ];
  });
  return `${lines.join('\n')}\n`;
}
