// Finds the programs of a lab, and says in one message all that is missing and how to get it.

import { join } from 'node:path';
import { type Companion, companions, locate } from '../../../tools/kubernetes/companions.ts';
import {
  binaryDirectory,
  buildCommand,
  furtherPrograms,
  installCommand,
  isBuilt,
  pinnedRelease,
} from '../../../tools/kubernetes/release.ts';

const controlPlanePrograms = ['etcd', 'kube-controller-manager', 'kube-scheduler'] as const;
const nodePrograms = ['kubelet', 'kube-proxy'] as const;

type BuiltProgram =
  | 'kube-apiserver'
  | (typeof controlPlanePrograms)[number]
  | (typeof nodePrograms)[number];

export interface Programs {
  /** The path of a program that was built. */
  built(name: BuiltProgram): string;
  /** The path of a program of the system. */
  system(command: string): string;
}

/**
 * The programs for a control plane or a whole cluster. Of a further release it is the API server; what runs beside it is
 * of the pinned one. Throws naming every one that is missing.
 */
export function findPrograms(
  release: string,
  { purpose }: { readonly purpose: Companion['wantedBy'] },
): Programs {
  const wanted: readonly BuiltProgram[] = [
    'kube-apiserver',
    ...controlPlanePrograms,
    ...(purpose === 'cluster' ? nodePrograms : []),
  ];
  const releaseOf = (name: string): string =>
    furtherPrograms.includes(name) ? release : pinnedRelease;
  const unbuilt = wanted
    .filter((name) => !isBuilt(releaseOf(name), name))
    .map((name) => ({ name, release: releaseOf(name) }));
  const missing = companions.filter(
    ({ wantedBy, command }) =>
      (wantedBy !== 'cluster' || purpose === 'cluster') && locate(command) === undefined,
  );
  if (unbuilt.length > 0 || missing.length > 0) throw new Error(missingText(unbuilt, missing));
  return {
    built: (name) => join(binaryDirectory(releaseOf(name)), name),
    system(command) {
      const path = locate(command);
      if (path === undefined) throw new Error(`${command} is not there any more`);
      return path;
    },
  };
}

function missingText(
  unbuilt: readonly { readonly name: string; readonly release: string }[],
  missing: readonly Companion[],
): string {
  const lines = [
    ...unbuilt.map(({ name, release }) => `${name} of Kubernetes ${release} is not built`),
    ...missing.map(
      (one) => `${one.command} is missing: ${one.purpose} (Debian: ${one.debianPackage})`,
    ),
  ];
  const further = unbuilt.filter(({ release }) => release !== pinnedRelease);
  const commands = [
    ...(further.length < unbuilt.length || missing.length > 0 ? [installCommand] : []),
    ...new Set(further.map(({ release }) => `${buildCommand} -- --release=${release}`)),
  ];
  return `the lab cannot start:\n  ${lines.join('\n  ')}\nGet it with: ${commands.join(' and ')}`;
}
