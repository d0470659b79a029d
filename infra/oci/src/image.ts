// An image before it is written: layers, defaults and names, encoded into the documents of the image specification.

import { createHash } from 'node:crypto';
import type { JsonObject } from '@tweendeck/std';
import { type ContainerDefaults, configDocument, type Platform, timeText } from './image-config.ts';
import { checkImageName } from './image-name.ts';
import type { Layer } from './layer.ts';

/** A layer and how it came about, for the image's history. */
export interface AddedLayer {
  readonly layer: Layer;
  readonly createdBy: string;
}

/** An image to write. With a `base` its layers and defaults come first, and these are added to them. */
export interface ImageSource {
  /** Full names with tags; at least one. */
  readonly names: readonly string[];
  readonly platform: Platform;
  readonly defaults?: ContainerDefaults;
  readonly layers: readonly AddedLayer[];
  readonly base?: Image;
  /** Of the manifest, such as `org.opencontainers.image.licenses`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** When it counts as made, in seconds since 1970 (SOURCE_DATE_EPOCH); 0 by default. */
  readonly createdSeconds?: number;
}

/** An image of a layout. */
export interface Image {
  readonly names: readonly string[];
  /** Of the manifest: what identifies the image. */
  readonly digest: string;
  readonly platform: Platform;
  /** Manifest, configuration and layers together: what a registry or node has to store. */
  readonly sizeBytes: number;
  /** The configuration document. */
  readonly config: JsonObject;
  readonly layers: readonly Layer[];
}

/** A document and what it is known by. */
export interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

/** The documents of one image. */
export interface EncodedImage {
  readonly source: ImageSource;
  readonly manifest: Blob;
  readonly config: Blob;
  /** Those of the base first. */
  readonly layers: readonly Layer[];
}

/** What the documents of a layout call themselves. */
export const mediaTypeOf = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
} as const;

/** The same source gives the same bytes, so the digest of the manifest may name a place to keep it. Throws OCI_NAME_INVALID. */
export function encodeImage(source: ImageSource): EncodedImage {
  for (const name of source.names) checkImageName(name);
  const { base, platform, defaults = {}, createdSeconds = 0 } = source;
  const created = timeText(createdSeconds);
  const config = blobOf(
    mediaTypeOf.config,
    configDocument({
      platform,
      createdSeconds,
      defaults,
      diffIds: source.layers.map(({ layer }) => layer.diffId),
      history: source.layers.map(({ createdBy }) => ({ created, created_by: createdBy })),
      ...(base ? { base: base.config } : {}),
    }),
  );
  const layers = [...(base?.layers ?? []), ...source.layers.map(({ layer }) => layer)];
  const annotations = Object.entries(source.annotations ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  const manifest = blobOf(mediaTypeOf.manifest, {
    schemaVersion: 2,
    mediaType: mediaTypeOf.manifest,
    config: descriptorOf(config),
    layers: layers.map(({ mediaType, digest, sizeBytes }) => ({
      mediaType,
      digest,
      size: sizeBytes,
    })),
    ...(annotations.length > 0 ? { annotations: Object.fromEntries(annotations) } : {}),
  });
  return { source, manifest, config, layers };
}

/** The index of a layout: one descriptor for each name. containerd imports an image under its annotation's name. */
export function indexDocument(images: readonly EncodedImage[]): JsonObject {
  const manifests = images.flatMap(({ manifest, source }) =>
    [...new Set(source.names)].sort().map((name) => ({
      ...descriptorOf(manifest),
      platform: { ...source.platform },
      annotations: {
        'io.containerd.image.name': name,
        'org.opencontainers.image.ref.name': name,
      },
    })),
  );
  return { schemaVersion: 2, mediaType: mediaTypeOf.index, manifests };
}

/** `sha256:…` of bytes that are at hand. */
export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function blobOf(mediaType: string, document: JsonObject): Blob {
  const bytes = Buffer.from(JSON.stringify(document));
  return { mediaType, digest: digestOf(bytes), bytes };
}

function descriptorOf({ mediaType, digest, bytes }: Blob): JsonObject {
  return { mediaType, digest, size: bytes.length };
}
