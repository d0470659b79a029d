// Builds images into a cache outside the tree, and builds nothing that is there already.

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import {
  encodeImage,
  type Image,
  type ImageSource,
  type Layer,
  layerIdentity,
  readLayout,
  writeLayer,
  writeLayout,
} from '@tweendeck/oci';
import { isPlatformError } from '@tweendeck/std';
import { busyboxRecipe, memcachedRecipe, nginxRecipe, redisRecipe } from './debian-programs.ts';
import { pauseRecipe } from './pause.ts';
import { entryRecipe, programRecipe } from './program.ts';
import { markUsed, pruneCache } from './prune.ts';
import { hostPlatform, type Recipe } from './recipe.ts';

type RecipeMaker = (context: {
  readonly cache: string;
  readonly signal: AbortSignal;
}) => Promise<Recipe>;

const recipes: Readonly<Record<string, RecipeMaker>> = {
  tweendeck: ({ signal }) => programRecipe(signal),
  entry: ({ signal }) => entryRecipe(signal),
  pause: async ({ cache }) => pauseRecipe(join(cache, 'pause')),
  redis: async () => redisRecipe(),
  memcached: async () => memcachedRecipe(),
  nginx: async () => nginxRecipe(),
  busybox: async () => busyboxRecipe(),
};

/** What {@link buildImages} can build. */
export const imageNames: readonly string[] = Object.keys(recipes);

export interface BuiltImage {
  /** As in {@link imageNames}. */
  readonly name: string;
  /** The OCI layout directory, with this image alone. */
  readonly layout: string;
  readonly image: Image;
  /** False when it was there already. */
  readonly built: boolean;
}

export interface BuildOptions {
  readonly signal?: AbortSignal;
  /** Where layouts and layers are kept: `$XDG_CACHE_HOME/tweendeck/images` unless told otherwise. */
  readonly cache?: string;
  /** Told what is about to be done. */
  readonly progress?: (line: string) => void;
}

/** `$XDG_CACHE_HOME/tweendeck/images`. */
export function imageCache(): string {
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
  return join(cache, 'tweendeck', 'images');
}

/**
 * The images of these names, in their order. The inputs are read and hashed each time, so a result is never stale;
 * what has that digest already is not written again. Layouts are never changed, so they can be used by several at once.
 */
export async function buildImages(
  names: readonly string[],
  { signal = new AbortController().signal, cache = imageCache(), progress }: BuildOptions = {},
): Promise<readonly BuiltImage[]> {
  const built: BuiltImage[] = [];
  for (const name of names) {
    const make = Object.hasOwn(recipes, name) ? recipes[name] : undefined;
    if (!make) throw new Error(`there is no image ${name}; there are ${imageNames.join(', ')}`);
    const recipe = await make({ cache, signal });
    built.push(await buildImage({ name, recipe }, { cache, progress, signal }));
  }
  await pruneCache(cache);
  return built;
}

interface Context {
  readonly cache: string;
  readonly progress: ((line: string) => void) | undefined;
  readonly signal: AbortSignal;
}

async function buildImage(
  { name, recipe }: { readonly name: string; readonly recipe: Recipe },
  context: Context,
): Promise<BuiltImage> {
  const { cache, progress, signal } = context;
  const layers: ImageSource['layers'][number][] = [];
  for (const { what, entries } of recipe.layers) {
    layers.push({ createdBy: what, layer: await cachedLayer({ what, entries }, context) });
  }
  const { names, defaults, annotations } = recipe;
  const source: ImageSource = {
    names,
    platform: hostPlatform(),
    defaults,
    layers,
    ...(annotations ? { annotations } : {}),
  };
  const { digest } = encodeImage(source).manifest;
  const layout = join(cache, 'layouts', `${name}-${digest.slice('sha256:'.length, 23)}`);
  const built = !existsSync(layout);
  if (built) {
    progress?.(`writing  ${name}: ${layout}`);
    await writeLayout({ directory: layout, images: [source] }, signal).catch((error: unknown) => {
      // Somebody else built the same bytes meanwhile.
      if (!isPlatformError(error, 'OCI_LAYOUT_EXISTS')) throw error;
    });
  }
  await markUsed(layout);
  const [image] = (await readLayout(layout, signal)).images;
  if (image?.digest !== digest) throw new Error(`${layout} holds another image: remove it`);
  return { name, layout, image, built };
}

async function cachedLayer(
  { what, entries }: Recipe['layers'][number],
  { cache, progress, signal }: Context,
): Promise<Layer> {
  const directory = join(cache, 'layers');
  await mkdir(directory, { recursive: true });
  const identity = await layerIdentity(entries, {}, signal);
  const path = join(directory, identity.digest.slice('sha256:'.length));
  if (existsSync(path)) {
    await markUsed(path);
    return { ...identity, path };
  }
  progress?.(`writing  layer ${what}: ${megabytes(identity.sizeBytes)}`);
  return writeLayer(entries, { directory }, signal);
}

/** `123.4 MB` */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
