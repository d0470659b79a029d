// `npm run images:build`: builds the images of this release into a cache outside the tree, and says what they are.

import { cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BuiltImage, buildImages, imageCache, imageNames, megabytes } from './images.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function build(names: readonly string[], output: string | undefined): Promise<void> {
  const startedMs = performance.now();
  const images = await buildImages(names, { progress: say });
  for (const { name, image, layout, built } of images) {
    say(
      `${built ? 'built   ' : 'there   '} ${name}: ${image.digest}, ${megabytes(image.sizeBytes)}`,
    );
    for (const full of image.names) say(`         ${full}`);
    say(`         ${output === undefined ? layout : await copyOut({ name, layout }, output)}`);
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
  say(
    `images: ${images.length} in ${seconds} s, ${images.filter(({ built }) => built).length} new`,
  );
}

async function copyOut(
  { name, layout }: Pick<BuiltImage, 'name' | 'layout'>,
  output: string,
): Promise<string> {
  const target = join(output, name);
  await mkdir(output, { recursive: true });
  await rm(target, { recursive: true, force: true });
  await cp(layout, target, { recursive: true });
  return target;
}

/** Builds everything twice, in two places, and compares every byte. */
async function check(names: readonly string[]): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'tweendeck-images-'));
  try {
    const [first, second] = await Promise.all(
      ['first', 'second'].map((place) => buildImages(names, { cache: join(directory, place) })),
    );
    let same = true;
    for (const [index, { name, layout }] of (first ?? []).entries()) {
      const other = second?.[index]?.layout ?? '';
      const differing = await differences(layout, other);
      say(`${differing.length === 0 ? 'same    ' : 'DIFFERS '} ${name}: ${differing.join(', ')}`);
      same &&= differing.length === 0;
    }
    return same;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Files that are missing on one side or have other bytes. */
async function differences(left: string, right: string): Promise<readonly string[]> {
  const [mine, theirs] = await Promise.all([filesOf(left), filesOf(right)]);
  const differing = [...new Set([...mine, ...theirs])].filter(
    (path) => !mine.has(path) || !theirs.has(path),
  );
  for (const path of mine) {
    if (!theirs.has(path)) continue;
    const [one, other] = await Promise.all(
      [left, right].map((place) => readFile(join(place, path))),
    );
    if (!one || !other?.equals(one)) differing.push(path);
  }
  return differing;
}

async function filesOf(directory: string): Promise<ReadonlySet<string>> {
  const found = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = found.filter((item) => item.isFile());
  return new Set(files.map((item) => join(item.parentPath, item.name).slice(directory.length + 1)));
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      output: { type: 'string' },
      check: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(
      'npm run images:build [-- --only=tweendeck,redis] [--output DIR] [--check]\n\n' +
        `Builds ${imageNames.join(', ')} as OCI image layouts into ${imageCache()}.\n` +
        '  --only    build only these\n' +
        '  --output  copy the layouts to DIR/NAME as well, replacing what is there\n' +
        '  --check   build twice in two temporary directories, and compare every byte',
    );
    return 0;
  }
  const names = values.only?.split(',') ?? imageNames;
  const unknown = names.filter((name) => !imageNames.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`images: there is no ${unknown.join(', ')} to build\n`);
    return 2;
  }
  if (values.check) return (await check(names)) ? 0 : 1;
  await build(names, values.output);
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`images: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
