// Where backups are kept: a directory of this machine, a claim of the namespace, or a store that speaks S3.

import { type Type, t } from '@tweendeck/kube';

export interface BackupPlace {
  /** Of this machine; only where the platform and its pods are on one. */
  readonly directory?: string;
  readonly claim?: { readonly name: string; readonly path?: string };
  readonly s3?: S3Place;
}

export interface S3Place {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly prefix?: string;
  /** With `accessKeyId` and `secretAccessKey`; `sessionToken` and `ca.crt` where they are needed. */
  readonly secretName: string;
}

const insidePath = '^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$';
const noWayUp = {
  rule: "!self.split('/').exists(part, part == '..')",
  message: 'must not contain ".."',
} as const;

export const placeFields: {
  readonly directory: Type<string, 'optional'>;
  readonly claim: Type<NonNullable<BackupPlace['claim']>, 'optional'>;
  readonly s3: Type<S3Place, 'optional'>;
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
  s3: t
    .object({
      endpoint: t
        .string({ pattern: '^https?://[^/?#@\\s]+/?$', maxLength: 512 })
        .describe('Such as https://s3.eu-central-1.amazonaws.com.'),
      region: t.string({ minLength: 1, maxLength: 64 }).default('us-east-1'),
      bucket: t.string({ pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' }),
      prefix: t
        .string({ pattern: insidePath, maxLength: 512 })
        .rule(noWayUp.rule, { message: noWayUp.message })
        .optional()
        .describe('Before the names of all files.'),
      secretName: t
        .string({ minLength: 1, maxLength: 253 })
        .describe('Of a Secret with accessKeyId and secretAccessKey.'),
    })
    .optional()
    .describe('A bucket of a store that speaks S3.'),
};

export const placeRule: { readonly rule: string; readonly message: string } = {
  rule: '[has(self.directory), has(self.claim), has(self.s3)].filter(given, given).size() == 1',
  message: 'name one place: directory, claim or s3',
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
  const message = 'nobody may use directories of machines here: name a claim or s3';
  return { reason: 'DirectoryRefused', message };
}
