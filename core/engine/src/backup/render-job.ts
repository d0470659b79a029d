// The Jobs of backups: what they run, as whom, and what they see. Pure.

import type { Applied } from '@tweendeck/client';
import type { PodSpec } from '@tweendeck/kube';
import type { MemberSecrets } from './backed-up.ts';
import type { BackupPlace } from './place.ts';
import {
  authorityPath,
  type FilesTask,
  type MembersTask,
  passwordsPath,
  placePath,
  s3KeysPath,
  taskVariable,
} from './task.ts';

/** Our own program; in the embedded home it is the one that runs. */
export const backupImage = { repository: 'tweendeck.io/backup', tag: '0.1.0' } as const;

/** The user of images, by number: whoever reads a pod sees that it is not root. */
const imageUser = 65_532;
/** It waits for others most of the time; where there is room it may use more. */
const resources = {
  requests: { cpu: '50m', memory: '128Mi' },
  limits: { cpu: '1', memory: '512Mi' },
};

export interface JobInput {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Of `tweendeck cluster-backup`. */
  readonly command: 'take' | 'fill' | 'remove';
  readonly task: Omit<FilesTask, 'root' | 's3'> & Readonly<Record<string, unknown>>;
  readonly place: BackupPlace;
  readonly timeLimitSeconds: number;
  readonly image: string | undefined;
  readonly imagePullSecrets?: PodSpec['imagePullSecrets'];
  /** Undefined: it speaks with no member. */
  readonly secrets: MemberSecrets | undefined;
  /** Who may write the status of the Backup; undefined: it speaks to no API. */
  readonly account: string | undefined;
}

export function renderJob(input: JobInput): Applied {
  const { name, namespace, labels, timeLimitSeconds } = input;
  return {
    metadata: { name, namespace, labels },
    spec: {
      // What is to be tried again is decided over what is there then.
      backoffLimit: 0,
      activeDeadlineSeconds: timeLimitSeconds,
      template: { metadata: { labels }, spec: renderPod(input) },
    },
  };
}

function renderPod(input: JobInput): PodSpec {
  const { command, task, place, image, account, secrets, imagePullSecrets } = input;
  const mounts = [...placeMounts(place), ...secretMounts(secrets)];
  return {
    restartPolicy: 'Never',
    ...(account ? { serviceAccountName: account } : {}),
    automountServiceAccountToken: account !== undefined,
    containers: [
      {
        name: 'backup',
        image: image ?? `${backupImage.repository}:${backupImage.tag}`,
        args: ['cluster-backup', command, '--json'],
        env: [{ name: taskVariable, value: JSON.stringify({ ...task, ...found(input) }) }],
        resources,
        volumeMounts: mounts.map(({ volume: { name }, path, readOnly }) => ({
          ...{ name, mountPath: path, readOnly },
        })),
        securityContext: {
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
          capabilities: { drop: ['ALL'] },
        },
        // Why it ended stands in the conditions.
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes: mounts.map(({ volume }) => volume),
    ...(imagePullSecrets ? { imagePullSecrets } : {}),
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: imageUser, runAsGroup: imageUser, fsGroup: imageUser },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 10,
  };
}

/** Where the Job finds what it works with. */
function found({ place, secrets }: JobInput): Partial<MembersTask> {
  const { claim, s3 } = place;
  const root = [placePath, ...(claim?.path ? [claim.path] : [])].join('/');
  const tls = secrets?.tls && {
    authority: `${authorityPath}/ca.crt`,
    serverName: secrets.tls.serverName,
  };
  return {
    ...(s3 ? { s3: { ...s3, secretName: s3KeysPath } } : { root }),
    ...(secrets?.passwords === undefined ? {} : { passwords: passwordsPath }),
    ...(tls ? { tls } : {}),
  };
}

interface Mount {
  readonly volume: NonNullable<PodSpec['volumes']>[number];
  readonly path: string;
  readonly readOnly: boolean;
}

function placeMounts({ directory, claim, s3 }: BackupPlace): readonly Mount[] {
  const name = 'place';
  if (s3) return [secretMount('s3', s3.secretName, s3KeysPath)];
  const volume: Mount['volume'] = claim
    ? { name, persistentVolumeClaim: { claimName: claim.name } }
    : { name, hostPath: { path: directory ?? '', type: 'DirectoryOrCreate' } };
  return [{ volume, path: placePath, readOnly: false }];
}

function secretMounts(secrets: MemberSecrets | undefined): readonly Mount[] {
  const { passwords, tls } = secrets ?? {};
  return [
    ...(passwords ? [secretMount('auth', passwords, passwordsPath)] : []),
    // The key of members is none of its business.
    ...(tls ? [secretMount('tls', tls.secretName, authorityPath, ['ca.crt'])] : []),
  ];
}

function secretMount(
  name: string,
  secretName: string,
  path: string,
  keys?: readonly string[],
): Mount {
  const items = keys?.map((key) => ({ key, path: key }));
  return {
    volume: { name, secret: { secretName, ...(items ? { items } : {}) } },
    ...{ path, readOnly: true },
  };
}

/** What lets a Job write the status of its Backup, and nothing else. */
export function renderAccount(
  { name, namespace, labels }: Pick<JobInput, 'name' | 'namespace' | 'labels'>,
  backup: string,
): { readonly account: Applied; readonly role: Applied; readonly binding: Applied } {
  const metadata = { name, namespace, labels };
  return {
    account: { metadata, automountServiceAccountToken: false },
    role: {
      metadata,
      rules: [
        {
          apiGroups: ['tweendeck.io'],
          resources: ['backups/status'],
          resourceNames: [backup],
          verbs: ['patch'],
        },
      ],
    },
    binding: {
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    },
  };
}
