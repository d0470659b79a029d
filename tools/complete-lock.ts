// Completes package-lock.json with the optional packages of other platforms: `npm run lock`.
// A lock that was made where the registry holds only some platforms' packages lacks the rest, and `npm ci` then refuses
// it everywhere. What is added says for which platform a package is; npm leaves it out on all others.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './repository.ts';

interface Entry {
  readonly version?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly [field: string]: unknown;
}

const systems = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const processors = [
  'arm64',
  'arm',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'wasm32',
  'x64',
];

/** The platform that a package's name tells; undefined when it tells none. */
function platformOf(name: string): Readonly<Record<string, readonly string[]>> | undefined {
  const words = name.split(/[/-]/);
  const os = systems.filter((system) => words.includes(system));
  const cpu = processors.filter((processor) => words.includes(processor));
  const musl = words.some((word) => word.startsWith('musl'));
  const glibc = words.some((word) => word.startsWith('gnu'));
  if (cpu.length === 0) return undefined;
  const libc = musl ? { libc: ['musl'] } : glibc ? { libc: ['glibc'] } : {};
  return { cpu, ...(os.length > 0 ? { os } : {}), ...libc };
}

const path = join(root, 'package-lock.json');
const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages: Record<string, Entry> };
const added: string[] = [];
for (const [place, entry] of Object.entries(lock.packages)) {
  if (place === '' || !place.includes('node_modules/')) continue;
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const target = `node_modules/${name}`;
    const platform = platformOf(name);
    if (target in lock.packages || !platform || !/^\d/.test(version)) continue;
    lock.packages[target] = { version, optional: true, dev: true, ...platform };
    added.push(name);
  }
}
lock.packages = Object.fromEntries(
  Object.entries(lock.packages).sort(([left], [right]) =>
    left < right ? -1 : left > right ? 1 : 0,
  ),
);
writeFileSync(path, `${JSON.stringify(lock, undefined, 2)}\n`);
process.stdout.write(`package-lock.json: ${added.length} packages of other platforms added\n`);
