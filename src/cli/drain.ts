import { answers } from '../protocols/admin/answers.ts';
import { type Command, CommandFailure, exitCodes, say } from './command.ts';
import { GatewayClient, gatewayFlags } from './gateway-client.ts';

/** `rungate drain`: a replica takes nothing new and goes on with what it has. */
export const drain: Command = {
  name: 'drain',
  usages: [
    {
      call: 'drain [REPLICA] [--undo] [--json] [--url URL | --config FILE]',
      help: ['let a replica take nothing new, or end that; without', 'its name the one that answers'],
    },
  ],
  flags: {
    undo: { help: 'Ends the drain.' },
    json: { help: 'Prints JSON: the answer of the admin API.' },
    ...gatewayFlags,
  },
  maxOperands: 1,
  run: async (line) => {
    const client = await GatewayClient.find(line);
    const name = line.operands[0] ?? (await findSelf(client));
    const verb = line.isSet('undo') ? 'undrain' : 'drain';
    const path = `/admin/v1/replicas/${encodeURIComponent(name)}/${verb}`;
    const { value, text } = await client.ask(answers.Replica, { method: 'POST', path });
    if (line.isSet('json')) return await say(`${text}\n`);
    const { replica, runs } = value;
    const count = `${runs} run${runs === 1 ? '' : 's'}`;
    return await say(
      `${replica} ${value.drain ? `takes nothing new and goes on with ${count}` : 'takes runs again'}\n`,
    );
  },
};

async function findSelf(client: GatewayClient): Promise<string> {
  const { value } = await client.ask(answers.ReplicaList, { path: '/admin/v1/replicas' });
  const self = value.replicas.find((each) => each.self);
  if (self === undefined)
    throw new CommandFailure('the gateway does not say which replica it is; name one', exitCodes.failed);
  return self.replica;
}
