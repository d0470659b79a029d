// What an image is made of, before anything is written: names, layers as entries, and the defaults of its containers.

import type { ContainerDefaults, LayerEntry, Platform } from '@tweendeck/oci';

interface RecipeLayer {
  /** For the history, and for progress lines. */
  readonly what: string;
  readonly entries: readonly LayerEntry[];
}

export interface Recipe {
  /** Full names; the first is the one to show. */
  readonly names: readonly string[];
  readonly defaults: ContainerDefaults;
  /** What changes least comes first. */
  readonly layers: readonly RecipeLayer[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Who the programs of our images run as. */
export const nonroot = { id: 65_532, user: '65532:65532', home: '/home/nonroot' } as const;

export const searchPath = '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin';

/** The platform of this machine: programs are taken from it. */
export function hostPlatform(): Platform {
  const architecture = { x64: 'amd64', arm64: 'arm64' }[process.arch as string]; // others are undefined
  if (architecture === undefined || process.platform !== 'linux') {
    throw new Error(
      `images are built on Linux, x64 or arm64; this is ${process.platform} ${process.arch}`,
    );
  }
  return { os: 'linux', architecture };
}

/** Users, name lookup and a place for temporary files: what C libraries expect in any root. */
export function baseEntries(): readonly LayerEntry[] {
  const { id, home } = nonroot;
  const owned = { uid: id, gid: id };
  return [
    {
      kind: 'file',
      path: '/etc/passwd',
      content: `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${id}:${id}:nonroot:${home}:/sbin/nologin\n`,
    },
    { kind: 'file', path: '/etc/group', content: `root:x:0:\nnonroot:x:${id}:\n` },
    // Without it glibc asks the DNS before /etc/hosts.
    {
      kind: 'file',
      path: '/etc/nsswitch.conf',
      content: 'passwd: files\ngroup: files\nhosts: files dns\n',
    },
    { kind: 'directory', path: '/tmp', mode: 0o1777 },
    { kind: 'directory', path: home, mode: 0o755, ...owned },
  ];
}

/** A directory that the program may write, also when nothing is mounted there. */
export function ownedDirectory(path: string): LayerEntry {
  return { kind: 'directory', path, mode: 0o755, uid: nonroot.id, gid: nonroot.id };
}
