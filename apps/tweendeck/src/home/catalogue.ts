// Which program of this machine an image name means in the embedded home.

import { type Catalogue, standardCatalogue } from '@tweendeck/agent';
import { cacheServerImage, entryImage } from '@tweendeck/cacheserver';
import { backupImage } from '@tweendeck/engine';

/** A small young generation: 20 MB less resident for each process, at a few percent of speed. */
const dataPlaneFlags: readonly string[] = ['--max-semi-space-size=4'];

/** Our own images are this program; others are looked up on the path. */
export function programCatalogue(options: {
  readonly self: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}): Catalogue {
  const [node = '', program = ''] = options.self;
  return standardCatalogue({
    path: options.environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    extra: {
      [backupImage.repository]: { command: [node, program], ofPlatform: true },
      [entryImage.repository]: {
        command: [node, ...dataPlaneFlags, program],
        ofPlatform: true,
        frontsFile: (path) => [`--shared-listen-file=${path}`],
      },
      [cacheServerImage.repository]: {
        command: [node, ...dataPlaneFlags, program],
        ofPlatform: true,
        // Nobody but an entry on this machine has to learn of its end first.
        frontsFile: (path) => ['--linger-seconds=1', `--shared-listen-file=${path}`],
      },
    },
  });
}
