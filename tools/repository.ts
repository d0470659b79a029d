// Reads the checkout as the tools see it: packages, their manifests and their source files.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const root: string = join(import.meta.dirname, '..');

/** The layers, and what each may import. `e2e`, `bench` and `tools` stand beside them and may use everything. */
export const mayUse: Readonly<Record<string, readonly string[]>> = {
  infra: ['infra'],
  core: ['infra', 'core'],
  services: ['infra', 'core'],
  apps: ['infra', 'core', 'services'],
};

export interface Package {
  readonly name: string;
  /** From the root, with `/`, such as `infra/std`. */
  readonly directory: string;
  readonly layer: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly exports: unknown;
}

/** Every file that git tracks or would track, from the root, with `/`. */
export function sourceFiles(): readonly string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  });
  return listed.split('\n').filter((path) => path !== '' && existsSync(join(root, path)));
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** TypeScript that people wrote: no generated code, no test data. */
export function writtenCode(files: readonly string[]): readonly string[] {
  return files.filter((path) => path.endsWith('.ts') && !/(^|\/)(generated|testdata)\//.test(path));
}

/** Tests, and what only tests use: `src/testing/` of a package. */
export function isTest(path: string): boolean {
  return (
    path.endsWith('.test.ts') ||
    path.includes('/src/testing/') ||
    path.startsWith('e2e/') ||
    path.startsWith('infra/sim/')
  );
}

/** The packages of the four layers. */
export function packages(files: readonly string[]): readonly Package[] {
  return files
    .filter((path) => /^(infra|core|services|apps)\/[^/]+\/package\.json$/.test(path))
    .map((path) => {
      const manifest = JSON.parse(read(path)) as {
        name: string;
        dependencies?: Record<string, string>;
        devDependencies?: Record<string, string>;
        exports?: unknown;
      };
      return {
        name: manifest.name,
        directory: path.slice(0, -'/package.json'.length),
        layer: path.slice(0, path.indexOf('/')),
        dependencies: Object.keys(manifest.dependencies ?? {}),
        devDependencies: Object.keys(manifest.devDependencies ?? {}),
        exports: manifest.exports,
      };
    });
}

/** Codes and their meanings as the `errors.ts` files state them, by package directory. */
export async function errorTables(
  files: readonly string[],
): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
  const tables = new Map<string, Readonly<Record<string, string>>>();
  for (const path of files.filter((file) => /^[^/]+\/[^/]+\/src\/errors\.ts$/.test(file))) {
    const loaded = (await import(join(root, path))) as Record<string, unknown>;
    const found = Object.values(loaded).filter((value) => typeof value === 'object');
    tables.set(path.slice(0, -'/src/errors.ts'.length), Object.assign({}, ...found));
  }
  return tables;
}
