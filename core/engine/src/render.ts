// What a cluster is made of: files, Services, budgets, and a workload of its own for each member. Pure.

import { createHash } from 'node:crypto';
import type { Applied } from '@tweendeck/client';
import type { Container, PodSpec, PodTemplateSpec } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import {
  type Cluster,
  dataPath,
  type EngineTables,
  filesPath,
  type MemberRecipe,
  type RenderContext,
  secretFilesPath,
  tlsFilesPath,
} from './engine.ts';
import {
  clusterLabels,
  groupLabel,
  memberLabel,
  memberLabels,
  ownLabels,
  revisionAnnotation,
  shardLabel,
} from './labels.ts';
import { memberName, type Place } from './member.ts';
import { placesOf } from './places.ts';
import { membersService, recipeOf, renderBudgets, renderServices } from './render-services.ts';
import { passwordSecretName } from './secrets/password-secret.ts';
import { tlsSecretName } from './secrets/tls-secret.ts';

/** The user of images, by number: whoever reads a pod sees that it is not root. */
const imageUser = 65_532;

/** What is rendered for one member. */
export interface MemberRendering {
  readonly name: string;
  readonly place: Place;
  readonly revision: string;
  readonly workload: Applied;
  /** Its files, if it has any. */
  readonly files: Applied | undefined;
}

export interface ClusterRendering {
  readonly services: readonly Applied[];
  readonly budgets: readonly Applied[];
  readonly members: readonly MemberRendering[];
}

interface MemberRenderings {
  readonly wanted: readonly MemberRendering[];
  /** Those that the spec asks for no more: what leads to them and guards them goes with the last of a shard. */
  readonly staying: readonly MemberRendering[];
}

/** Everything but secrets and members that are leaving. */
export function renderCluster<Options>(
  engine: EngineTables<Options>,
  cluster: Cluster<Options>,
  members: MemberRenderings = { wanted: renderMembers(engine, cluster), staying: [] },
): ClusterRendering {
  const places = [...members.wanted, ...members.staying].map(({ place }) => place);
  return {
    services: renderServices(engine, cluster, places),
    budgets: renderBudgets(engine, cluster, places),
    members: members.wanted,
  };
}

/** Those that the spec asks for. */
export function renderMembers<Options>(
  engine: EngineTables<Options>,
  cluster: Cluster<Options>,
): readonly MemberRendering[] {
  return placesOf(engine, cluster.spec).map((place) => renderMember(engine, cluster, place));
}

/** Also of a member that the spec asks for no more: it stays what it is until it may leave. */
export function renderMember<Options>(
  engine: EngineTables<Options>,
  cluster: Cluster<Options>,
  place: Place,
): MemberRendering {
  const { group } = place;
  const recipe = recipeOf(engine, group);
  const name = memberName(cluster.name, place, engine.groups[group]?.shards !== undefined);
  const hostName = `${name}-0.${membersService(cluster.name)}.${cluster.namespace}.svc`;
  const context: RenderContext<Options> = { cluster, place, name, hostName };
  const files = recipe.files?.(context);
  const template = renderTemplate(engine, recipe, context);
  const metadata = {
    ...{ name, namespace: cluster.namespace },
    labels: memberLabels(engine, cluster.name, { place, name }),
  };
  const certificate = recipe.certificates === 'live' ? undefined : cluster.tls?.fingerprint;
  const revision = revisionOf([
    ...[template, cluster.spec.restart, restartParameters(engine, cluster)],
    ...(certificate === undefined ? [] : [certificate]),
  ]);
  return {
    name,
    place,
    revision,
    files: files && { metadata, data: files },
    workload: {
      metadata,
      spec: {
        replicas: cluster.spec.suspend ? 0 : 1,
        serviceName: membersService(cluster.name),
        selector: { matchLabels: { ...clusterLabels(engine, cluster.name), [memberLabel]: name } },
        // When a pod is replaced is decided over all members.
        updateStrategy: { type: 'OnDelete' },
        podManagementPolicy: 'Parallel',
        revisionHistoryLimit: 1,
        template: {
          metadata: { labels: metadata.labels, annotations: { [revisionAnnotation]: revision } },
          spec: template,
        } satisfies PodTemplateSpec,
        ...claims(engine, cluster, group),
      },
    },
  };
}

/** Settings that a running member cannot take: with them it has to start again. */
function restartParameters<Options>(
  { parameters }: EngineTables<Options>,
  { spec: { config = {} } }: Cluster<Options>,
): Readonly<Record<string, number | string>> {
  return Object.fromEntries(
    Object.entries(config).filter(([name]) => parameters[name]?.applies === 'restart'),
  );
}

function revisionOf(parts: readonly unknown[]): string {
  return createHash('sha256').update(sortedJson(parts)).digest('hex').slice(0, 12);
}

/** The same for the same value, in whatever order its keys came. */
function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_key, held: unknown) =>
    isJsonObject(held)
      ? Object.fromEntries(Object.entries(held).sort(([a], [b]) => (a < b ? -1 : 1)))
      : held,
  );
}

function renderTemplate<Options>(
  engine: EngineTables<Options>,
  recipe: MemberRecipe<Options>,
  context: RenderContext<Options>,
): PodSpec {
  const { cluster, place, name } = context;
  const { spec } = cluster;
  const group = spec.groups[place.group];
  const hasVolume = group?.storage !== undefined;
  return {
    containers: [renderContainer(engine, recipe, context)],
    volumes: [
      ...(hasVolume ? [] : [{ name: 'data', emptyDir: {} }]),
      ...(recipe.files ? [{ name: 'files', configMap: { name } }] : []),
      ...(hasPasswords(engine, cluster)
        ? [{ name: 'auth', secret: { secretName: passwordSecretName(cluster.name) } }]
        : []),
      ...(hasTls(engine, cluster)
        ? [{ name: 'tls', secret: { secretName: tlsSecretName(cluster) } }]
        : []),
    ],
    affinity: apartFrom(engine, cluster.name, place),
    ...(spec.nodeSelector ? { nodeSelector: spec.nodeSelector } : {}),
    ...(spec.tolerations ? { tolerations: spec.tolerations } : {}),
    ...(spec.imagePullSecrets ? { imagePullSecrets: spec.imagePullSecrets } : {}),
    securityContext: {
      ...{ runAsNonRoot: true, runAsUser: imageUser, runAsGroup: imageUser, fsGroup: imageUser },
      seccompProfile: { type: 'RuntimeDefault' },
    },
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    terminationGracePeriodSeconds: recipe.graceSeconds,
  };
}

/** Away from members of the same shard above all, then from those of the same cluster. */
function apartFrom<Options>(
  engine: EngineTables<Options>,
  cluster: string,
  { group, shard }: Place,
): NonNullable<PodSpec['affinity']> {
  const topologyKey = 'kubernetes.io/hostname';
  const all = clusterLabels(engine, cluster);
  const shardMates = { ...all, [groupLabel]: group, [shardLabel]: String(shard) };
  const away = (weight: number, matchLabels: Readonly<Record<string, string>>) => ({
    weight,
    podAffinityTerm: { topologyKey, labelSelector: { matchLabels } },
  });
  return {
    podAntiAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [away(100, shardMates), away(10, all)],
    },
  };
}

function renderContainer<Options>(
  engine: EngineTables<Options>,
  recipe: MemberRecipe<Options>,
  context: RenderContext<Options>,
): Container {
  const { spec } = context.cluster;
  const limits = Object.fromEntries(
    Object.entries(spec.groups[context.place.group]?.resources.limits ?? {}).map(
      ([name, quantity]) => [name, String(quantity)],
    ),
  );
  const field = (name: string, fieldPath: string) => ({
    name,
    valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } },
  });
  return {
    name: engine.component,
    image: spec.image ?? engine.versions[spec.version]?.image ?? '',
    args: recipe.command(context),
    env: [
      field('POD_IP', 'status.podIP'),
      field('POD_NAME', 'metadata.name'),
      ...(recipe.env?.(context) ?? []),
    ],
    ports: Object.entries(recipe.ports).map(([name, containerPort]) => ({
      ...{ name, containerPort, protocol: 'TCP' },
    })),
    resources: { limits, requests: limits },
    readinessProbe: recipe.readiness,
    ...(recipe.liveness ? { livenessProbe: recipe.liveness } : {}),
    volumeMounts: [
      { name: 'data', mountPath: dataPath },
      ...(recipe.files ? [{ name: 'files', mountPath: filesPath, readOnly: true }] : []),
      ...(hasPasswords(engine, context.cluster)
        ? [{ name: 'auth', mountPath: secretFilesPath, readOnly: true }]
        : []),
      ...(hasTls(engine, context.cluster)
        ? [{ name: 'tls', mountPath: tlsFilesPath, readOnly: true }]
        : []),
    ],
    securityContext: {
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
      capabilities: { drop: ['ALL'] },
    },
    terminationMessagePolicy: 'FallbackToLogsOnError',
  };
}

/** Whether members ask for a password. */
export function hasPasswords<Options>(
  { passwords }: Pick<EngineTables<Options>, 'passwords'>,
  { spec: { auth } }: Pick<Cluster<Options>, 'spec'>,
): boolean {
  return passwords !== undefined && auth?.mode !== 'none';
}

/** Whether members speak TLS. */
export function hasTls<Options>(
  { tls }: Pick<EngineTables<Options>, 'tls'>,
  { spec }: Pick<Cluster<Options>, 'spec'>,
): boolean {
  return tls === true && spec.tls?.mode === 'required';
}

function claims<Options>(
  engine: EngineTables<Options>,
  { name, spec }: Cluster<Options>,
  group: string,
): object {
  const storage = spec.groups[group]?.storage;
  if (storage === undefined) return {};
  const { size, className } = storage;
  const claim = {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: String(size) } },
    ...(className === undefined ? {} : { storageClassName: className }),
  };
  return {
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
    volumeClaimTemplates: [
      { metadata: { name: 'data', labels: ownLabels(engine, name) }, spec: claim },
    ],
  };
}
