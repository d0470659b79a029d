// The structures that a file of Go declares, as far as their JSON goes: read from the sources of the pinned release.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { moduleDirectory, pinnedRelease } from '../kubernetes/release.ts';

export interface GoField {
  /** Empty for an embedded structure. */
  readonly name: string;
  readonly type: string;
  /** As its tag has it; undefined without one. */
  readonly json: string | undefined;
  readonly omitsEmpty: boolean;
}

export interface GoSource {
  readonly structs: ReadonlyMap<string, readonly GoField[]>;
  /** Types that have another's form. */
  readonly aliases: ReadonlyMap<string, string>;
}

/** `module` as go.mod names it, `file` within it. */
export function goSource(module: string, file: string): GoSource {
  const found = spawnSync('go', ['list', '-m', '-f', '{{.Dir}}', module], {
    cwd: moduleDirectory(pinnedRelease),
    encoding: 'utf8',
  });
  if (found.status !== 0) throw new Error(`go list -m ${module}: ${found.stderr}`);
  const text = readFileSync(join(found.stdout.trim(), file), 'utf8').replace(/\/\/.*$/gm, '');
  const structs = [...text.matchAll(/^type (\w+) struct \{\n([\s\S]*?)^\}/gm)];
  const aliases = [...text.matchAll(/^type (\w+) ((?:map\[\w+\])?[\w.]+)$/gm)];
  return {
    structs: new Map(structs.map(([, name = '', body = '']) => [name, fieldsOf(body)])),
    aliases: new Map(aliases.map(([, name = '', form = '']) => [name, form])),
  };
}

function fieldsOf(body: string): readonly GoField[] {
  return body.split('\n').flatMap((line): readonly GoField[] => {
    const [declared = '', tag = ''] = line.split('`');
    const [first, second] = declared.trim().split(/\s+/);
    if (!first) return [];
    const [json, ...options] = (/json:"([^"]*)"/.exec(tag)?.[1] ?? '').split(',');
    return [
      {
        name: second === undefined ? '' : first,
        type: second ?? first,
        json: json || undefined,
        omitsEmpty: options.includes('omitempty'),
      },
    ];
  });
}
