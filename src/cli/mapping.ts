import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { adapters } from '../../adapters/index.ts';
import { findNearest } from '../collections/nearest-word.ts';
import { loadConfig } from '../config/load.ts';
import { checkWithoutValues } from '../config/unknown-values.ts';
import type { Json } from '../contract/domain/json.ts';
import { type MappedStatus, MappingFault } from '../contract/domain/mapping.ts';
import { isJsonObject } from '../json/json-object.ts';
import { parseJson } from '../json/parse-json.ts';
import { type Command, CommandFailure, type CommandLine, configFlag, exitCodes, say, UsageError } from './command.ts';

/** `rungate mapping`: what a mapping makes of an answer of its vendor. */
export const mapping: Command = {
  name: 'mapping',
  usages: [
    {
      call: 'mapping try AGENT --raw FILE [--status WORD] [--config FILE]',
      help: ["show what an agent's mapping makes of its vendor's run;", 'nothing is called'],
    },
  ],
  flags: {
    raw: { value: 'FILE', help: "The vendor's run as JSON, as the vendor sent it; `-` reads standard input." },
    status: { value: 'WORD', help: "The vendor's word for its status. Default: `status` of the run." },
    config: configFlag,
  },
  actions: ['try'],
  maxOperands: 1,
  run: async (line) => {
    const [name] = line.operands;
    if (line.action === undefined || name === undefined) throw new UsageError('mapping try takes the name of an agent');
    const raw = await readRaw(line);
    const status =
      line.text('status') ?? (isJsonObject(raw) && typeof raw.status === 'string' ? raw.status : undefined);
    if (status === undefined) throw new UsageError('--status WORD is missing: the run has no "status" of its own');
    // Values of the environment do not matter here.
    const file = line.configFile;
    const config = (await checkWithoutValues(file, adapters)) ?? (await loadConfig(file, process.env, adapters));
    const agent = config.agents.find((each) => each.name === name);
    if (agent === undefined) {
      const hint = findNearest(
        name,
        config.agents.map((each) => each.name),
      );
      throw new CommandFailure(
        `${file} has no agent ${name}${hint === undefined ? '' : `; did you mean "${hint}"?`}`,
        exitCodes.failed,
      );
    }
    const mapped = await agent.mapping.read({ status, raw }).catch((error: unknown) => {
      if (!(error instanceof MappingFault)) throw error;
      throw new CommandFailure(error.message, exitCodes.failed);
    });
    await say(`${JSON.stringify({ vendor_status: status, ...describe(mapped) }, null, 2)}\n`);
    return mapped.kind === 'unmapped' ? exitCodes.failed : exitCodes.ok;
  },
};

async function readRaw(line: CommandLine): Promise<Json> {
  const file = line.text('raw');
  if (file === undefined) throw new UsageError('--raw FILE is missing');
  const parsed = parseJson(file === '-' ? await readAll(process.stdin) : await readFile(file, 'utf8'), {
    maxDepth: 1000,
    protoKeys: 'keep',
  });
  if (parsed.kind !== 'json') throw new CommandFailure(`${file} is not JSON`, exitCodes.failed);
  return parsed.value;
}

function describe(mapped: MappedStatus): object {
  switch (mapped.kind) {
    case 'pending':
      return { status: 'pending', partial: mapped.partial };
    case 'interrupted':
      return { status: 'interrupted', interrupt: mapped.payload };
    case 'success':
      return { status: 'success', output: mapped.output };
    case 'failed':
      return { status: mapped.status, errcode: mapped.errcode, description: mapped.description };
    default:
      return { status: null, unmapped: mapped.vendorStatus, nearest: mapped.nearest };
  }
}
