import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const manifestSchema = z.object({ name: z.string(), version: z.string(), license: z.string() });
const textNames = /^(licen[cs]e|notice|copying|copyright)/i;

/** The folders of the packages that files below the checkout belong to. */
export function packagesOf(files: readonly string[]): readonly string[] {
  const folders = files.map((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

/**
 * The text that has to go with packages that are part of a bundle: names, versions, licences and their texts.
 *
 * @throws ZodError for a package whose manifest names no licence
 */
export function renderThirdParty(root: string, folders: readonly string[]): string {
  const sections = folders.map((folder) => {
    const place = join(root, folder);
    const { name, version, license } = manifestSchema.parse(
      JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')),
    );
    const texts = textsIn(place);
    return { title: `${name} ${version}`, license, text: texts.length === 0 ? '' : `\n${texts.join('\n\n')}\n` };
  });
  const unique = new Map(sections.map((section) => [section.title, section]));
  const listed = [...unique.values()].sort((a, b) => (a.title < b.title ? -1 : 1));
  const rule = '-'.repeat(80);
  return [
    'rungate is distributed with the following packages in its compiled files.\n',
    ...listed.map(({ title, license, text }) => `${rule}\n${title}\nLicence: ${license}\n${text}`),
  ].join('\n');
}

function textsIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => textNames.test(name) && !name.endsWith('.js'))
    .sort()
    .map((name) => readFileSync(join(folder, name), 'utf8').trim());
}
