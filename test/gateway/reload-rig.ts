import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { adapters } from '../../adapters/index.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { ReloadResult } from '../../src/config/reloader.ts';
import type { JsonObject } from '../../src/contract/domain/json.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/observability/log.ts';
import { AcpClient } from './client.ts';
import { type SiteOptions, writeConfig } from './site.ts';

/** A gateway in this process whose config can be changed while it runs. */
export type ReloadSite = AsyncDisposable & {
  readonly client: AcpClient;
  readonly log: readonly JsonObject[];
  readonly folder: string;
  /** Reloads with another config. */
  reload(options: SiteOptions): Promise<ReloadResult>;
  /** The same with a text that may be none. */
  reloadText(text: string): Promise<ReloadResult>;
};

export async function openReloadSite(options: SiteOptions): Promise<ReloadSite> {
  const folder = mkdtempSync(join(tmpdir(), 'rungate-reload-'));
  let text = writeConfig(options, folder);
  const read = (given: string | null) =>
    parseConfig(given ?? text, { file: join(folder, 'test.yaml'), env: {}, registry: adapters });
  const config = await read(null);
  const lines: JsonObject[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as JsonObject) };
  const log = createLog({ level: config.log.level, secrets: config.secrets, destination });
  const gateway = await startGateway(config, log, {
    read,
    onReload: (next) => log.adopt({ ...next.log, secrets: next.secrets }),
  });
  const reloadText = (next: string) => {
    text = next;
    return gateway.reload('the test');
  };
  return {
    client: new AcpClient(gateway.url),
    log: lines,
    folder,
    reload: (next) => reloadText(writeConfig(next, folder)),
    reloadText,
    [Symbol.asyncDispose]: async () => {
      await gateway.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
