// A test that opens a lab and never gets further: says where the lab lies, then waits to be killed.

import { cluster, controlPlane } from './index.ts';

const [, , what, image] = process.argv;
await using lab =
  what === 'cluster'
    ? await cluster({ nodes: 2, ...(image === undefined ? {} : { images: [image] }) })
    : await controlPlane();
process.stdout.write(`${JSON.stringify({ directory: lab.directory })}\n`);
await new Promise((resolve) => process.stdin.once('end', resolve).resume());
