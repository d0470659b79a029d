// The servers that clients are held against: a real Kubernetes of the lab, and the embedded home as a process.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { silentLogger } from '@tweendeck/std';
import { openSqliteStore } from '@tweendeck/store';
import { parse } from 'yaml';
import { buildImages } from '../../tools/images/images.ts';
import { type ControlPlane, cluster, controlPlane } from '../kubernetes/lab/index.ts';
import { freePort, TestHome } from '../support/home.ts';

export interface ClientServer extends AsyncDisposable {
  readonly kubeconfig: string;
  /** What clients may ask their caller to do to the server. */
  readonly deeds: Readonly<Record<string, () => Promise<void>>>;
}

/** Without nodes. */
export async function realControlPlane(): Promise<ClientServer> {
  return ofLab(await controlPlane());
}

/** With a node that runs containers, which has the image of {@link podImage}. Needs root. */
export async function realCluster(): Promise<ClientServer> {
  const { layout } = await busybox();
  return ofLab(await cluster({ nodes: 1, images: [layout] }));
}

/** The image that the clients' pods run; in the embedded home it is this machine's busybox. */
export async function podImage(): Promise<string> {
  return (await busybox()).name;
}

async function busybox(): Promise<{ readonly layout: string; readonly name: string }> {
  const [built] = await buildImages(['busybox']);
  const name = built?.image.names[0];
  if (!built || name === undefined) throw new Error('the image busybox has no name');
  return { layout: built.layout, name };
}

function ofLab(plane: ControlPlane): ClientServer {
  return {
    kubeconfig: plane.kubeconfig,
    deeds: { restart: () => plane.restartApiServer(), compact: () => plane.compact() },
    [Symbol.asyncDispose]: () => plane[Symbol.asyncDispose](),
  };
}

/** The home keeps its port over restarts, as clients keep their kubeconfig. */
export async function embeddedHome(): Promise<ClientServer> {
  const port = await freePort();
  const home = await TestHome.open({ port });
  return {
    kubeconfig: home.kubeconfig,
    deeds: {
      async restart() {
        await home.stop('SIGKILL');
        await home.start({ port });
      },
      // What it does every five minutes, done while it is off.
      async compact() {
        await home.stop();
        await forgetPast(join(home.directory, 'state.db'));
        await home.start({ port });
      },
    },
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}

async function forgetPast(path: string): Promise<void> {
  const signal = new AbortController().signal;
  await using store = await openSqliteStore({ path, log: silentLogger }, signal);
  await store.compact(store.revision);
}

/** The host and port of a server, as it stands in what clients print. */
export function hostOf(kubeconfig: string): string {
  const file: unknown = parse(readFileSync(kubeconfig, 'utf8'));
  const server = /server"?: *"?(https:\/\/[^\s",]+)/.exec(JSON.stringify(file))?.[1];
  if (server === undefined) throw new Error(`${kubeconfig} names no server`);
  return new URL(server).host;
}
