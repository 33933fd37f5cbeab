import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { constants, Script } from 'node:vm';
import { crc32 } from 'node:zlib';

/** What a module that is loaded with kept code exports, and how its code is kept. */
export type Loaded = {
  readonly exports: unknown;
  /**
   * Keeps what V8 has compiled until now for the next start, unless this start has found it. To be called before a flag of V8
   * changes: V8 takes code only under the flags that it was kept under. Never throws.
   */
  readonly keepCode: () => void;
};

const opening = '(function (exports, require, module, __filename, __dirname) { ';
const closing = '\n})';
const checksumBytes = 4;

/**
 * Loads a CommonJS bundle with the functions that earlier starts have compiled. Node's own compile cache is written right after a
 * file is compiled, so that it has none of the functions that run in a start, which are a quarter of it.
 *
 * @param file an ASCII file
 * @param folder where code is kept; one that cannot be written costs a longer start
 */
export function loadWithKeptCode(file: string, folder: string): Loaded {
  const text = readWrapped(file);
  // V8 compares no more of the text than its length.
  const kept = join(folder, `${basename(file)}-${process.version}-${process.arch}-${crc32(text).toString(16)}.code`);
  const cachedData = readKept(kept);
  const script = new Script(text, {
    filename: file,
    ...(cachedData && { cachedData }),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const isKept = cachedData !== undefined && script.cachedDataRejected === false;
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(file), module, file, dirname(file));
  return { exports: module.exports, keepCode: () => (isKept ? undefined : keep(script, kept)) };
}

/** The text in the function that modules are wrapped in: put together as bytes, since joined texts would be in memory twice. */
function readWrapped(file: string): string {
  const { size } = statSync(file);
  const bytes = Buffer.allocUnsafeSlow(opening.length + size + closing.length);
  bytes.write(opening, 'latin1');
  bytes.write(closing, opening.length + size, 'latin1');
  const source = openSync(file, 'r');
  readSync(source, bytes, opening.length, size, 0);
  closeSync(source);
  return bytes.toString('latin1');
}

/** What is damaged counts as missing. */
function readKept(file: string): Buffer | undefined {
  try {
    const bytes = readFileSync(file);
    const code = bytes.subarray(checksumBytes);
    return bytes.readUInt32LE(0) === crc32(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** Written apart and renamed, because another process may read it. */
function keep(script: Script, file: string): void {
  const unfinished = `${file}.${process.pid}`;
  try {
    const code = script.createCachedData();
    const checksum = Buffer.alloc(checksumBytes);
    checksum.writeUInt32LE(crc32(code));
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(unfinished, Buffer.concat([checksum, code]), { mode: 0o600, flag: 'wx' });
    renameSync(unfinished, file);
  } catch {
    discard(unfinished);
  }
}

function discard(file: string): void {
  try {
    rmSync(file, { force: true });
  } catch {
    // Nothing was written.
  }
}
