import ipaddr from 'ipaddr.js';

/** Whether only this machine can connect to a server that listens there. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  if (name === 'localhost') return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === 'loopback';
}

/**
 * What is wrong with listening at `host`, in words that follow its path; null: nothing. Without `auth` whoever connects
 * may spend the vendors' money, so that has to be wished for in so many words.
 */
export function refuseOpenHost(host: string, auth: unknown): string | null {
  if (auth !== null || isLoopbackHost(host)) return null;
  return 'lets other machines in, and nobody is asked for a key: add auth, or write "auth: none"';
}
