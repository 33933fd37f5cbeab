type Settings = {
  readonly env: Readonly<Record<string, string>>;
  readonly execArgv: readonly string[];
  readonly inStart: readonly string[];
};

/**
 * V8's flags for a version of Node that they have been tried with: V8 does not start with a flag that it does not know. V8 takes
 * compiled code, that of Node's own modules included, under no other flags than it was compiled under, so that they are out of force
 * until a start is over.
 */
type Flags = {
  /** V8 reads some before the first line of JavaScript runs, and some again later. */
  readonly atOnce: readonly string[];
  /** V8's own values of the same. */
  readonly inStart: readonly string[];
};

const flagsByNode: Readonly<Record<string, Flags>> = {
  26: {
    atOnce: [
      // Without them, the heap of a thread that has ended, and pages that a collection has freed, stay for eight seconds and more.
      ...['--no-memory-pool-share-memory-on-teardown', '--memory-pool-timeout=1'],
      // Without them, a process at rest keeps its young generation and what its start left for up to forty seconds.
      ...['--memory-reducer-delay-ms=500', '--gc-memory-reducer-start-delay-ms=500'],
      // A start has no time for a full collection, of which little would come: nearly all that it makes is there to stay.
      '--initial-old-space-size=64',
    ],
    inStart: [
      ...['--memory-pool-share-memory-on-teardown', '--memory-pool-timeout=8'],
      ...['--memory-reducer-delay-ms=8000', '--gc-memory-reducer-start-delay-ms=30000'],
      '--initial-old-space-size=0',
    ],
  },
};
const flags = flagsByNode[process.versions.node.split('.')[0] ?? ''];

/**
 * Settings by which a process gives back the memory of large payloads. They can be made only before it starts.
 *
 * - glibc maps what is larger than 16 KiB by itself, unless it has room for it, and unmaps it when it is freed. By default it learns
 *   from the first large buffer to keep those that follow, up to 32 MiB each. With 256 KiB it kept what V8's compilers had used.
 * - glibc has two arenas, and not eight for each processor, of which each keeps what was freed in it.
 * - V8 keeps two times 16 MiB for young values in place of two times 32, and pages that it has freed for a second. At rest it
 *   keeps less than that.
 */
export const memorySettings: Settings = {
  env: { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '16384', MALLOC_TRIM_THRESHOLD_: '1048576' },
  execArgv: ['--max-semi-space-size=16', ...(flags?.atOnce ?? [])],
  inStart: flags?.inStart ?? [],
};

/**
 * Starts the program anew in the same process, with the settings. Returns in the program that was started so, and where that is
 * not needed or cannot be done: the operator has set up glibc's memory, the system is not Linux, or a parent holds a channel,
 * which would be lost.
 */
export function restartWithMemorySettings({ env, execArgv, inStart } = memorySettings): void {
  if (isRestarted()) {
    growOldValues();
    setFlags(inStart);
    return;
  }
  if (process.platform !== 'linux' || process.channel !== undefined || process.execve === undefined) return;
  if (Object.keys(process.env).some((name) => name.startsWith('MALLOC_') || name === 'GLIBC_TUNABLES')) return;
  const [node, ...words] = process.argv;
  // The last of several equal flags counts: the operator's own.
  const all = [...execArgv, ...process.execArgv];
  process.execve(process.execPath, [node ?? process.execPath, ...all, ...words], { ...process.env, ...env });
}

/**
 * The settings of a process whose start is over: compiled code has been taken and kept, which has to be done under the flags
 * that Node was built with. An operator's own flags stay.
 */
export function settleMemory(): void {
  // V8 lets what is garbage grow to a multiple of what is in use before it looks; large payloads made half a gigabyte of it.
  // Not from the beginning, because a start leaves little garbage behind.
  setFlag('--heap-growing-percent=50');
  if (isRestarted()) setFlags(memorySettings.execArgv);
}

/** Leaves out what the operator has set, which stands behind the settings. */
function setFlags(some: readonly string[]): void {
  const own = process.execArgv.slice(memorySettings.execArgv.length).map(nameOf);
  for (const flag of some) if (!own.includes(nameOf(flag))) setFlag(flag);
}

/**
 * When old values need room for the first time, V8 begins to wait for the process to be at rest, for as long as the flag says then. The
 * name of a property is an old value, and one of a mebibyte needs pages of its own.
 */
function growOldValues(): void {
  void { ['-'.repeat(1024 * 1024)]: true };
}

function isRestarted(): boolean {
  return memorySettings.execArgv.every((flag, at) => process.execArgv[at] === flag);
}

/** The same for `--no-NAME` and `--NAME=VALUE`. V8 takes underscores too. */
function nameOf(flag: string): string {
  return flag
    .replaceAll('_', '-')
    .replace(/^--(no-)?/, '')
    .replace(/=.*/, '');
}

/** Not imported: Node loads thirty modules with it, which the program that starts anew would load twice. */
function setFlag(flag: string): void {
  process.getBuiltinModule('node:v8').setFlagsFromString(flag);
}
