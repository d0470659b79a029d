// The image of Tweendeck itself: Node with its libraries in one layer, the program without its types in another.

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';
import { cacheServerImage, entryImage } from '@tweendeck/cacheserver';
import { backupImage } from '@tweendeck/engine';
import { type LayerEntry, treeEntries } from '@tweendeck/oci';
import { read, root } from '../repository.ts';
import { nginxStreamEntries } from './debian-programs.ts';
import { baseEntries, nonroot, ownedDirectory, type Recipe, searchPath } from './recipe.ts';
import { packageDisk, type RuntimePackage, runtimePackages } from './runtime-packages.ts';
import { libraryEntries } from './shared-libraries.ts';

const nodePath = '/usr/local/bin/node';
const home = '/usr/lib/tweendeck';
const application = 'apps/tweendeck';
const erasedHook = `${home}/erased.cjs`;

/** The program as every workload of ours starts it; arguments are its command, such as `cacheserver serve`. */
export async function programRecipe(signal: AbortSignal): Promise<Recipe> {
  const { version } = JSON.parse(read(`${application}/package.json`)) as { version: string }; // ours
  const { repository, tag } = cacheServerImage;
  return {
    names: [
      `tweendeck.io/tweendeck:${version}`,
      `${repository}:${tag}`,
      `${backupImage.repository}:${backupImage.tag}`,
    ],
    layers: [
      { what: 'Node and its libraries', entries: nodeEntries() },
      { what: 'Tweendeck', entries: await programEntries(signal) },
    ],
    defaults: {
      user: nonroot.user,
      // A small young generation: 20 MB less resident, at a few percent of speed.
      entrypoint: [
        nodePath,
        '--max-semi-space-size=4',
        `--require=${erasedHook}`,
        `${home}/${application}/bin/tweendeck.cjs`,
      ],
      workingDirectory: '/',
      env: {
        PATH: searchPath,
        // The root file system may be read-only, and a container starts its program once.
        NODE_DISABLE_COMPILE_CACHE: '1',
      },
      exposedPorts: ['8126/tcp', '8127/tcp'],
    },
    annotations: {
      'org.opencontainers.image.title': 'Tweendeck',
      'org.opencontainers.image.version': version,
      'org.opencontainers.image.licenses': 'Apache-2.0',
    },
  };
}

/** The program with nginx beside it: the entry of replicated CacheServers. */
export async function entryRecipe(signal: AbortSignal): Promise<Recipe> {
  const { layers, defaults, annotations = {} } = await programRecipe(signal);
  return {
    names: [`${entryImage.repository}:${entryImage.tag}`],
    layers: [
      ...layers.slice(0, 1),
      { what: 'nginx', entries: nginxStreamEntries() },
      ...layers.slice(1),
    ],
    defaults,
    annotations: { ...annotations, 'org.opencontainers.image.title': 'Tweendeck entry' },
  };
}

/** The Node that npm installed, whichever Node runs this; without it, this one. */
function nodeBinary(): string {
  const installed = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
  return existsSync(installed) ? installed : process.execPath;
}

function nodeEntries(): readonly LayerEntry[] {
  const node = nodeBinary();
  return [
    ...baseEntries(),
    ...libraryEntries(node),
    { kind: 'file', path: nodePath, mode: 0o755, content: { file: node } },
  ];
}

async function programEntries(signal: AbortSignal): Promise<readonly LayerEntry[]> {
  const packages = runtimePackages({ root, start: application }, packageDisk);
  const entries = await Promise.all(packages.map((found) => packageEntries(found, signal)));
  const copied = (path: string, file: string): LayerEntry => ({
    kind: 'file',
    path,
    content: { file },
  });
  return [
    ownedDirectory('/data'),
    copied(`${home}/LICENSE`, join(root, 'LICENSE')),
    copied(erasedHook, join(import.meta.dirname, 'erased.cjs')),
    ...entries.flat(),
  ];
}

async function packageEntries(
  { directory, link, own }: RuntimePackage,
  signal: AbortSignal,
): Promise<readonly LayerEntry[]> {
  const at = `${home}/${directory}`;
  const keep = own ? runsInProduct : runsInDependency;
  const files = await treeEntries(join(root, directory), { at, keep }, signal);
  const runnable = own ? await Promise.all(files.map(withoutTypes)) : files;
  if (link === undefined) return runnable;
  const up = '../'.repeat(link.split('/').length - 1);
  return [...runnable, { kind: 'symlink', path: `${home}/${link}`, target: `${up}${directory}` }];
}

/** Types become spaces, so lines and columns in stack traces stay what they are in the source. */
async function withoutTypes(entry: LayerEntry): Promise<LayerEntry> {
  if (entry.kind !== 'file' || !entry.path.endsWith('.ts')) return entry;
  if (typeof entry.content === 'string' || !('file' in entry.content)) return entry;
  return { ...entry, content: eraseTypes(await readFile(entry.content.file, 'utf8')) };
}

function eraseTypes(source: string): string {
  // Node warns that the function is experimental; the check builds twice, and the end-to-end test runs the result.
  const { emitWarning } = process;
  process.emitWarning = () => undefined;
  try {
    return stripTypeScriptTypes(source);
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Of a package of ours: manifest, sources and generated data; nothing that only tests use. */
export function runsInProduct(path: string): boolean {
  if (/(^|\/)(node_modules|testdata|testing)\/$/.test(path) || path.endsWith('.test.ts'))
    return false;
  return path === 'package.json' || /^(src|bin)\//.test(path);
}

/** Of somebody else's package: everything but types, maps and prose; the license stays. */
export function runsInDependency(path: string): boolean {
  return !/(^|\/)node_modules\/$|\.d\.[cm]?ts$|\.map$|\.md$/i.test(path);
}
