// Replicas asked one by one, past Service and entry: what each of them has of an asset.

import type { Pod } from '@tweendeck/kube';
import { EditorClient, type UnityEntry, type UnityFiles } from '../unity-clients.ts';
import type { Stage } from './stage.ts';

const cachePort = 8_126;

/** Replicas that serve and stay. */
export async function readyReplicas(stage: Stage, name: string): Promise<readonly Pod[]> {
  return (await stage.pods(name)).filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined &&
      (status?.conditions ?? []).some(({ type, status: held }) => {
        return type === 'Ready' && held === 'True';
      }),
  );
}

/** What those have of it that answer: one that is just going answers nobody. */
export async function askReplicas(
  stage: Stage,
  name: string,
  entry: UnityEntry,
): Promise<readonly { readonly pod: string; readonly files: UnityFiles }[]> {
  const answers: { pod: string; files: UnityFiles }[] = [];
  for (const { status, metadata } of await readyReplicas(stage, name)) {
    const files = await askReplica(status?.podIP ?? '', entry);
    if (files !== undefined) answers.push({ pod: metadata.name, files });
  }
  return answers;
}

async function askReplica(host: string, entry: UnityEntry): Promise<UnityFiles | undefined> {
  const reader = await EditorClient.connect(host, cachePort).catch(() => undefined);
  if (reader === undefined) return undefined;
  try {
    return await reader.find(entry);
  } catch (error) {
    if (reader.closed) return undefined;
    throw error;
  } finally {
    reader.close();
  }
}
