/** What Node reports of the system, in the words of someone who typed a command; undefined for what speaks for itself. */
export function describeSystemError(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, path, address, port } = error as SystemError;
  if (syscall === 'listen') {
    const place = port === undefined ? address : `${address}:${port}`;
    return code === undefined ? undefined : sayListening[code]?.(place ?? 'the address');
  }
  return code === 'EEXIST' && path !== undefined ? `${path} exists, and nothing is overwritten` : undefined;
}

type SystemError = Error & {
  readonly code?: string;
  readonly syscall?: string;
  readonly path?: string;
  readonly address?: string;
  readonly port?: number;
};

const sayListening: Readonly<Record<string, (place: string) => string>> = {
  EADDRINUSE: (place) => `another program listens on ${place}; choose another port, or 0 for a free one`,
  EADDRNOTAVAIL: (place) => `this machine has no such address: ${place}; 0.0.0.0 and :: are all that it has`,
  EACCES: (place) => `this user may not listen on ${place}; ports from 1024 on are open to all`,
  ENOTFOUND: (place) => `no such host: ${place}`,
};
