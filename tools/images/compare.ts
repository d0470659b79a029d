// Holds two builds against each other, byte for byte, and knows when the sources changed in between.

import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from '../repository.ts';
import { buildImages } from './images.ts';

export interface Comparison {
  readonly name: string;
  /** Files that one layout lacks, or that have other bytes. */
  readonly differing: readonly string[];
}

const attemptsMax = 5;

/** Builds everything twice, below `directory`, until the sources stayed what they were meanwhile. */
export async function compareBuilds(
  names: readonly string[],
  directory: string,
): Promise<readonly Comparison[]> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    const sources = await sourceState();
    const [first = [], second = []] = await Promise.all(
      ['first', 'second'].map((place) => buildImages(names, { cache: join(directory, place) })),
    );
    if ((await sourceState()) === sources) {
      return Promise.all(
        first.map(async ({ name, layout }, index) => ({
          name,
          differing: await differences(layout, second[index]?.layout ?? ''),
        })),
      );
    }
    await rm(directory, { recursive: true, force: true });
  }
  throw new Error(`the sources changed during each of ${attemptsMax} builds`);
}

/** Name, size and time of everything that may get into an image from this repository. */
async function sourceState(): Promise<string> {
  const lines: string[] = [];
  for (const layer of ['apps', 'core', 'infra', 'services', 'tools/images']) {
    const found = await readdir(join(root, layer), { recursive: true, withFileTypes: true });
    for (const item of found.filter((entry) => entry.isFile())) {
      const path = join(item.parentPath, item.name);
      const facts = await stat(path).catch(() => undefined); // removed meanwhile
      lines.push(`${path} ${facts?.size} ${facts?.mtimeMs}`);
    }
  }
  return lines.sort().join('\n');
}

async function differences(left: string, right: string): Promise<readonly string[]> {
  const [mine, theirs] = await Promise.all([filesOf(left), filesOf(right)]);
  const differing = [...new Set([...mine, ...theirs])].filter(
    (path) => !mine.has(path) || !theirs.has(path),
  );
  for (const path of mine) {
    if (!theirs.has(path)) continue;
    const one = await readFile(join(left, path));
    if (!one.equals(await readFile(join(right, path)))) differing.push(path);
  }
  return differing;
}

async function filesOf(directory: string): Promise<ReadonlySet<string>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = found.filter((item) => item.isFile());
  return new Set(files.map((item) => join(item.parentPath, item.name).slice(directory.length + 1)));
}
