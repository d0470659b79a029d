// `tweendeck kubeconfig`: how other clients reach the embedded home.

import type { Invocation } from '../command-line.ts';
import { readKubeconfig } from '../connection.ts';
import { homeDirectory } from '../home/home-directory.ts';

export async function run({ world, options }: Invocation): Promise<number> {
  const home = homeDirectory(options.text('data-dir'), world.environment, world.homeDirectory);
  const text = await readKubeconfig(home.kubeconfig);
  world.write(options.flag('path') ? home.kubeconfig : text.trimEnd());
  return 0;
}
