type Settings = { readonly env: Readonly<Record<string, string>>; readonly execArgv: readonly string[] };

/** Versions of Node whose V8 has been tried with these flags. V8 does not start with a flag that it does not know. */
const flagsByNode: Readonly<Record<string, readonly string[]>> = {
  26: [
    // Without them, the heap of a thread that has ended, and pages that a collection has freed, stay for eight seconds and more.
    ...['--no-memory-pool-share-memory-on-teardown', '--memory-pool-timeout=1'],
    // Without them, a process at rest keeps its young generation and what its start left for up to forty seconds.
    ...['--memory-reducer-delay-ms=500', '--gc-memory-reducer-start-delay-ms=500'],
    // A start has no time for a full collection, of which little would come: nearly all that it makes is there to stay.
    '--initial-old-space-size=64',
  ],
};

/**
 * Settings by which a process gives back the memory of large payloads. They can be made only before it starts.
 *
 * - glibc maps what is larger than 256 KiB by itself and unmaps it when it is freed. By default it learns from the first
 *   large buffer to keep those that follow, up to 32 MiB each.
 * - glibc has two arenas, and not eight for each processor, of which each keeps what was freed in it.
 * - V8 keeps two times 16 MiB for young values in place of two times 32, and pages that it has freed for a second. At rest it
 *   keeps less than that.
 */
export const memorySettings: Settings = {
  env: { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144', MALLOC_TRIM_THRESHOLD_: '1048576' },
  execArgv: ['--max-semi-space-size=16', ...(flagsByNode[process.versions.node.split('.')[0] ?? ''] ?? [])],
};

/**
 * Starts the program anew in the same process, with the settings. Returns where that is not needed or cannot be done: the
 * operator has set up glibc's memory, the system is not Linux, or a parent holds a channel, which would be lost.
 */
export function restartWithMemorySettings({ env, execArgv } = memorySettings): void {
  if (process.platform !== 'linux' || process.channel !== undefined || process.execve === undefined) return;
  if (Object.keys(process.env).some((name) => name.startsWith('MALLOC_') || name === 'GLIBC_TUNABLES')) return;
  const [node, ...words] = process.argv;
  // The last of several equal flags counts: the operator's own.
  const flags = [...execArgv, ...process.execArgv];
  process.execve(process.execPath, [node ?? process.execPath, ...flags, ...words], { ...process.env, ...env });
}
