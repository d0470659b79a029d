// `tweendeck logs`: the log of a pod's container, as it is.

import type { Invocation } from '../command-line.ts';
import { connect } from '../connection.ts';

export async function run({ world, options, operands }: Invocation): Promise<number> {
  const [operand = ''] = operands;
  const name = operand.replace(/^pods?\//, '');
  const container = options.text('container');
  const tailLines = options.integer('tail', { min: 0, max: 1e9 });
  const sinceSeconds = options.integer('since', { min: 1, max: 1e9 });
  await using connection = await connect(world, options);
  const bytes = connection.client.logs(
    { name, namespace: connection.namespace },
    {
      ...(container === undefined ? {} : { container }),
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
      follow: options.flag('follow'),
      previous: options.flag('previous'),
      timestamps: options.flag('timestamps'),
    },
    world.signal,
  );
  for await (const chunk of bytes) await world.writeBytes(chunk);
  return 0;
}
