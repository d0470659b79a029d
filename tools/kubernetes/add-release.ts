// `node tools/kubernetes/add-release.ts v1.36.3`: writes the Go module that builds a further release, from upstream's own.
// Its `staging` replaces become module versions (v1.36.3 belongs to v0.36.3). Of a further release only the API server
// is built: it is what clients meet.

import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { furtherPrograms } from './release.ts';

const upstream = 'k8s.io/kubernetes';

function go(directory: string, args: readonly string[], flags = ''): string {
  return execFileSync('go', args, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, GOFLAGS: flags, GOWORK: 'off' },
  });
}

/** Upstream's go.mod, turned into one that requires upstream. */
function moduleText(version: string, upstreamText: string): string {
  const header = upstreamText.match(/^(go|godebug) .*$/gm) ?? [];
  const staged = [...upstreamText.matchAll(/^\s*(\S+) => \.\/staging\//gm)].map(([, name]) => name);
  const staging = version.replace(/^v1\./, 'v0.');
  return [
    `module tweendeck.io/kubernetes/${version.split('.').slice(0, 2).join('.').slice(1)}`,
    ...header,
    `require ${upstream} ${version}`,
    ...furtherPrograms.map((name) => `tool ${upstream}/cmd/${name}`),
    'replace (',
    ...staged.map((name) => `\t${name} => ${name} ${staging}`),
    ')\n',
  ].join('\n\n');
}

function addRelease(version: string): string {
  const release = version.slice(1).split('.').slice(0, 2).join('.');
  const target = join(import.meta.dirname, 'releases', release);
  const fresh = mkdtempSync(join(tmpdir(), 'tweendeck-release-'));
  try {
    const facts: unknown = JSON.parse(
      go(fresh, ['mod', 'download', '-json', `${upstream}@${version}`]),
    );
    const source = (facts as { readonly Dir: string }).Dir; // as `go help mod download` says
    writeFileSync(
      join(fresh, 'go.mod'),
      moduleText(version, readFileSync(join(source, 'go.mod'), 'utf8')),
    );
    cpSync(join(source, 'go.sum'), join(fresh, 'go.sum'));
    // Tests of dependencies may want modules that nobody offers any more; what is built must be complete.
    go(fresh, ['mod', 'tidy', '-e'], '-mod=mod');
    go(fresh, ['list', '-deps', ...furtherPrograms.map((name) => `${upstream}/cmd/${name}`)]);
    rmSync(target, { recursive: true, force: true });
    mkdirSync(target, { recursive: true });
    for (const name of ['go.mod', 'go.sum']) {
      writeFileSync(join(target, name), readFileSync(join(fresh, name)));
    }
    return target;
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
}

const [, , version = ''] = process.argv;
if (/^v1\.\d+\.\d+$/.test(version)) {
  process.stdout.write(`written: ${addRelease(version)}\n`);
} else {
  process.stderr.write('usage: node tools/kubernetes/add-release.ts v1.36.3\n');
  process.exitCode = 2;
}
