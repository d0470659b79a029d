// Which program of this machine an image name means in the embedded home.

import { type Catalogue, standardCatalogue } from '@tweendeck/agent';
import { cacheServerImage } from '@tweendeck/cacheserver';

/** Our own images are this program; others are looked up on the path. */
export function programCatalogue(options: {
  readonly self: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}): Catalogue {
  return standardCatalogue({
    path: options.environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin',
    extra: {
      [cacheServerImage.repository]: {
        command: options.self,
        frontArgs: (fronts) =>
          fronts.map(({ address, port }) => `--shared-listen=${address}:${port}`),
      },
    },
  });
}
