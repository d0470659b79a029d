// The cleaner as a component of its own: a CronJob that cleans all replicas and reports. Pure.

import type { Applied } from '@tweendeck/client';
import type { PodSpec } from '@tweendeck/kube';
import { cleanerName, followerName, replicasName } from './child-names.ts';
import { type CacheServerObject, type CleanerSpec, cacheServerImage } from './kind.ts';
import { labelsOf } from './labels.ts';
import { placementOf, podSecurity, secretPath, secretVolume } from './render.ts';

/** Every full hour. */
const usualSchedule = '0 * * * *';
/** Cleaning and all attempts to report. */
const runSeconds = 1_800;

/** Undefined when nobody asked for one. */
export function renderCleaner({ metadata, spec }: CacheServerObject): Applied | undefined {
  const { cleaner } = spec;
  if (!cleaner) return undefined;
  const { name, namespace } = metadata;
  const labels = {
    ...labelsOf(name),
    'app.kubernetes.io/name': 'cacheserver-cleaner',
    'app.kubernetes.io/component': 'cleaner',
  };
  const own = { name: cleanerName(name), ...(namespace ? { namespace } : {}), labels };
  return {
    metadata: own,
    spec: {
      schedule: cleaner.schedule ?? usualSchedule,
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: 600,
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        metadata: { labels },
        spec: {
          backoffLimit: 0,
          activeDeadlineSeconds: runSeconds,
          template: {
            metadata: { labels },
            spec: {
              serviceAccountName: followerName(name),
              automountServiceAccountToken: true,
              restartPolicy: 'Never',
              containers: [renderContainer(name, cleaner)],
              volumes: [secretVolume(name)],
              ...placementOf(spec),
              securityContext: podSecurity.pod,
              enableServiceLinks: false,
            } satisfies PodSpec,
          },
        },
      },
    },
  };
}

function renderContainer(name: string, cleaner: CleanerSpec): PodSpec['containers'][number] {
  const { image, webhook, ttlSeconds, renewOnHit, maxBytes, dryRun } = cleaner;
  const limits = { cpu: '200m', memory: '192Mi' };
  return {
    name: 'cleaner',
    image: image ?? `${cacheServerImage.repository}:${cacheServerImage.tag}`,
    args: [
      'cacheserver',
      'clean',
      `--name=${name}`,
      `--service=${replicasName(name)}`,
      `--token-file=${secretPath}/token`,
      `--key-file=${secretPath}/key`,
      ...(webhook === undefined ? [] : [`--webhook=${webhook}`]),
      ...(ttlSeconds === undefined ? [] : [`--ttl-seconds=${ttlSeconds}`]),
      ...(maxBytes === undefined ? [] : [`--max-bytes=${maxBytes}`]),
      ...(renewOnHit === false ? ['--renew-on-hit=false'] : []),
      ...(dryRun ? ['--dry-run'] : []),
      '--json',
    ],
    resources: { limits, requests: limits },
    volumeMounts: [{ name: 'secret', mountPath: secretPath, readOnly: true }],
    securityContext: podSecurity.container,
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}
