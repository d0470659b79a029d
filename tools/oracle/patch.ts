// Compares the patch formats.

import {
  ApiError,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicPatch,
  componentSource,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { builtInComponents } from './built-in-components.ts';
import type { Comparison } from './compare.ts';
import { podSpecOf } from './deployment-cases.ts';
import type { Oracle } from './oracle.ts';
import type { Source } from './source.ts';
import { freeValue } from './typed-schema.ts';

type Fields = Record<string, unknown>;

interface PatchCase {
  readonly original: Fields;
  readonly patch: unknown;
}

/** Of all three formats. */
export const patchComparisons: readonly Comparison<PatchCase>[] = (
  [
    {
      name: 'strategic patch',
      agree,
      generate: strategicCase,
      theirs: async ({ original, patch }, oracle) => {
        await teachComponents(oracle);
        return said(
          await oracle.ask({ op: 'smp', components: 'built-in', schema: podSpec, original, patch }),
        );
      },
      ours: ({ original, patch }) =>
        answered(() => {
          const components = builtInComponents();
          const root = components[podSpec] ?? {};
          const schema = { root, source: componentSource(components) };
          return applyStrategicPatch(original, patch as Fields, schema);
        }),
    },
    {
      name: 'JSON patch',
      generate: jsonCase,
      theirs: async ({ original, patch }, oracle) =>
        said(await oracle.ask({ op: 'json-patch', original, patch })),
      ours: ({ original, patch }) => answered(() => applyJsonPatch(original, patch)),
    },
    {
      name: 'merge patch',
      generate: (source) => ({
        original: objectOf(source, 3),
        patch: objectOf(source, 3),
      }),
      theirs: async ({ original, patch }, oracle) =>
        said(await oracle.ask({ op: 'merge', original, patch })),
      ours: ({ original, patch }) => answered(() => applyMergePatch(original, patch as Fields)),
    },
  ] as readonly Comparison<PatchCase>[]
).map((each) => ({ agree: survives, ...each, isCase }));

function survives(_ours: unknown, theirs: unknown): boolean {
  return isJsonObject(theirs) && 'panic' in theirs;
}

/** Of strategic patches only that they fail is compared: upstream prints whole maps into its texts, in any order. */
function agree(ours: unknown, theirs: unknown): boolean {
  if (!isJsonObject(theirs) || 'panic' in theirs) return true;
  return isJsonObject(ours) && 'error' in theirs && 'error' in ours && !('thrown' in ours);
}

function isCase({ original, patch }: PatchCase): boolean {
  return isJsonObject(original) && patch !== undefined;
}

const podSpec = 'io.k8s.api.core.v1.PodSpec';

async function teachComponents(oracle: Oracle): Promise<void> {
  const register = { op: 'components', id: 'built-in', schemas: builtInComponents() };
  await oracle.teach('built-in', () => register);
}

/** What upstream's server survives by its last resort only is nothing to be like. */
function said(answer: unknown): unknown {
  return isJsonObject(answer) && 'panic' in answer ? { panic: true } : answer;
}

function answered(make: () => unknown): unknown {
  try {
    return { object: make() };
  } catch (error) {
    if (error instanceof ApiError)
      return { error: error.cause instanceof Error ? error.cause.message : error.message };
    throw error;
  }
}

function objectOf(source: Source, depth: number): Fields {
  return Object.fromEntries(
    source.some(['a', 'b', 'q', 'x']).map((name) => [name, freeValue(source, depth)]),
  );
}

function strategicCase(source: Source): PatchCase {
  const original = withoutNulls(podSpecOf(source, 0)) as Fields;
  const patch = podSpecOf(source, 0.05);
  const containers = (patch['containers'] ?? []) as Fields[];
  if (source.maybe(0.3)) containers.push({ name: source.pick(['a', 'b', 'z']), $patch: 'delete' });
  if (source.maybe(0.08))
    containers.push({ $patch: source.pick(['replace', 'delete', 'merge', 'x']) });
  if (source.maybe(0.5)) {
    const named = containers.filter(({ $patch }) => $patch === undefined).map(({ name }) => name);
    const order = [...new Set([...named, ...source.some(['a', 'b', 'c', 'd'], 0.4)])];
    if (source.maybe(0.2)) order.reverse();
    if (source.maybe(0.05)) order.pop();
    patch['$setElementOrder/containers'] = order.map((name) => ({ name }));
  }
  if (source.maybe(0.15)) {
    patch['$deleteFromPrimitiveList/x'] = ['a'];
  }
  for (const volume of (patch['volumes'] ?? []) as Fields[]) {
    if (source.maybe(0.3))
      volume['$retainKeys'] = source.maybe(0.8) ? Object.keys(volume) : ['name'];
  }
  const selector = patch['nodeSelector'] as Fields | undefined;
  if (selector && source.maybe(0.2))
    selector['$patch'] = source.pick(['replace', 'delete', 'merge', 'x']);
  if (source.maybe(0.05)) patch['$patch'] = source.pick(['replace', 'delete', 'merge']);
  if (source.maybe(0.1)) patch['$setElementOrder/tolerations'] = [{ key: 'a' }];
  if (source.maybe(0.05)) patch['containers'] = source.pick<unknown>([null, {}, 'x', [1], [{}]]);
  if (source.maybe(0.05))
    patch['nodeSelector'] = source.pick<unknown>([null, [], 'x', { a: null }]);
  for (const container of containers) {
    // Beside the list itself upstream's answer is a matter of chance.
    if (!('args' in container) && source.maybe(0.1))
      container['$deleteFromPrimitiveList/args'] = ['-a'];
    if (source.maybe(0.1)) container['$setElementOrder/env'] = [{ name: 'B' }, { name: 'A' }];
    if (source.maybe(0.1)) container['$setElementOrder/ports'] = [{ containerPort: 80 }];
  }
  return { original, patch };
}

function withoutNulls(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

const pointers = [
  '',
  '/',
  '/a',
  '/b',
  '/a/b',
  '/a/0',
  '/a/1',
  '/a/-',
  '/a/-1',
  '/a/00',
  '/q/a',
  '/x',
  '/a~1b',
  '/m~0n',
  'a',
  '/a/b/q',
  '/a/x',
  '/b/0/a',
];

function jsonCase(source: Source): PatchCase {
  const operations = source.many(4, () => {
    const op = source.pick([
      'add',
      'remove',
      'replace',
      'move',
      'copy',
      'test',
      'test',
      'add',
      'odd',
    ]);
    return {
      op,
      path: source.pick(pointers),
      ...(source.maybe(0.9) && ['move', 'copy'].includes(op)
        ? { from: source.pick(pointers) }
        : {}),
      ...(source.maybe(0.9) && ['add', 'replace', 'test', 'odd'].includes(op)
        ? { value: freeValue(source, 2) }
        : {}),
    };
  });
  const original = objectOf(source, 3);
  if (source.maybe(0.3)) original['a/b'] = 1;
  if (source.maybe(0.3)) original['m~n'] = [1];
  return { original, patch: source.maybe(0.03) ? freeValue(source, 1) : operations };
}
