import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { inLanes, repeat, type Site } from '../site.ts';

const agents = ['essay-error', 'essay-status', 'essay-refusal', 'essay-list'] as const;
const maxEndBytes = 20_000;
const maxLineBytes = 70_000;

/** C8: texts of 3 MiB in every place where a vendor may write one: cut in what clients read and in the log. */
export async function writeEssays(site: Site): Promise<void> {
  const from = logBytes(site);
  await repeat(site, async () => {
    await inLanes(4, agents, async (agent) => {
      const id = await site.create(agent, { n: agent });
      const outcome = id === null ? null : await site.outcome(id);
      if (outcome === null) return;
      if (!/"status":"(error|timeout)"/.test(outcome)) site.fault(`${agent}: ${outcome.slice(0, 200)}`);
      if (outcome.length > maxEndBytes) site.fault(`${agent}: an end of ${outcome.length} characters`);
    });
  });
  const longest = longestLine(site, from);
  if (longest > maxLineBytes) site.fault(`a line of the log has ${longest} bytes`);
}

function logBytes({ gateway }: Site): number {
  const log = openSync(gateway.logFile, 'r');
  const { size } = fstatSync(log);
  closeSync(log);
  return size;
}

function longestLine(site: Site, from: number): number {
  const log = openSync(site.gateway.logFile, 'r');
  const part = Buffer.alloc(64 * 1024);
  let [longest, current, at] = [0, 0, from];
  for (
    let bytes = readSync(log, part, 0, part.length, at);
    bytes > 0;
    bytes = readSync(log, part, 0, part.length, at)
  ) {
    at += bytes;
    for (const byte of part.subarray(0, bytes)) {
      current = byte === 10 ? 0 : current + 1;
      if (current > longest) longest = current;
    }
  }
  closeSync(log);
  return longest;
}
