// Reads the objects of YAML and JSON files as a person gives them.

import { readFile } from 'node:fs/promises';
import type { Applied } from '@tweendeck/client';
import { isJsonObject, PlatformError } from '@tweendeck/std';
import { parseAllDocuments } from 'yaml';
import type { Ambient } from './ambient.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string | undefined;
  readonly object: Applied;
  /** Where it was read, for messages. */
  readonly origin: string;
}

/** All objects of these files, in order; `List` objects are opened. Throws CLI_BAD_MANIFEST. */
export async function readManifests(
  world: Ambient,
  files: readonly string[],
): Promise<readonly Manifest[]> {
  const manifests: Manifest[] = [];
  for (const file of files) {
    const text = file === '-' ? await world.readInput() : await readText(file);
    manifests.push(...parseManifests(text, file === '-' ? 'standard input' : file));
  }
  return manifests;
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw bad(`${file} cannot be read`, 'Name a file that exists, or - for standard input.', cause);
  }
}

/** The objects of one text. Throws CLI_BAD_MANIFEST with the line of the fault. */
export function parseManifests(text: string, origin: string): readonly Manifest[] {
  const documents = parseAllDocuments(text, { version: '1.1', merge: true, strict: true });
  if (!Array.isArray(documents)) return []; // the library's answer for a text without documents
  return documents.flatMap((document, index) => {
    const where = documents.length > 1 ? `${origin}, document ${index + 1}` : origin;
    const [fault] = document.errors;
    if (fault)
      throw bad(`${where}: ${fault.message.split('\n')[0]}`, 'Mend the file and try again.', fault);
    const value: unknown = document.toJS();
    return value === null || value === undefined ? [] : openList(value, where);
  });
}

function openList(value: unknown, where: string): readonly Manifest[] {
  if (isJsonObject(value) && value['kind'] === 'List' && Array.isArray(value['items'])) {
    return value['items'].flatMap((item, index) => openList(item, `${where}, item ${index + 1}`));
  }
  return [manifestOf(value, where)];
}

function manifestOf(value: unknown, origin: string): Manifest {
  if (!isJsonObject(value))
    throw bad(`${origin} is no object`, 'Write apiVersion, kind and metadata.');
  const { apiVersion, kind, metadata } = value;
  const name = isJsonObject(metadata) ? metadata['name'] : undefined;
  const namespace = isJsonObject(metadata) ? metadata['namespace'] : undefined;
  for (const [field, found] of Object.entries({ apiVersion, kind, 'metadata.name': name })) {
    if (typeof found !== 'string' || found === '') {
      throw bad(
        `${origin} has no ${field}`,
        'Every object needs apiVersion, kind and metadata.name.',
      );
    }
  }
  return {
    apiVersion: String(apiVersion),
    kind: String(kind),
    name: String(name),
    namespace: typeof namespace === 'string' ? namespace : undefined,
    // name was checked above; the server judges the rest.
    object: value as unknown as Applied,
    origin,
  };
}

function bad(message: string, hint: string, cause?: unknown): PlatformError {
  return new PlatformError('CLI_BAD_MANIFEST', message, {
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}
