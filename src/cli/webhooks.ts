import { adapters } from '../../adapters/index.ts';
import { loadConfig } from '../config/load.ts';
import { listDeliveries, redriveDeliveries } from '../engine/webhooks/outbox-admin.ts';
import { createLog } from '../observability/log.ts';
import { openOutbox } from '../store/open.ts';
import { type Command, configFlag, say, UsageError } from './command.ts';

/** `rungate webhooks`: what receivers are owed. A running gateway finds redriven deliveries at its next look. */
export const webhooks: Command = {
  name: 'webhooks',
  usages: [
    {
      call: 'webhooks --config FILE list [--run ID] [--failed]',
      help: ['show what receivers of webhooks are owed, newest first'],
    },
    {
      call: 'webhooks --config FILE redrive --failed | --run ID [--failed]',
      help: ['try again what was given up, or all that a run is owed;', 'a running gateway begins within seconds'],
    },
  ],
  flags: {
    config: configFlag,
    run: { value: 'ID', help: 'Deliveries of this run only.' },
    failed: { help: 'Deliveries that were given up only.' },
  },
  actions: ['list', 'redrive'],
  run: async (line) => {
    const file = line.configFile;
    const which = { runId: line.text('run'), failed: line.isSet('failed') };
    if (line.action === undefined) throw new UsageError('webhooks takes list or redrive');
    const isList = line.action === 'list';
    if (!isList && which.runId === undefined && !which.failed) {
      throw new UsageError('webhooks redrive takes --run ID, --failed or both');
    }
    const config = await loadConfig(file, process.env, adapters);
    const log = createLog({ level: config.log.level, secrets: config.secrets });
    const { url, notifyUrl } = config.store;
    const opened = await openOutbox(url, { log, notifyUrl, readOnly: isList });
    try {
      if (isList) return await say(await listDeliveries(opened.outbox, which));
      return await say(`${await redriveDeliveries(opened.outbox, which, Date.now())} to be sent again\n`);
    } finally {
      await opened.close();
    }
  },
};
