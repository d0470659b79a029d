// The configuration of one node's programs, written onto its disk.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeKubeconfig } from './kubeconfig.ts';
import type { Site } from './site.ts';

export interface NodeFacts {
  readonly name: string;
  readonly address: string;
  readonly podRange: string;
  /** The directory that is the node's disk. */
  readonly disk: string;
  /** Of its pods, from the root of every hierarchy: `/tweendeck-lab-73/node-1`. */
  readonly cgroup: string;
}

export interface NodeFiles {
  readonly containerd: string;
  readonly kubelet: string;
  readonly kubeletKubeconfig: string;
  readonly kubeProxy: string;
}

/** Full name of the image that holds a pod's namespaces. */
export const pauseImage = 'tweendeck.io/pause:1';

const monitorGraceSecondsDefault = 16;

/** Writes everything that the programs of a node read; returns the paths. */
export async function writeNodeFiles(
  site: Site,
  facts: NodeFacts,
  { podRange }: { readonly podRange: string },
): Promise<NodeFiles> {
  const directory = join(facts.disk, 'etc');
  const path = (name: string): string => join(directory, name);
  await mkdir(path('cni'), { recursive: true });
  const [serving, client, proxy] = await Promise.all([
    site.authority.issue({
      file: `${facts.name}-kubelet`,
      user: `system:node:${facts.name}`,
      groups: ['system:nodes'],
      hosts: [facts.name, facts.address],
    }),
    site.authority.issue({
      file: `${facts.name}-kubelet-client`,
      user: `system:node:${facts.name}`,
      groups: ['system:nodes'],
    }),
    site.authority.issue({ file: `${facts.name}-kube-proxy`, user: 'system:kube-proxy' }),
  ]);
  const common = { server: site.server, authority: site.authority.certificate };
  const [kubeletKubeconfig, proxyKubeconfig] = await Promise.all([
    writeKubeconfig({ ...common, path: path('kubelet.kubeconfig'), user: client }),
    writeKubeconfig({ ...common, path: path('kube-proxy.kubeconfig'), user: proxy }),
    writeFile(path('cni/10-lab.conflist'), JSON.stringify(cniConfiguration(facts))),
    writeFile(path('resolv.conf'), `nameserver ${site.address}\n`),
    writeFile(path('containerd.toml'), containerdConfiguration(site, path('cni'))),
  ]);
  const kubelet = {
    ...kubeletConfiguration(site, facts),
    tlsCertFile: serving.certificate,
    tlsPrivateKeyFile: serving.key,
    resolvConf: path('resolv.conf'),
  };
  await Promise.all([
    writeFile(path('kubelet.json'), JSON.stringify(kubelet)),
    writeFile(
      path('kube-proxy.json'),
      JSON.stringify(proxyConfiguration(facts, { podRange, kubeconfig: proxyKubeconfig })),
    ),
  ]);
  return {
    containerd: path('containerd.toml'),
    kubelet: path('kubelet.json'),
    kubeletKubeconfig,
    kubeProxy: path('kube-proxy.json'),
  };
}

function cniConfiguration({ podRange }: NodeFacts): unknown {
  return {
    cniVersion: '0.4.0',
    name: 'lab',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          ranges: [[{ subnet: podRange }]],
          routes: [{ dst: '0.0.0.0/0' }],
          dataDir: '/var/lib/cni/networks',
        },
      },
      { type: 'portmap', capabilities: { portMappings: true } },
    ],
  };
}

/** Everything lies where a node keeps it: its /var/lib and /run are its own. */
function containerdConfiguration(site: Site, cniDirectory: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "/var/lib/containerd/opt"
[${cri}]
sandbox_image = "${pauseImage}"
disable_apparmor = true
restrict_oom_score_adj = true
[${cri}.cni]
bin_dir = "/usr/lib/cni"
conf_dir = "${cniDirectory}"
[${cri}.containerd]
snapshotter = "overlayfs"
[${cri}.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
BinaryName = "${site.programs.system('runc')}"
SystemdCgroup = false
`;
}

function kubeletConfiguration(
  site: Site,
  { cgroup }: NodeFacts,
): Readonly<Record<string, unknown>> {
  const graceSeconds = site.options.nodeMonitorGraceSeconds ?? monitorGraceSecondsDefault;
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: site.authority.certificate },
    },
    authorization: { mode: 'Webhook' },
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    ...{ cgroupDriver: 'cgroupfs', cgroupRoot: cgroup, failSwapOn: false },
    // There is no DNS in a lab. Pods learn so at once: this machine refuses what nobody listens for.
    ...{ clusterDomain: 'cluster.local', clusterDNS: [site.address] },
    volumePluginDir: '/var/lib/kubelet/volume-plugins',
    // The lease is renewed in a quarter of its time, several times in what the controllers wait.
    nodeLeaseDurationSeconds: Math.max(4, Math.floor(graceSeconds * 0.75)),
    nodeStatusUpdateFrequency: '4s',
    // The disk is this machine's: how full it is, is not the lab's business.
    evictionHard: { 'memory.available': '100Mi' },
    imageGCHighThresholdPercent: 100,
    serializeImagePulls: false,
  };
}

function proxyConfiguration(
  { name, address }: NodeFacts,
  { podRange, kubeconfig }: { readonly podRange: string; readonly kubeconfig: string },
): unknown {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    clientConnection: { kubeconfig },
    mode: 'iptables',
    // Whoever is no pod is answered through the node it asked, which alone knows the connection.
    clusterCIDR: podRange,
    hostnameOverride: name,
    bindAddress: address,
    conntrack: {
      maxPerCore: 0,
      min: 0,
      tcpEstablishedTimeout: '0s',
      tcpCloseWaitTimeout: '0s',
    },
    iptables: { minSyncPeriod: '0s', syncPeriod: '30s' },
  };
}
