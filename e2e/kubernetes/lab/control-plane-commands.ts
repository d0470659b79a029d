// The command lines of a control plane's programs.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeSigningKey } from './certificates.ts';
import { apiPort, type Site, userKubeconfig } from './site.ts';

export type Command = readonly [string, ...(readonly string[])];

const nodeMonitorGraceSecondsDefault = 16;
const tolerationSecondsDefault = 300;
const compactionSecondsDefault = 300;
/** The first address of the service range, where the service `kubernetes` lies. */
const firstOf = (range: string): string => range.replace(/\.0\/\d+$/, '.1');

export async function etcdCommand({ claim, programs, options }: Site): Promise<Command> {
  const data = join(claim.directory, 'etcd');
  await mkdir(data, { mode: 0o700 });
  const client = `http://${claim.loopback}:2379`;
  const peer = `http://${claim.loopback}:2380`;
  return [
    programs.built('etcd'),
    ...[`--name=lab`, `--data-dir=${data}`, '--log-level=warn'],
    ...(options.durable ? [] : ['--unsafe-no-fsync']),
    ...[`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`],
    ...[`--listen-peer-urls=${peer}`, `--initial-advertise-peer-urls=${peer}`],
    `--initial-cluster=lab=${peer}`,
  ];
}

/** Issues what the API server shows and believes, and writes its audit policy. */
export async function apiServerCommand(site: Site): Promise<Command> {
  const { claim, authority, address, options } = site;
  const { directory } = claim;
  const audit = join(directory, 'audit-policy.json');
  const [serving, kubelet, accounts] = await Promise.all([
    authority.issue({
      file: 'apiserver',
      user: 'kube-apiserver',
      hosts: [
        ...new Set([address, claim.loopback, '127.0.0.1', firstOf(site.serviceRange)]),
        ...['localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      ],
    }),
    authority.issue({
      file: 'apiserver-kubelet-client',
      user: 'kube-apiserver-kubelet-client',
      groups: ['system:masters'],
    }),
    makeSigningKey(claim),
    writeFile(audit, JSON.stringify(auditPolicy)),
  ]);
  const tolerationSeconds = options.tolerationSeconds ?? tolerationSecondsDefault;
  return [
    site.programs.built('kube-apiserver'),
    `--etcd-servers=http://${claim.loopback}:2379`,
    `--etcd-compaction-interval=${options.compactionSeconds ?? compactionSecondsDefault}s`,
    ...[`--bind-address=${address}`, `--secure-port=${apiPort}`],
    // The service `kubernetes` cannot lead to a loopback address.
    ...(site.hasNodes ? [`--advertise-address=${address}`] : ['--endpoint-reconciler-type=none']),
    ...[`--tls-cert-file=${serving.certificate}`, `--tls-private-key-file=${serving.key}`],
    ...[`--client-ca-file=${authority.certificate}`, '--authorization-mode=Node,RBAC'],
    '--enable-admission-plugins=NodeRestriction',
    `--kubelet-certificate-authority=${authority.certificate}`,
    `--kubelet-client-certificate=${kubelet.certificate}`,
    `--kubelet-client-key=${kubelet.key}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${accounts.certificate}`,
    `--service-account-signing-key-file=${accounts.key}`,
    `--service-cluster-ip-range=${site.serviceRange}`,
    '--allow-privileged=true',
    `--default-not-ready-toleration-seconds=${tolerationSeconds}`,
    `--default-unreachable-toleration-seconds=${tolerationSeconds}`,
    ...[`--audit-policy-file=${audit}`, `--audit-log-path=${join(directory, 'audit.jsonl')}`],
  ];
}

const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived', 'ResponseStarted', 'Panic'],
  rules: [{ level: 'Metadata' }],
};

export async function controllerManagerCommand(site: Site): Promise<Command> {
  const { claim, authority, options } = site;
  const kubeconfig = await userKubeconfig(site, {
    file: 'kube-controller-manager',
    user: 'system:kube-controller-manager',
  });
  return [
    site.programs.built('kube-controller-manager'),
    ...commonFlags(site, kubeconfig, 10257),
    '--controllers=*,-node-ipam-controller,bootstrap-signer-controller,token-cleaner-controller',
    '--use-service-account-credentials',
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
    `--service-account-private-key-file=${join(claim.directory, 'certificates', 'service-accounts.key')}`,
    `--root-ca-file=${authority.certificate}`,
    `--cluster-signing-cert-file=${authority.certificate}`,
    `--cluster-signing-key-file=${authority.key}`,
    `--node-monitor-grace-period=${options.nodeMonitorGraceSeconds ?? nodeMonitorGraceSecondsDefault}s`,
    '--node-monitor-period=1s',
  ];
}

export async function schedulerCommand(site: Site): Promise<Command> {
  const kubeconfig = await userKubeconfig(site, {
    file: 'kube-scheduler',
    user: 'system:kube-scheduler',
  });
  return [site.programs.built('kube-scheduler'), ...commonFlags(site, kubeconfig, 10259)];
}

function commonFlags({ claim }: Site, kubeconfig: string, port: number): readonly string[] {
  return [
    ...[`--kubeconfig=${kubeconfig}`, `--authentication-kubeconfig=${kubeconfig}`],
    `--authorization-kubeconfig=${kubeconfig}`,
    ...[`--bind-address=${claim.loopback}`, `--secure-port=${port}`, '--leader-elect=false'],
  ];
}
