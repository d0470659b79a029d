// Generated Deployments: a built-in kind with every way to merge.

import type { Source } from './source.ts';

/** Without type and metadata. */
export function deploymentOf(source: Source, wrong: number): Record<string, unknown> {
  const or = (make: () => unknown) => () => (source.maybe(wrong) ? null : make());
  const texts = (): Record<string, string> =>
    Object.fromEntries(source.some(['a', 'b', 'c']).map((name) => [name, source.pick(['1', '2'])]));
  const spec = (): Record<string, unknown> =>
    source.fields({
      replicas: or(() => source.below(3)),
      paused: () => source.maybe(0.5),
      selector: or(() => ({ matchLabels: texts() })),
      strategy: or(() =>
        source.fields({
          type: () => 'RollingUpdate',
          rollingUpdate: () => source.fields({ maxSurge: () => source.pick([1, '25%']) }),
        }),
      ),
      template: or(() =>
        source.fields(
          {
            metadata: or(() => source.fields({ labels: texts })),
            spec: or(() => podSpecOf(source, wrong)),
          },
          0.8,
        ),
      ),
    });
  return source.fields(
    {
      spec: or(spec),
      status: or(() =>
        source.fields({
          replicas: () => source.below(3),
          conditions: () =>
            source
              .some(['A', 'B'])
              .map((type) => ({ type, status: source.pick(['True', 'False']) })),
        }),
      ),
    },
    0.8,
  );
}

/** The spec of a pod. */
export function podSpecOf(source: Source, wrong: number): Record<string, unknown> {
  const texts = (): Record<string, string> =>
    Object.fromEntries(source.some(['a', 'b', 'c']).map((name) => [name, source.pick(['1', '2'])]));
  return {
    ...source.fields(
      {
        nodeSelector: texts,
        tolerations: () => source.some([{ key: 'a' }, { key: 'b' }]),
        volumes: () =>
          source.some(['v', 'w']).map((name) => ({
            name,
            ...source.fields({
              emptyDir: () => source.fields({ medium: () => 'Memory' }),
              configMap: () => ({ name: source.pick(['c', 'd']) }),
            }),
          })),
        imagePullSecrets: () => source.some(['s', 't']).map((name) => ({ name })),
        hostAliases: () =>
          source
            .some(['1.1.1.1', '2.2.2.2'])
            .map((ip) => ({ ip, hostnames: source.some(['h', 'i']) })),
        restartPolicy: () => 'Always',
        topologySpreadConstraints: () =>
          source.some(['z', 'n']).map((topologyKey) => ({
            topologyKey,
            whenUnsatisfiable: 'DoNotSchedule',
            maxSkew: source.below(3),
          })),
      },
      0.3,
    ),
    ...(source.maybe(0.8)
      ? {
          containers: source
            .some(['a', 'b', 'c', 'd'], 0.6)
            .map((name) => containerOf(source, name, wrong)),
        }
      : {}),
  };
}

function containerOf(source: Source, name: string, wrong: number): Record<string, unknown> {
  const or = (make: () => unknown) => () => (source.maybe(wrong) ? null : make());
  return {
    name,
    ...source.fields(
      {
        image: () => source.pick(['i:1', 'i:2']),
        args: () => source.some(['-a', '-b']),
        env: or(() =>
          source.some(['A', 'B', 'C']).map((each) => ({
            name: each,
            ...source.fields({ value: () => source.pick(['1', '2']) }, 0.7),
          })),
        ),
        ports: or(() =>
          source.some([80, 81, 82]).map((containerPort) => ({
            containerPort,
            ...source.fields({ name: () => source.pick(['p', 'q']), protocol: () => 'TCP' }, 0.3),
          })),
        ),
        resources: () => source.fields({ limits: () => ({ cpu: source.pick(['1', '2']) }) }, 0.7),
        securityContext: or(() =>
          source.fields({
            runAsUser: () => source.below(2),
            capabilities: () => source.fields({ add: () => source.some(['X', 'Y']) }),
          }),
        ),
        volumeMounts: () =>
          source
            .some(['/a', '/b'])
            .map((mountPath) => ({ mountPath, name: source.pick(['v', 'w']) })),
      },
      0.35,
    ),
  };
}
