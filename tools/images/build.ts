// `npm run images:build`: builds the images of this release into a cache outside the tree, and says what they are.

import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { installDebianPackages } from '../debian.ts';
import { compareBuilds } from './compare.ts';
import { missingPackages } from './debian-programs.ts';
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
    const compared = await compareBuilds(names, directory);
    for (const { name, differing } of compared) {
      say(
        differing.length === 0 ? `same     ${name}` : `DIFFERS  ${name}: ${differing.join(', ')}`,
      );
    }
    return compared.every(({ differing }) => differing.length === 0);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** True when every program that these images are made of is here, or could be installed. */
function checkPrograms(names: readonly string[], install: boolean): boolean {
  const missing = missingPackages(names);
  if (missing.length === 0) return true;
  if (install && installDebianPackages(missing)) return true;
  const command = `apt-get install ${missing.join(' ')}`;
  process.stderr.write(`images: programs are missing (${command}); as root, --install does it\n`);
  return false;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      output: { type: 'string' },
      check: { type: 'boolean', default: false },
      install: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    say(
      'npm run images:build [-- --only=tweendeck,redis] [--output DIR] [--check] [--install]\n\n' +
        `Builds ${imageNames.join(', ')} as OCI image layouts into ${imageCache()}.\n` +
        '  --only    build only these\n' +
        '  --output  copy the layouts to DIR/NAME as well, replacing what is there\n' +
        '  --check   build twice in two temporary directories, and compare every byte\n' +
        '  --install as root on Debian, install the programs that images are made of',
    );
    return 0;
  }
  const names = values.only?.split(',') ?? imageNames;
  const unknown = names.filter((name) => !imageNames.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`images: there is no ${unknown.join(', ')} to build\n`);
    return 2;
  }
  if (!checkPrograms(names, values.install)) return 1;
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
