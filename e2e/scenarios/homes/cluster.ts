// What the homes on a real Kubernetes share: the chart, and the command lines.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { ControlPlane } from '../../kubernetes/lab/index.ts';
import { runProgram } from '../../support/kubectl.ts';
import type { ScenarioHome } from '../scenario-home.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const program = join(root, 'apps', 'tweendeck', 'bin', 'tweendeck.cjs');

/** Installs the chart with these values as a person would, and waits until it is up. */
export async function installChart(plane: ControlPlane, values: readonly string[]): Promise<void> {
  const installed = await plane.helm(4, [
    ...['install', 'tweendeck', join(root, 'charts', 'tweendeck')],
    ...['--namespace', 'tweendeck-system', '--create-namespace', '--wait', '--timeout=3m'],
    ...values.flatMap((value) => ['--set', value]),
  ]);
  assert.equal(installed.code, 0, installed.stderr);
}

/** kubectl and the platform's own command line, as the administrator of this cluster. */
export function ownCommands(
  plane: ControlPlane,
  home: string,
): Pick<ScenarioHome, 'kubectl' | 'tweendeck'> {
  const environment = { KUBECONFIG: plane.kubeconfig, HOME: home };
  return {
    kubectl: (args, input) => plane.kubectl('1.35', args, input),
    tweendeck: (args, input) =>
      runProgram(process.execPath, [program, ...args], {
        environment,
        timeoutMs: 180_000,
        ...(input === undefined ? {} : { input }),
      }),
  };
}
