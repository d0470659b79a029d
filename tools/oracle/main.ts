// `npm run oracle -- AREA`: gives our code and upstream's libraries the same generated input, and compares the answers.

import { parseArgs } from 'node:util';
import { celComparison } from './cel.ts';
import { type Comparison, compare } from './compare.ts';
import { compareLive, type LiveArea } from './live.ts';
import { Oracle } from './oracle.ts';
import { patchComparisons } from './patch.ts';
import { type Outcome, record } from './record.ts';
import { schemaComparisons } from './schema.ts';
import { ssaComparison } from './ssa.ts';
import { patternComparisons, quantityComparisons, selectorComparisons } from './texts.ts';

const areas: Readonly<Record<string, (seed: number) => readonly unknown[]>> = {
  ssa: (seed) => [ssaComparison(seed)],
  patch: () => patchComparisons,
  selectors: () => selectorComparisons,
  quantities: () => quantityComparisons,
  patterns: () => patternComparisons,
  schema: () => schemaComparisons,
  cel: () => [celComparison],
};

/** What needs a real server, and runs alone. */
const live: readonly LiveArea[] = ['live', 'scale', 'versions'];

const usage = `npm run oracle -- ${[...Object.keys(areas), 'all', ...live].join('|')} [--sequences N] [--seed S] [--differences N] [--write]

Compares our code with upstream's Kubernetes libraries, on generated input. Ends with 1 when they differ.
  --sequences    how many cases of each comparison (1,000)
  --seed         one seed, one set of cases (1)
  --differences  how many to show, each made small (1)
  --write        add what was compared to the table in tools/oracle/README.md

\`live\` sends histories to our API server and to a real kube-apiserver, in a lab of e2e/kubernetes; so does \`scale\`,
with the subresource of that name among the requests, and \`versions\`, which reads every object in each of its versions.
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sequences: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    differences: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const chosen = positionals.flatMap((name) => (name === 'all' ? Object.keys(areas) : [name]));
if (
  values.help ||
  chosen.length === 0 ||
  chosen.some((name) => !(name in areas || live.some((area) => area === name)))
) {
  process.stdout.write(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  process.exitCode = await run(chosen);
}

async function run(names: readonly string[]): Promise<number> {
  const seed = Number(values.seed);
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const [count, differencesMax] = [Number(values.sequences), Number(values.differences)];
  const alive = live.find((area) => names.includes(area));
  if (alive) {
    const outcome = await compareLive({ count, seed, area: alive, differencesMax, write });
    keep({ comparison: alive, seed, ...outcome });
    return outcome.differences === 0 ? 0 : 1;
  }
  await using oracle = Oracle.start();
  let differences = 0;
  for (const name of names) {
    for (const comparison of areas[name]?.(seed) ?? []) {
      const begunMs = performance.now();
      const options = {
        count,
        seed,
        write,
        differencesMax,
      };
      const each = comparison as Comparison<unknown>; // its cases go from itself to itself
      const { equal, different } = await compare(each, oracle, options);
      const seconds = ((performance.now() - begunMs) / 1_000).toFixed(1);
      const verdict = different === 0 ? 'all equal' : `${different} DIFFER`;
      write(
        `${each.name.padEnd(18)} ${equal + different} cases, ${verdict}, ${seconds} s (seed ${seed})`,
      );
      keep({ comparison: each.name, seed, cases: equal + different, differences: different });
      differences += different;
    }
  }
  return differences === 0 ? 0 : 1;
}

function keep(outcome: Outcome): void {
  if (values.write) record(new Date().toISOString().slice(0, 10), outcome);
}
