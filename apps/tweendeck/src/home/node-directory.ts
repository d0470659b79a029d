// The folder of one more node of a home: its agent's files, and the identity that it keeps for ever.

import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isJsonObject, PlatformError, type Random, systemErrorCode } from '@tweendeck/std';
import { replacePrivate } from './home-directory.ts';

/** Kept in `node.json` from the first start on. */
export interface NodeIdentity {
  /** Marks the processes of its pods. */
  readonly instance: string;
  /** Loopback addresses of its pods, a /24. */
  readonly podRange: string;
  /** Its own loopback address. */
  readonly hostIP: string;
}

/** Where the files of a node are below the home's data directory. */
export function nodePath(home: { readonly path: string }, nodeName: string): string {
  return join(home.path, 'nodes', nodeName);
}

/** Makes the folder, private to the user, and reads the identity or makes it. @throws PlatformError HOME_DAMAGED and the system's errors. */
export async function openNodeIdentity(path: string, random: Random): Promise<NodeIdentity> {
  await mkdir(path, { recursive: true, mode: 0o711 }); // programs of other users pass through it
  const file = join(path, 'node.json');
  try {
    return parseIdentity(JSON.parse(await readFile(file, 'utf8')), file);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  const identity = freshIdentity(random);
  await replacePrivate(file, `${JSON.stringify(identity, undefined, 2)}\n`);
  return identity;
}

/** Two nodes on one machine rarely share a range (1 in 8,000); a node's own address follows from its range. */
function freshIdentity(random: Random): NodeIdentity {
  const [high, low] = [random.integer(32), random.integer(256)];
  return {
    instance: random.uuid(),
    podRange: `127.${64 + high}.${low}.0/24`,
    hostIP: `127.${128 + high}.${low}.1`,
  };
}

function parseIdentity(value: unknown, path: string): NodeIdentity {
  if (isJsonObject(value)) {
    const { instance, podRange, hostIP } = value;
    const texts = [instance, podRange, hostIP];
    if (texts.every((text) => typeof text === 'string' && text !== '')) {
      return { instance: String(instance), podRange: String(podRange), hostIP: String(hostIP) };
    }
  }
  throw new PlatformError('HOME_DAMAGED', `${path} does not hold instance, podRange and hostIP`, {
    hint: 'Remove the folder of the node: it starts anew, without the data of its pods.',
  });
}
