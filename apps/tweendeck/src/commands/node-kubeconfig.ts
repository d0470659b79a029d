// `tweendeck node kubeconfig`: what an agent needs to join the embedded home as a node.

import type { Invocation } from '../command-line.ts';
import { homeDirectory } from '../home/home-directory.ts';
import { nodeKubeconfig } from '../home/node-credentials.ts';

export async function run({ world, operands, options }: Invocation): Promise<number> {
  const { clock, random } = world;
  const home = homeDirectory(options.text('data-dir'), world.environment, world.homeDirectory);
  const [nodeName = ''] = operands;
  const text = await nodeKubeconfig(home, { nodeName, clock, random }, world.signal);
  world.write(text.trimEnd());
  return 0;
}
