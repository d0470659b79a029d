// The image of Tweendeck itself: Node with its libraries in one layer, the program in another.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cacheServerImage } from '@tweendeck/cacheserver';
import { type LayerEntry, treeEntries } from '@tweendeck/oci';
import { read, root } from '../repository.ts';
import { baseEntries, nonroot, ownedDirectory, type Recipe, searchPath } from './recipe.ts';
import { packageDisk, type RuntimePackage, runtimePackages } from './runtime-packages.ts';
import { libraryEntries } from './shared-libraries.ts';

const nodePath = '/usr/local/bin/node';
const home = '/usr/lib/tweendeck';
const application = 'apps/tweendeck';

/** The program as every workload of ours starts it; arguments are its command, such as `cacheserver serve`. */
export async function programRecipe(signal: AbortSignal): Promise<Recipe> {
  const { version } = JSON.parse(read(`${application}/package.json`)) as { version: string }; // ours
  const { repository, tag } = cacheServerImage;
  return {
    names: [`tweendeck.io/tweendeck:${version}`, `${repository}:${tag}`],
    layers: [
      { what: 'Node and its libraries', entries: nodeEntries() },
      { what: 'Tweendeck', entries: await programEntries(signal) },
    ],
    defaults: {
      user: nonroot.user,
      // A small young generation: 20 MB less resident, at a few percent of speed.
      entrypoint: [nodePath, '--max-semi-space-size=4', `${home}/${application}/bin/tweendeck.cjs`],
      workingDirectory: '/',
      env: {
        PATH: searchPath,
        // The root file system may be read-only, and nothing is compiled twice in a container's life.
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
  const license: LayerEntry = {
    kind: 'file',
    path: `${home}/LICENSE`,
    content: { file: join(root, 'LICENSE') },
  };
  return [ownedDirectory('/data'), license, ...entries.flat()];
}

async function packageEntries(
  { directory, link, own }: RuntimePackage,
  signal: AbortSignal,
): Promise<readonly LayerEntry[]> {
  const at = `${home}/${directory}`;
  const keep = own ? runsInProduct : runsInDependency;
  const files = await treeEntries(join(root, directory), { at, keep }, signal);
  if (link === undefined) return files;
  // Code behind the link has its types erased by Node, which it refuses below a real node_modules.
  const up = '../'.repeat(link.split('/').length - 1);
  return [...files, { kind: 'symlink', path: `${home}/${link}`, target: `${up}${directory}` }];
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
