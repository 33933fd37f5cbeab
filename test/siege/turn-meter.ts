/**
 * Loaded into the gateway before its own code: measures how long its event loop is held, in processor time of the main
 * thread, which does not count what other processes of the machine take. The siege asks for it over the channel.
 */
import { isMainThread } from 'node:worker_threads';

const tickMs = 5;
let longestMs = 0;

if (isMainThread) {
  let before = process.threadCpuUsage();
  setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    before = process.threadCpuUsage();
    longestMs = Math.max(longestMs, (user + system) / 1000 - tickMs);
  }, tickMs).unref();
  process.on('message', (message: unknown) => {
    if (message !== 'turns') return;
    process.send?.({ longestMs });
    longestMs = 0;
  });
  process.channel?.unref();
}
