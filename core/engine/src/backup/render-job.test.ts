import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodSpec } from '@tweendeck/kube';
import type { MemberSecrets } from './backed-up.ts';
import type { BackupPlace } from './place.ts';
import { renderAccount, renderJob } from './render-job.ts';

const none: MemberSecrets = { passwords: undefined, tls: undefined };

function podOf(place: BackupPlace, secrets: MemberSecrets | undefined): PodSpec {
  const { spec } = renderJob({
    ...{ name: 'one-1', namespace: 'default', labels: {}, command: 'take', place, secrets },
    ...{ timeLimitSeconds: 60, image: undefined, account: undefined },
    task: { kind: 'RedisCluster', folder: 'default/one' },
  });
  // As it was rendered just now.
  return (spec as { template: { spec: PodSpec } }).template.spec;
}

const secret = { name: 's3', secret: { secretName: 'keys' } };
const s3 = {
  ...{ endpoint: 'https://s3.example.com', region: 'r', bucket: 'b', secretName: 'keys' },
};

for (const { name, place, secrets = none, volumes, told } of [
  {
    name: 'a directory',
    place: { directory: '/srv' },
    volumes: [{ name: 'place', hostPath: { path: '/srv', type: 'DirectoryOrCreate' } }],
    told: { root: '/backups' },
  },
  {
    name: 'a path in a claim',
    place: { claim: { name: 'files', path: 'of/redis' } },
    volumes: [{ name: 'place', persistentVolumeClaim: { claimName: 'files' } }],
    told: { root: '/backups/of/redis' },
  },
  {
    name: 'S3, whose keys it finds in a file',
    place: { s3 },
    volumes: [secret],
    told: { s3: { ...s3, secretName: '/etc/tweendeck-s3' } },
  },
  {
    name: 'members with passwords and TLS, without their key',
    place: { s3 },
    secrets: { passwords: 'shop-auth', tls: { secretName: 'shop-tls', serverName: 'shop.svc' } },
    volumes: [
      secret,
      { name: 'auth', secret: { secretName: 'shop-auth' } },
      {
        name: 'tls',
        secret: { secretName: 'shop-tls', items: [{ key: 'ca.crt', path: 'ca.crt' }] },
      },
    ],
    told: {
      s3: { ...s3, secretName: '/etc/tweendeck-s3' },
      passwords: '/etc/tweendeck-auth',
      tls: { authority: '/etc/tweendeck-tls/ca.crt', serverName: 'shop.svc' },
    },
  },
]) {
  test(`a Job knows ${name}`, () => {
    const pod = podOf(place, secrets);
    assert.deepEqual(pod.volumes, volumes);
    const mounted = pod.containers[0]?.volumeMounts?.map((mount) => mount.name);
    assert.deepEqual(
      mounted,
      volumes.map((volume) => volume.name),
    );
    const task: unknown = JSON.parse(pod.containers[0]?.env?.[0]?.value ?? '');
    assert.deepEqual(task, { kind: 'RedisCluster', folder: 'default/one', ...told });
  });
}

test('a Job may write the status of its Backup and nothing else', () => {
  const { role } = renderAccount({ name: 'one-backup', namespace: 'default', labels: {} }, 'one');
  assert.deepEqual(role['rules'], [
    {
      ...{ apiGroups: ['tweendeck.io'], resources: ['backups/status'] },
      ...{ resourceNames: ['one'], verbs: ['patch'] },
    },
  ]);
  assert.equal(podOf({ directory: '/srv' }, none).automountServiceAccountToken, false);
});
