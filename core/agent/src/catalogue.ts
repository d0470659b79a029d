// From an image name to a program on this machine.

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import type { Pod } from '@tweendeck/kube';
import type { Front } from './fronts.ts';

/** A program that stands for an image. */
export interface Program {
  /** Absolute program and leading arguments: the image's ENTRYPOINT. Taken as it is. */
  readonly command: readonly string[];
  /** The image's CMD; `$(NAME)` is expanded, `$(TWEENDECK_POD_IP)` is the pod's address. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments that make the program listen on further addresses. Without it, fronts are not served. */
  readonly frontArgs?: (fronts: readonly Front[]) => readonly string[];
  /**
   * In place of `frontArgs`, for a program that finds these addresses in a file, `HOST:PORT` a line, and reads it again
   * at SIGHUP: when they change it goes on, and is not started again. Gives the arguments that name the file.
   */
  readonly frontsFile?: (path: string) => readonly string[];
  /** A part of the platform: it runs as the platform does, whatever user a pod names. Nobody else may be able to read its files. */
  readonly ofPlatform?: true;
}

/** An image whose program is not on this machine. */
export interface MissingProgram {
  readonly missing: string;
  /** What to do about it, such as `apt-get install redis-server`. */
  readonly hint: string;
}

export interface Catalogue {
  resolve(image: string): Promise<Program | MissingProgram>;
}

/** Whether every program of a pod is a part of the platform. */
export async function isOfPlatform(catalogue: Catalogue, { spec }: Pod): Promise<boolean> {
  for (const { image } of [...(spec.initContainers ?? []), ...spec.containers]) {
    const program = await catalogue.resolve(image ?? '');
    if ('missing' in program || !program.ofPlatform) return false;
  }
  return true;
}

/** Whether a program of a pod listens on the addresses of Services itself. */
export async function listensOnFronts(catalogue: Catalogue, { spec }: Pod): Promise<boolean> {
  for (const { image, command = [] } of spec.containers) {
    if (command.length > 0) continue; // another program than that of the image
    const program = await catalogue.resolve(image ?? '');
    if (!('missing' in program) && (program.frontArgs || program.frontsFile)) return true;
  }
  return false;
}

export interface CatalogueOptions {
  /** Directories to search, as in the environment variable PATH. */
  readonly path: string;
  /** Programs by exact repository name (image without tag and digest), before the table. */
  readonly extra?: Readonly<Record<string, Program>>;
}

interface KnownProgram {
  /** The first of these that is found. */
  readonly programs: readonly string[];
  /** The Debian package that brings it. */
  readonly package: string;
  readonly args?: readonly string[];
}

const podIP = '$(TWEENDECK_POD_IP)';
const shell: KnownProgram = { programs: ['bash', 'sh'], package: 'dash' };

/** By the last segment of the repository name. Arguments bind the pod's own address where the image would bind all. */
const knownPrograms: Readonly<Record<string, KnownProgram>> = {
  redis: { programs: ['redis-server'], package: 'redis-server', args: ['--bind', podIP] },
  valkey: { programs: ['valkey-server'], package: 'valkey-server', args: ['--bind', podIP] },
  memcached: { programs: ['memcached'], package: 'memcached', args: ['-l', podIP, '-u', 'nobody'] },
  nginx: { programs: ['nginx'], package: 'nginx-light', args: ['-g', 'daemon off;'] },
  haproxy: {
    programs: ['haproxy'],
    package: 'haproxy',
    args: ['-f', '/usr/local/etc/haproxy/haproxy.cfg'],
  },
  mariadb: {
    programs: ['mariadbd', 'mysqld'],
    package: 'mariadb-server',
    args: [`--bind-address=${podIP}`],
  },
  mysql: {
    programs: ['mysqld', 'mariadbd'],
    package: 'default-mysql-server',
    args: [`--bind-address=${podIP}`],
  },
  postgres: { programs: ['postgres'], package: 'postgresql', args: ['-h', podIP] },
  rabbitmq: { programs: ['rabbitmq-server'], package: 'rabbitmq-server' },
  nats: { programs: ['nats-server'], package: 'nats-server', args: ['--addr', podIP] },
  etcd: { programs: ['etcd'], package: 'etcd-server' },
  prometheus: { programs: ['prometheus'], package: 'prometheus' },
  registry: { programs: ['docker-registry'], package: 'docker-registry' },
  node: { programs: ['node'], package: 'nodejs' },
  python: { programs: ['python3'], package: 'python3' },
  golang: { programs: ['go'], package: 'golang-go' },
  busybox: { programs: ['sh'], package: 'dash' },
  alpine: { programs: ['sh'], package: 'dash' },
  debian: shell,
  ubuntu: shell,
  bash: { programs: ['bash'], package: 'bash' },
};

/** Images by `extra`, then by a table of well-known ones, then by a program of the image's own name on the path. */
export function standardCatalogue(options: CatalogueOptions): Catalogue {
  return {
    async resolve(image) {
      const repository = repositoryOf(image);
      const extra = options.extra;
      if (extra && Object.hasOwn(extra, repository)) {
        const program = extra[repository];
        if (program) return program;
      }
      const name = repository.slice(repository.lastIndexOf('/') + 1);
      const known = Object.hasOwn(knownPrograms, name) ? knownPrograms[name] : undefined;
      for (const program of known?.programs ?? [name]) {
        const found = await findProgram(program, options.path);
        if (!found) continue;
        return { command: [found], ...(known?.args ? { args: known.args } : {}) };
      }
      return missing(image, known, name);
    },
  };
}

function missing(image: string, known: KnownProgram | undefined, name: string): MissingProgram {
  if (known) {
    return { missing: known.programs.join(' or '), hint: `apt-get install ${known.package}` };
  }
  return {
    missing: name,
    hint: `no program is known for image ${image}; put one named "${name}" on the path`,
  };
}

/** The image name without tag and digest. */
export function repositoryOf(image: string): string {
  const undigested = image.split('@')[0] ?? '';
  const colon = undigested.lastIndexOf(':');
  return colon > undigested.lastIndexOf('/') ? undigested.slice(0, colon) : undigested;
}

/** The absolute path of an executable; a name with a slash is not searched for. */
export async function findProgram(name: string, path: string): Promise<string | undefined> {
  if (name.includes('/')) return (await isExecutable(name)) ? name : undefined;
  for (const directory of path.split(':')) {
    if (!isAbsolute(directory)) continue;
    const candidate = join(directory, name);
    if (await isExecutable(candidate)) return candidate;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
