import { basename, dirname, join } from 'node:path';
import type { ConfigProblem } from '../config/config-error.ts';
import { readDocument } from '../config/document.ts';
import { maxConfigBytes, readText, UnreadableFileError } from '../config/files.ts';
import { ConfigReader } from '../config/reader.ts';
import type { Vendor } from '../config/vendor-files.ts';
import { casesSchema, type VendorCases } from './case-schema.ts';
import { runCase } from './run-case.ts';

export type CasesReport = {
  /** The file of the cases. */
  readonly file: string;
  /** How many were run. */
  readonly count: number;
  readonly problems: readonly ConfigProblem[];
};

/** The file with the cases of a vendor file: `cases.yaml` next to an `adapter.yaml`, else `NAME.cases.yaml` next to `NAME.yaml`. */
export function casesFileOf(vendorFile: string): string {
  const name = basename(vendorFile).replace(/\.(ya?ml|json)$/, '');
  return join(dirname(vendorFile), name === 'adapter' ? 'cases.yaml' : `${name}.cases.yaml`);
}

/** Runs the cases of a vendor file. Nothing is sent. */
export async function checkCases(vendor: Vendor, vendorFile: string): Promise<CasesReport> {
  const file = casesFileOf(vendorFile);
  try {
    return await runCases(vendor, await readText(file, maxConfigBytes), file);
  } catch (error) {
    if (!(error instanceof UnreadableFileError)) throw error;
    const message = `the cases of the vendor ${vendor.file.vendor} cannot be read: ${error.message}`;
    return { file, count: 0, problems: [{ path: '', message }] };
  }
}

/** The same for a text. */
export async function runCases(vendor: Vendor, text: string, file: string): Promise<CasesReport> {
  const document = readDocument(text);
  if (document.problems.length > 0) return { file, count: 0, problems: document.problems };
  const reader = new ConfigReader(document, []);
  const cases: VendorCases | undefined = reader.parse(casesSchema, document.value, []);
  for (const [index, each] of (cases?.cases ?? []).entries()) {
    for (const { path, message } of await runCase(vendor, each, cases?.given)) {
      reader.report(['cases', index, ...path], `${message} (in the case "${each.name}")`, { isKey: true });
    }
  }
  return { file, count: cases?.cases.length ?? 0, problems: reader.listProblems() };
}
