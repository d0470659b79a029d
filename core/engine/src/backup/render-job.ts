// The Jobs of backups: what they run, as whom, and what they see. Pure.

import type { Applied } from '@tweendeck/client';
import type { PodSpec } from '@tweendeck/kube';
import { passwordSecretName } from '../password-secret.ts';
import type { BackupPlace } from './place.ts';
import { type FilesTask, passwordsPath, placePath, taskVariable } from './task.ts';

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
  readonly task: Omit<FilesTask, 'root'> & Readonly<Record<string, unknown>>;
  readonly place: BackupPlace;
  readonly timeLimitSeconds: number;
  readonly image: string | undefined;
  readonly imagePullSecrets?: PodSpec['imagePullSecrets'];
  /** With the passwords of members; undefined: they ask for none. */
  readonly passwordsOf: string | undefined;
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
  const { command, task, place, image, account, passwordsOf, imagePullSecrets } = input;
  const root = [placePath, ...(place.claim?.path ? [place.claim.path] : [])].join('/');
  const passwords = passwordsOf && passwordSecretName(passwordsOf);
  const told = passwords ? { passwords: passwordsPath } : {};
  return {
    restartPolicy: 'Never',
    ...(account ? { serviceAccountName: account } : {}),
    automountServiceAccountToken: account !== undefined,
    containers: [
      {
        name: 'backup',
        image: image ?? `${backupImage.repository}:${backupImage.tag}`,
        args: ['cluster-backup', command, '--json'],
        env: [{ name: taskVariable, value: JSON.stringify({ ...task, root, ...told }) }],
        resources,
        volumeMounts: [
          { name: 'place', mountPath: placePath },
          ...(passwords ? [{ name: 'auth', mountPath: passwordsPath, readOnly: true }] : []),
        ],
        securityContext: {
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
          capabilities: { drop: ['ALL'] },
        },
        // Why it ended stands in the conditions.
        terminationMessagePolicy: 'FallbackToLogsOnError',
      },
    ],
    volumes: [
      placeVolume(place),
      ...(passwords ? [{ name: 'auth', secret: { secretName: passwords } }] : []),
    ],
    ...(imagePullSecrets ? { imagePullSecrets } : {}),
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: imageUser, runAsGroup: imageUser, fsGroup: imageUser },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    enableServiceLinks: false,
    terminationGracePeriodSeconds: 10,
  };
}

function placeVolume({ directory, claim }: BackupPlace): NonNullable<PodSpec['volumes']>[number] {
  if (claim) return { name: 'place', persistentVolumeClaim: { claimName: claim.name } };
  return { name: 'place', hostPath: { path: directory ?? '', type: 'DirectoryOrCreate' } };
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
