/**
 * The crash torture: clients create and follow runs all the time while the gateways are killed, and in the end nothing
 * may be missing. Real processes, real HTTP; the sandbox's vendors count what was started.
 *
 * - acknowledged: a client got a 200 with a `run_id`; replays with an idempotency key count once.
 * - lost: acknowledged, and later 404, or never started and never ended.
 * - started twice: keys for which the vendors counted more than one start, acknowledged or not.
 * - results lost: ended as unknown, although the vendor has the run and can be asked for it: by a repeated start, or by its
 *   call at the end. At most one in a thousand.
 * - stuck: acknowledged and started, but not ended 30 s after the vendor's end and the last restart.
 * - wrong output: another result than the vendor's, an error or a timeout where the vendor succeeded, or an end that
 *   changed. Error 1002 does not count: the run was being started at the moment of a kill, and was started at most
 *   once. It is counted as ended as unknown start.
 * - streams with a gap or a repeat: followed streams whose ids, over all reconnects with `Last-Event-ID`, are not
 *   1, 2, 3 … to the terminal event; also a part of the finished runs, read again from 0 and from their middle.
 * - recovery: for each run that was live when its owner was killed or paused, how long until the vendor was asked for
 *   it again (or started, where it had not been), or its end could be read. On SQLite it counts from the start of the
 *   new process, its boot included; with replicas from the kill. A new kill during a recovery takes no samples.
 * - recovery given up: nothing of this within half a minute. Not so a run of which a start was cut off at a vendor that
 *   only calls: a living gateway has it, waits for that call, and may neither ask for it nor start it again. It is
 *   counted as left to a vendor's call, and is no sample.
 * - copies and links: in some rounds an old copy of the database is made while the gateways go on, and a gateway is
 *   started on it, in another place or in that of the original: it must refuse, and once the operator decided to observe,
 *   it may start nothing. In others a second gateway is started by a hard or symbolic link, or without the lock. What
 *   is not refused is an unexpected answer.
 * - unexpected answers, died by itself: a gateway that answers what the protocol does not have, or ends unasked.
 *
 * Exit code 0 when all of them but acknowledged, recovery, those left to a call and unknown starts are 0, 1 when not, 2 when the torture
 * itself could not be carried out.
 */
import { ZodError, z } from 'zod';
import { formatReport, isClean } from './report.ts';
import { readSettings, usage } from './settings.ts';
import { runTorture } from './torture.ts';

const exitCodes = { clean: 0, broken: 1, failed: 2 } as const;

async function main(): Promise<number> {
  const settings = readSettings(process.argv.slice(2));
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const)
    process.once(name, () => stop.abort(new Error(`stopped: ${name}`)));
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  say(`seed ${settings.seed}`);
  const report = await runTorture(settings, say, stop.signal);
  process.stdout.write(formatReport(report));
  return isClean(report) ? exitCodes.clean : exitCodes.broken;
}

function explain(error: unknown): number {
  const isUsage = error instanceof ZodError || (error instanceof TypeError && 'code' in error);
  const reason =
    error instanceof ZodError ? z.prettifyError(error) : String(error instanceof Error ? error.stack : error);
  process.stderr.write(`${reason}\n${isUsage ? `\n${usage}` : ''}`);
  return exitCodes.failed;
}

process.exitCode = await main().catch(explain);
