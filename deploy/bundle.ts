import { readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import { build, type Plugin, transform } from 'esbuild';

/** What one bundle of the package holds, and what it reads while it runs. */
export type Bundle = {
  /** Sources and files of packages that went into it, as paths below the checkout. */
  readonly inputs: readonly string[];
  /** Modules that its code starts threads from, and folders that it reads: what it names as `new URL('…', import.meta.url)`. */
  readonly places: readonly string[];
};

export type BundleOptions = {
  readonly root: string;
  /** The module whose exports the bundle has. */
  readonly entry: string;
  readonly outfile: string;
};

/**
 * The command is CommonJS, because an ES module that imports `node:http` makes Node load its own copy of undici. Threads are
 * ES modules, because theirs may wait for something before they are ready.
 */
const formats = {
  cjs: {
    define: { 'import.meta.url': 'moduleUrl' },
    banner: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;",
  },
  esm: {
    define: {},
    banner: "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);",
  },
} as const;

/** All bundles are in one folder, with the folders that they read next to them. */
const placePattern = /new URL\(\s*['"](\.\.?\/[^'"]+)['"],\s*import\.meta\.url\s*\)/g;
/**
 * Sources load the gateway for one command alone. A bundle is one file, of which nothing is left out, and an import that may come late
 * makes variables of all constants in what it imports.
 */
const latePattern = /const (\{ \w+ \}) = await import\((['"]\.\.\/gateway\.ts['"])\);/g;
/**
 * Packages in another form. depd's own asks V8, as soon as it is loaded, for the line that it is called from, for which V8 keeps the places of all
 * lines of the bundle; the one for browsers says nothing of deprecated calls, of which a bundle has none that its users could mend. Of mime-db, which is
 * data, there are three in two versions; the newest is enough for all that read it.
 */
const alias = { depd: 'depd/lib/browser/index.js', 'mime-db': 'mime-db' };
/** pino asks for the line as well, for transports, of which there is none. */
const callerPattern = /\/pino\/lib\/caller\.js$/;
/** What a module may still ask about itself. */
const knownMeta = /import\.meta\.url\b/g;

/**
 * Bundles a module with all that it imports into one file. The code is not minified, so that stack traces can be read.
 *
 * @throws Error for a place that does not exist, and for a use of `import.meta` that has no meaning in a bundle
 */
export async function bundle({ root, entry, outfile }: BundleOptions): Promise<Bundle> {
  const places = new Set<string>();
  const format = outfile.endsWith('.cjs') ? 'cjs' : 'esm';
  const { metafile } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    metafile: true,
    platform: 'node',
    format,
    target: 'node24',
    absWorkingDir: root,
    alias,
    define: formats[format].define,
    banner: { js: formats[format].banner },
    plugins: [moveUrls(root, places)],
    logLevel: 'warning',
  });
  await writeInAscii(outfile);
  return { inputs: Object.keys(metafile.inputs), places: [...places] };
}

/**
 * Takes other characters than those of ASCII out of the comments, where alone esbuild leaves them. One of them makes V8
 * keep the whole text with two bytes a character.
 */
async function writeInAscii(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const ascii = text.replaceAll(/[^\0-\x7f]/g, '?');
  if (ascii === text) return;
  const codeOf = async (source: string) =>
    (await transform(source, { minifyWhitespace: true, legalComments: 'none' })).code;
  if ((await codeOf(ascii)) !== (await codeOf(text))) throw new Error(`${file} has code that is not ASCII`);
  await writeFile(file, ascii);
}

/** The name of a place next to the bundles. */
export function nameOf(place: string): string {
  return place.endsWith('.ts') ? `${basename(place, '.ts')}.mjs` : basename(place);
}

/** Rewrites the URLs of modules and folders that are relative to a source, and collects them. */
function moveUrls(root: string, places: Set<string>): Plugin {
  return {
    name: 'move-urls',
    setup: ({ onLoad }) => {
      onLoad({ filter: callerPattern }, () => ({ contents: 'module.exports = () => [];' }));
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        const contents = text.replaceAll(placePattern, (_, target: string) => {
          const place = resolve(dirname(path), target);
          places.add(relative(root, place));
          return `new URL('./${nameOf(place)}', import.meta.url)`;
        });
        const late = [...text.matchAll(latePattern)].map(([, names, place]) => `import ${names} from ${place};\n`);
        if (contents.replaceAll(knownMeta, '').includes('import.meta')) {
          throw new Error(`${path} uses import.meta in a way that a bundle cannot carry out`);
        }
        return { contents: contents.replaceAll(latePattern, '') + late.join(''), loader: 'ts' };
      });
    },
  };
}
