// Finds the programs of a lab, and says in one message all that is missing and how to get it.

import { join } from 'node:path';
import { type Companion, companions, locate } from '../../../tools/kubernetes/companions.ts';
import {
  binaryDirectory,
  installCommand,
  isBuilt,
  pinnedRelease,
} from '../../../tools/kubernetes/release.ts';

const controlPlanePrograms = ['kube-controller-manager', 'kube-scheduler'] as const;
const nodePrograms = ['kubelet', 'kube-proxy'] as const;

export type BuiltProgram =
  | 'kube-apiserver'
  | (typeof controlPlanePrograms)[number]
  | (typeof nodePrograms)[number];

export interface Programs {
  /** The path of a program that was built. */
  built(name: BuiltProgram): string;
  /** The path of a program of the system. */
  system(command: string): string;
}

/** The programs of a release for a control plane or a whole cluster. Throws naming every one that is missing. */
export function findPrograms(
  release: string,
  { purpose }: { readonly purpose: Companion['wantedBy'] },
): Programs {
  const own: readonly BuiltProgram[] =
    release === pinnedRelease
      ? ['kube-apiserver', ...controlPlanePrograms, ...(purpose === 'cluster' ? nodePrograms : [])]
      : ['kube-apiserver'];
  const unbuilt = own.filter((name) => !isBuilt(release, name));
  const wanted = companions.filter(
    ({ wantedBy }) => wantedBy !== 'cluster' || purpose === 'cluster',
  );
  const missing = wanted.filter(({ command }) => locate(command) === undefined);
  if (unbuilt.length > 0 || missing.length > 0) {
    throw new Error(missingText(release, unbuilt, missing));
  }
  return {
    built: (name) => join(binaryDirectory(release), name),
    system(command) {
      const path = locate(command);
      if (path === undefined) throw new Error(`${command} is not there any more`);
      return path;
    },
  };
}

function missingText(
  release: string,
  unbuilt: readonly string[],
  missing: readonly Companion[],
): string {
  const lines = [
    ...unbuilt.map((name) => `${name} of Kubernetes ${release} is not built`),
    ...missing.map(
      (one) => `${one.command} is missing: ${one.purpose} (Debian: ${one.debianPackage})`,
    ),
  ];
  const command =
    release === pinnedRelease
      ? installCommand
      : `npm run kubernetes:build -- --release=${release} --only=kube-apiserver`;
  return `the lab cannot start:\n  ${lines.join('\n  ')}\nGet it with: ${command}`;
}
