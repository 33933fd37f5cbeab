import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { Dockerfile } from './dockerfile.ts';

const root = resolve(import.meta.dirname, '../..');
const names = z.record(z.string(), z.string()).default({});
const lockedSchema = z.object({
  version: z.string().optional(),
  resolved: z.string().optional(),
  integrity: z.string().optional(),
  optionalDependencies: names,
});
const { packages } = z
  .object({ packages: z.record(z.string(), lockedSchema) })
  .parse(JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')));
const dockerfile = new Dockerfile(root);

describe('package-lock.json', () => {
  test('the lock file names no place that packages come from, and has the digest of each', () => {
    const installed = Object.entries(packages).filter(([path]) => path !== '');
    expect(installed.length).toBeGreaterThan(100);
    expect(installed.filter(([, { resolved }]) => resolved !== undefined)).toEqual([]);
    expect(installed.filter(([, { integrity }]) => integrity === undefined)).toEqual([]);
  });

  // Left out when the registry has one of them not yet, and then `npm ci` refuses the lock on every machine.
  test('the lock file has the packages of all platforms', () => {
    const locked = new Set(Object.keys(packages).map((path) => path.replace(/^.*node_modules\//, '')));
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies }) => Object.keys(optionalDependencies))
      .filter((name) => !locked.has(name));
    expect(missing).toEqual([]);
  });
});

const { stages, copiedFiles } = dockerfile;
const [packing = '', final = ''] = stages;

describe('the image', () => {
  test('every file that the Dockerfile copies from the checkout exists, and all that the build needs is copied', () => {
    expect(copiedFiles).toEqual(
      expect.arrayContaining(['src', 'adapters', 'mappings', 'bin', 'deploy', 'package.json', 'package-lock.json']),
    );
    expect(copiedFiles.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  // What .dockerignore leaves out is not there to be copied, and the build ends.
  test('no file that the Dockerfile copies is left out by .dockerignore', () => {
    const ignored = ['node_modules', 'rungate.yaml', 'test/packaging/manifest.test.ts'];
    expect(ignored.filter((file) => !dockerfile.isIgnored(file))).toEqual([]);
    expect(copiedFiles.filter((file) => dockerfile.isIgnored(file))).toEqual([]);
  });

  test('the image holds the packed artefact alone, which is made from locked packages', () => {
    expect(stages).toHaveLength(2);
    expect(packing).toMatch(/^RUN npm ci --ignore-scripts /m);
    expect(packing).toMatch(/^RUN npm pack /m);
    const sources = [...final.matchAll(/^COPY (.+)$/gm)].map(([, from = '']) => from);
    expect(sources).toEqual(['--from=package /app ./']);
    expect(final).not.toMatch(/^RUN .*npm/m);
  });

  test('the image exposes, probes and serves one port, as a numeric user without rights', () => {
    const ports = [/^EXPOSE (\d+)$/m, /127\.0\.0\.1:(\d+)\/health\/live/, /"--port", "(\d+)"/];
    expect(ports.map((port) => port.exec(final)?.[1])).toEqual(['8080', '8080', '8080']);
    expect(final).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m);
  });
});
