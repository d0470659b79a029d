// Where backups are kept: a directory of this machine, or a claim of the namespace.

import { type Type, t } from '@tweendeck/kube';

export interface BackupPlace {
  /** Of this machine; only where the platform and its pods are on one. */
  readonly directory?: string;
  readonly claim?: { readonly name: string; readonly path?: string };
}

const insidePath = '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$';
const noWayUp = {
  rule: "!self.split('/').exists(part, part == '..')",
  message: 'must not contain ".."',
} as const;

export const placeFields: {
  readonly directory: Type<string, 'optional'>;
  readonly claim: Type<NonNullable<BackupPlace['claim']>, 'optional'>;
} = {
  directory: t
    .string({ pattern: '^/[^\\0]*$', maxLength: 1_024 })
    .rule(noWayUp.rule, { message: noWayUp.message })
    .optional()
    .describe('A directory of the machine; in the embedded home only. It is made.'),
  claim: t
    .object({
      name: t.string({ minLength: 1, maxLength: 253 }),
      path: t
        .string({ pattern: insidePath, maxLength: 512 })
        .rule(noWayUp.rule, { message: noWayUp.message })
        .optional()
        .describe('A directory in it.'),
    })
    .optional()
    .describe('A PersistentVolumeClaim of the namespace.'),
};

export const placeRule: { readonly rule: string; readonly message: string } = {
  rule: '[has(self.directory), has(self.claim)].filter(given, given).size() == 1',
  message: 'name one place: directory or claim',
};

export const placeType: Type<BackupPlace> = t
  .object(placeFields)
  .rule(placeRule.rule, { message: placeRule.message });

export type DirectoryRule = 'allowed' | 'refused';

/** Why a place cannot be used here. */
export function directoryRefused(
  { directory }: BackupPlace,
  rule: DirectoryRule,
): { readonly reason: string; readonly message: string } | undefined {
  if (directory === undefined || rule === 'allowed') return undefined;
  const message = 'nobody may use directories of machines here: name a claim of this namespace';
  return { reason: 'DirectoryRefused', message };
}
