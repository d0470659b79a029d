// Reads long YAML on a thread, so that others are answered meanwhile.

import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { readYaml, type YamlFindings } from './read-yaml.ts';

/** Of the thread; a text that needs more is refused. */
const resourceLimits = {
  maxOldGenerationSizeMb: 512,
  maxYoungGenerationSizeMb: 32,
  stackSizeMb: 4,
};

export async function readYamlOnThread(text: string): Promise<YamlFindings> {
  const { promise, resolve } = Promise.withResolvers<YamlFindings>();
  const tooMuch: YamlFindings = { problem: 'yaml: the document takes too much memory' };
  const worker = new Worker(new URL(import.meta.url), {
    workerData: text,
    resourceLimits,
    execArgv: [],
  });
  worker.once('message', resolve);
  worker.once('error', () => resolve(tooMuch));
  worker.once('exit', () => resolve(tooMuch));
  const found = await promise;
  await worker.terminate();
  return found;
}

if (!isMainThread) parentPort?.postMessage(readYaml(String(workerData)));
