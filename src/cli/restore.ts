import { adapters } from '../../adapters/index.ts';
import { loadConfig } from '../config/load.ts';
import { assertNever } from '../contract/domain/assert-never.ts';
import { type Fence, type RestoreDecision, restoreDecisions } from '../contract/store/fence.ts';
import { describeFinding, describeRuns, judgeFinding, maxListed } from '../engine/cluster/take-store.ts';
import { createLog } from '../observability/log.ts';
import { openFence } from '../store/open.ts';
import { type Command, type CommandLine, configFlag, say, UsageError } from './command.ts';

/** `rungate restore`: what becomes of the live runs of a store that was restored from a copy. */
export const restore: Command = {
  name: 'restore',
  usages: [
    {
      call: 'restore --config FILE [--observe | --resume | --fail]',
      help: ['decide about the live runs of a restored store;', 'the next start of a gateway carries it out'],
    },
  ],
  flags: {
    config: configFlag,
    observe: {
      help: 'Polls what the vendors have. A run that may have been started since the copy ends as `error` 1002. The default.',
    },
    resume: {
      help: 'Lets every live run go on. You vouch that the original is gone and has done nothing since the copy.',
    },
    fail: { help: 'Ends every live run as `error` 1002.' },
  },
  run: async (line) => {
    const decision = decisionOf(line);
    const config = await loadConfig(line.configFile, process.env, adapters);
    const log = createLog({ level: config.log.level, secrets: config.secrets });
    const { fence, isInUse, close } = await openFence(config.store.url, { log, notifyUrl: config.store.notifyUrl });
    try {
      if (fence === null) return await say('a store in memory has no copies\n');
      const lines = await decide(fence, decision, {
        staleAfterMs: config.store.staleAfterMinutes * 60_000,
        isInUse,
      });
      return await say(`${lines.join('\n')}\n`);
    } finally {
      await close();
    }
  },
};

function decisionOf(line: CommandLine): RestoreDecision {
  const given = restoreDecisions.filter((decision) => line.isSet(decision));
  if (given.length > 1) throw new UsageError('restore takes one of --observe, --resume and --fail');
  return given[0] ?? 'observe';
}

/** Records the decision where there is something to decide. Resolves with what to print. */
async function decide(
  fence: Fence,
  decision: RestoreDecision,
  { staleAfterMs, isInUse }: { readonly staleAfterMs: number; readonly isInUse: boolean },
): Promise<readonly string[]> {
  if (!isInUse) {
    const { finding, isStale } = judgeFinding(await fence.examine(), staleAfterMs);
    if (finding.kind === 'copy' || isStale) {
      const runs = await fence.live(maxListed, false);
      await fence.decide(decision);
      return [...describeFinding(finding), ...describeRuns(runs), `--${decision}: ${meaningOf(decision)}.`, nextStart];
    }
  }
  const held = await fence.live(maxListed, true);
  if (held.oldest.length === 0) return ['nothing to decide: the store is not an old copy, and no run waits'];
  await fence.decide(decision);
  return [...describeRuns(held), `--${decision}: ${meaningOf(decision)}.`, soon];
}

const nextStart = 'The next start of a gateway carries it out.';
const soon = 'A running gateway carries it out with its next heartbeat, otherwise the next start.';

function meaningOf(decision: RestoreDecision): string {
  switch (decision) {
    case 'observe':
      return 'queued and starting runs end as error 1002, payloads are not sent again, the others are polled';
    case 'resume':
      return 'every one of these runs goes on';
    case 'fail':
      return 'every one of these runs ends as error 1002';
    default:
      return assertNever(decision);
  }
}
