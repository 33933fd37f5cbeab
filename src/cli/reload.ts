import { answers } from '../protocols/admin/answers.ts';
import { type Command, exitCodes, say } from './command.ts';
import { GatewayClient, gatewayFlags } from './gateway-client.ts';

/** `rungate reload`: a running gateway reads its config again. */
export const reload: Command = {
  name: 'reload',
  usages: [
    {
      call: 'reload [--json] [--url URL | --config FILE]',
      help: ['let a running gateway read its config again; one that', 'is refused leaves the old one in force'],
    },
  ],
  flags: { json: { help: 'Prints JSON: the answer of the admin API.' }, ...gatewayFlags },
  run: async (line) => {
    const client = await GatewayClient.find(line);
    const { value, text } = await client.ask(answers.Reload, { method: 'POST', path: '/admin/v1/config:reload' });
    const code = value.applied ? exitCodes.ok : exitCodes.failed;
    if (line.isSet('json')) await say(`${text}\n`);
    else if (value.applied) await say(`the config is in force; its hash is ${value.hash}\n`);
    else
      process.stderr.write(`${value.problems.join('\n')}\nrungate: refused; the config ${value.hash} stays in force\n`);
    return code;
  },
};
