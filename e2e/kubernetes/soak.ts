// `node e2e/kubernetes/soak.ts --runs=20`: opens and disposes clusters with running pods, one after the other, and prints
// what each had on this machine while it ran and what it left behind. Exits 1 when it left anything.

import { parseArgs } from 'node:util';
import { until } from '../support/home.ts';
import { footprint, machineState } from './lab/footprint.ts';
import { type Cluster, cluster } from './lab/index.ts';
import { pauseImage } from './lab/node-files.ts';

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20' },
    nodes: { type: 'string', default: '2' },
  },
});

interface Run {
  readonly readySeconds: number;
  readonly podsSeconds: number;
  readonly disposeSeconds: number;
  /** Kind of thing -> how many, while it ran. */
  readonly held: ReadonlyMap<string, number>;
  readonly left: readonly string[];
}

async function runOnce(nodes: number): Promise<Run> {
  const before = machineState();
  const startedMs = performance.now();
  const seconds = (): number => (performance.now() - startedMs) / 1_000;
  const lab = await cluster({ nodes });
  const readySeconds = seconds();
  let podsSeconds: number;
  let held: ReadonlyMap<string, number>;
  try {
    await runPods(lab, nodes);
    podsSeconds = seconds();
    held = countByKind(footprint(lab.directory));
  } finally {
    await lab[Symbol.asyncDispose]();
  }
  const changed = machineState().filter((line) => !before.includes(line));
  return {
    readySeconds,
    podsSeconds,
    disposeSeconds: seconds() - podsSeconds,
    held,
    left: [...footprint(lab.directory), ...changed],
  };
}

/** A pod on each node, running. */
async function runPods(lab: Cluster, nodes: number): Promise<void> {
  const labels = { app: 'soak' };
  const containers = [{ name: 'pause', image: pauseImage, imagePullPolicy: 'Never' }];
  const daemonSet = {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'soak' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers } },
    },
  };
  const applied = await lab.kubectl('1.35', ['apply', '-f', '-'], JSON.stringify(daemonSet));
  if (applied.code !== 0) throw new Error(applied.stderr);
  await until('the pods run', async () => {
    const args = ['get', 'daemonset', 'soak', '-o', 'jsonpath={.status.numberReady}'];
    return (await lab.kubectl('1.35', args)).stdout === String(nodes);
  });
}

function countByKind(lines: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const line of lines) {
    const [kind = ''] = line.split(' ');
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

say('run   ready    pods  disposed  held while it ran -> left behind');
let unclean = 0;
for (let run = 1; run <= Number(values.runs); run++) {
  const { readySeconds, podsSeconds, disposeSeconds, held, left } = await runOnce(
    Number(values.nodes),
  );
  const times = [readySeconds, podsSeconds, disposeSeconds].map((time) =>
    `${time.toFixed(1)} s`.padStart(7),
  );
  const things = [...held].map(([kind, count]) => `${count} ${kind}`).join(', ');
  say(`${String(run).padStart(3)} ${times.join(' ')}  ${things} -> ${left.length || 'nothing'}`);
  for (const line of left) say(`      left: ${line}`);
  if (left.length > 0) unclean++;
}
say(unclean === 0 ? 'every run left nothing behind' : `${unclean} runs left something behind`);
process.exitCode = unclean === 0 ? 0 : 1;
