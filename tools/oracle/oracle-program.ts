// The oracle's program, beside the programs of the real Kubernetes that its libraries belong to.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureGoProgram } from '../go-program.ts';

const module = join(import.meta.dirname, 'program');

/** The path of the program; builds it first if need be. Throws an Error that says what is missing. */
export function ensureOracle(): string {
  const cache = join('kubernetes', `${pinnedVersion()}-${process.platform}-${process.arch}`);
  return ensureGoProgram({ name: 'oracle', module, cache, effort: 'a minute or two when cold' });
}

/** The Kubernetes release that the libraries belong to: `v1.34.4` for `v0.34.4`. */
function pinnedVersion(): string {
  const text = readFileSync(join(module, 'go.mod'), 'utf8');
  const found = /^\tk8s\.io\/apimachinery v0\.(\S+)/m.exec(text)?.[1];
  if (found === undefined) throw new Error('go.mod requires no k8s.io/apimachinery');
  return `v1.${found}`;
}
