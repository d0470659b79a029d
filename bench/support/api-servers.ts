// The servers that are held against each other: ours, and kube-apiserver with etcd.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseKubeconfig } from '@tweendeck/client';
import { controlPlane } from '../../e2e/kubernetes/lab/index.ts';
import type { Endpoint } from './load.ts';

export interface ApiServerUnderLoad extends AsyncDisposable {
  readonly endpoint: Endpoint;
  /** From its start on an empty disk until it serves. */
  readonly readySeconds: number;
  /** Resident memory of all its processes now, in bytes. */
  memory(): number;
  /** The longest that its event loop stood still since the last call, in milliseconds; undefined where there is none. */
  stallMs(): Promise<number | undefined>;
}

/** Started as `npm start` starts the program: after a first start its code is there compiled. */
export async function openOurs(signal: AbortSignal): Promise<ApiServerUnderLoad> {
  const compiled = join(homedir(), '.cache', 'tweendeck', 'bench', 'compiled');
  await (await startOurs(compiled, signal))[Symbol.asyncDispose](); // writes them as it ends
  return startOurs(compiled, signal);
}

async function startOurs(compiled: string, signal: AbortSignal): Promise<ApiServerUnderLoad> {
  const directory = mkdtempSync(join(tmpdir(), 'apiserver-bench-'));
  const begun = performance.now();
  const child = fork(join(import.meta.dirname, 'api-server-process.ts'), [directory], {
    execArgv: ['--max-semi-space-size=2'],
    env: { ...process.env, NODE_COMPILE_CACHE: compiled },
  });
  const exited = once(child, 'exit');
  const [endpoint] = await once(child, 'message', { signal });
  const readySeconds = (performance.now() - begun) / 1_000;
  const pid = child.pid ?? 0;
  return {
    endpoint,
    readySeconds,
    memory: () => residentBytes(pid),
    async stallMs() {
      child.send('stall');
      const [stall] = await once(child, 'message', { signal });
      return Number(stall);
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect();
      await exited;
      rmSync(directory, { recursive: true });
    },
  };
}

/** kube-apiserver and etcd; `durable` says whether etcd waits for the disk. */
export async function openUpstream(durable: boolean): Promise<ApiServerUnderLoad> {
  const begun = performance.now();
  const plane = await controlPlane({ controllerManager: false, scheduler: false, durable });
  const readySeconds = (performance.now() - begun) / 1_000;
  const readFile = (path: string): string => readFileSync(path, 'utf8');
  const { server, ca, clientCertificate, clientKey } = parseKubeconfig(readFile(plane.kubeconfig), {
    readFile,
  });
  if (!ca || !clientCertificate || !clientKey)
    throw new Error('the kubeconfig has no certificates');
  return {
    endpoint: { address: server, ca, cert: clientCertificate, key: clientKey },
    readySeconds,
    memory: () =>
      processesBelow(plane.directory)
        .map(residentBytes)
        .reduce((a, b) => a + b, 0),
    stallMs: async () => undefined,
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}

/** etcd and kube-apiserver of the lab that lies in this directory, by their command lines. */
function processesBelow(directory: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const [program = '', ...args] = readProc(pid, 'cmdline').split('\0');
      return (
        /\/(etcd|kube-apiserver)$/.test(program) && args.some((arg) => arg.includes(directory))
      );
    });
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, 'status'))?.[1] ?? 0) * 1024;
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // ended meanwhile
  }
}
