// Where backups are kept: a directory of this machine, a claim of the namespace, or a store that speaks S3.

import { type Type, t } from '@tweendeck/kube';

export interface BackupPlace {
  /** Of this machine; only where the platform and its pods are on one. */
  readonly directory?: string;
  readonly claim?: { readonly name: string; readonly path?: string };
}

const insidePath = '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$';

export const placeType: Type<BackupPlace> = t
  .object({
    directory: t
      .string({ pattern: '^/[^\\0]*$', maxLength: 1_024 })
      .rule("!self.split('/').exists(part, part == '..')", { message: 'must not contain ".."' })
      .optional()
      .describe('A directory of the machine; in the embedded home only. It is made.'),
    claim: t
      .object({
        name: t.string({ minLength: 1, maxLength: 253 }),
        path: t
          .string({ pattern: insidePath, maxLength: 512 })
          .rule("!self.split('/').exists(part, part == '..')", { message: 'must not contain ".."' })
          .optional()
          .describe('A directory in it.'),
      })
      .optional()
      .describe('A PersistentVolumeClaim of the namespace.'),
  })
  .rule('[has(self.directory), has(self.claim)].filter(given, given).size() == 1', {
    message: 'name one place: directory or claim',
  });
