// Images of programs that Debian has installed on this machine: redis, memcached, nginx and busybox, as small as they run.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { LayerEntry } from '@tweendeck/oci';
import { baseEntries, nonroot, ownedDirectory, type Recipe, searchPath } from './recipe.ts';
import { libraryEntries, uniqueEntries } from './shared-libraries.ts';

interface InstalledProgram {
  readonly path: string;
  readonly debianPackage: string;
}

const redisServer = { path: '/usr/bin/redis-server', debianPackage: 'redis-server' } as const;
const redisClient = { path: '/usr/bin/redis-cli', debianPackage: 'redis-tools' } as const;
const memcached = { path: '/usr/bin/memcached', debianPackage: 'memcached' } as const;
const nginx = { path: '/usr/sbin/nginx', debianPackage: 'nginx-light' } as const;
const nginxStream = {
  path: '/usr/lib/nginx/modules/ngx_stream_module.so',
  debianPackage: 'libnginx-mod-stream',
} as const;
const busybox = { path: '/bin/busybox', debianPackage: 'busybox-static' } as const;

const neededBy: Readonly<Record<string, readonly InstalledProgram[]>> = {
  redis: [redisServer, redisClient],
  memcached: [memcached],
  nginx: [nginx],
  entry: [nginx, nginxStream],
  busybox: [busybox],
};

/** Debian packages that these images are made of and that are not installed here. */
export function missingPackages(imageNames: readonly string[]): readonly string[] {
  return imageNames
    .flatMap((name) => neededBy[name] ?? [])
    .filter(({ path }) => !existsSync(path))
    .map(({ debianPackage }) => debianPackage);
}

/** A cache without disk; arguments are those of redis-server. Data goes to /data when `--save` or `--appendonly` says so. */
export function redisRecipe(): Recipe {
  return {
    names: namesOf('redis', redisServer),
    layers: [
      {
        what: 'redis',
        entries: [...baseEntries(), ...programs(redisServer, redisClient), ownedDirectory('/data')],
      },
    ],
    defaults: {
      user: nonroot.user,
      entrypoint: [redisServer.path],
      // Pods are reached from other addresses, which a server without password refuses unless told otherwise.
      command: ['--protected-mode', 'no', '--save', ''],
      workingDirectory: '/data',
      env: { PATH: searchPath },
      exposedPorts: ['6379/tcp'],
      volumes: ['/data'],
    },
  };
}

/** Arguments are those of memcached. */
export function memcachedRecipe(): Recipe {
  return {
    names: namesOf('memcached', memcached),
    layers: [{ what: 'memcached', entries: [...baseEntries(), ...programs(memcached)] }],
    defaults: {
      user: nonroot.user,
      entrypoint: [memcached.path],
      workingDirectory: '/',
      env: { PATH: searchPath },
      exposedPorts: ['11211/tcp'],
    },
  };
}

/** Serves /usr/share/nginx/html on port 8080 until /etc/nginx/conf.d says otherwise; writes below /tmp only. */
export function nginxRecipe(): Recipe {
  return {
    names: namesOf('nginx', nginx),
    layers: [{ what: 'nginx', entries: [...baseEntries(), ...programs(nginx), ...nginxFiles()] }],
    defaults: {
      user: nonroot.user,
      entrypoint: [nginx.path, '-e', '/dev/stderr', '-g', 'daemon off;'],
      workingDirectory: '/',
      env: { PATH: searchPath },
      exposedPorts: ['8080/tcp'],
      volumes: ['/tmp'],
      stopSignal: 'SIGQUIT',
    },
  };
}

/** nginx with its stream module, for an image whose own program keeps it. */
export function nginxStreamEntries(): readonly LayerEntry[] {
  return programs(nginx, nginxStream);
}

const nginxConfiguration = `worker_processes 1;
pid /tmp/nginx.pid;
events { worker_connections 512; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout;
  client_body_temp_path /tmp/nginx-body;
  proxy_temp_path /tmp/nginx-proxy;
  fastcgi_temp_path /tmp/nginx-fastcgi;
  uwsgi_temp_path /tmp/nginx-uwsgi;
  scgi_temp_path /tmp/nginx-scgi;
  sendfile on;
  include /etc/nginx/conf.d/*.conf;
}
`;

const nginxServer = `server {
  listen 8080;
  root /usr/share/nginx/html;
}
`;

function nginxFiles(): readonly LayerEntry[] {
  return [
    { kind: 'file', path: '/etc/nginx/nginx.conf', content: nginxConfiguration },
    { kind: 'file', path: '/etc/nginx/conf.d/default.conf', content: nginxServer },
    { kind: 'file', path: '/etc/nginx/mime.types', content: { file: '/etc/nginx/mime.types' } },
    {
      kind: 'file',
      path: '/usr/share/nginx/html/index.html',
      content: '<!doctype html><title>nginx</title><p>nginx is running.\n',
    },
    ownedDirectory('/var/log/nginx'), // looked at before the configuration is read
    ownedDirectory('/var/lib/nginx'),
  ];
}

/** A shell and the usual small tools, for looking around and for tests inside pods. */
export function busyboxRecipe(): Recipe {
  const entries = programs(busybox);
  if (entries.length > 1) {
    throw new Error(`${busybox.path} is not static: apt-get install ${busybox.debianPackage}`);
  }
  return {
    names: namesOf('busybox', busybox),
    layers: [{ what: 'busybox', entries: [...baseEntries(), ...entries, ...applets()] }],
    defaults: {
      user: nonroot.user,
      command: ['/bin/sh'],
      workingDirectory: '/',
      env: { PATH: searchPath },
    },
  };
}

/** Each tool is a link: `busybox` does what it is called by. */
function applets(): readonly LayerEntry[] {
  const { stdout } = spawnSync(busybox.path, ['--list-full'], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .filter((path) => path !== '' && `/${path}` !== busybox.path)
    .map((path) => ({ kind: 'symlink', path: `/${path}`, target: busybox.path }));
}

/** The programs and the libraries that they share. Throws when one is not installed. */
function programs(...installed: readonly InstalledProgram[]): readonly LayerEntry[] {
  return uniqueEntries(
    installed.flatMap(({ path, debianPackage }): readonly LayerEntry[] => {
      if (!existsSync(path)) {
        throw new Error(`${path} is not on this machine: apt-get install ${debianPackage}`);
      }
      return [
        { kind: 'file', path, mode: 0o755, content: { file: path } },
        ...libraryEntries(path),
      ];
    }),
  );
}

/** With the version that Debian ships, and with its first number. */
function namesOf(name: string, { path, debianPackage }: InstalledProgram): readonly string[] {
  const owner = dpkgQuery('--search', path).replace(/: .*$/s, '');
  const version = upstreamVersion(dpkgQuery('--show', '--showformat=\u0024{Version}', owner));
  if (version === '') {
    throw new Error(`${path} is not Debian's: apt-get install ${debianPackage}`);
  }
  return [`tweendeck.io/${name}:${version}`, `tweendeck.io/${name}:${version.split('.')[0]}`];
}

/** Empty when there is no answer. */
function dpkgQuery(...args: readonly string[]): string {
  const { stdout, status } = spawnSync('dpkg-query', args, { encoding: 'utf8' });
  return status === 0 ? stdout : '';
}

/** `5:7.0.15-1~deb12u10` is 7.0.15. */
export function upstreamVersion(debianVersion: string): string {
  return debianVersion.replace(/^\d+:/, '').replace(/[-+~].*$/, '');
}
