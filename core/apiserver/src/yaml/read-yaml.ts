// YAML as JSON, in bounded depth and in time that grows with the text alone. Runs on a thread of its own for long texts.

import { type Document, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { yamlProblem } from '../undecodable.ts';
import { depthMax, isDeep, tooDeep } from './json-depth.ts';

/** Whether entries of lists and maps begin within one another, `- - - a`, deeper than that. */
function isDeepInOneLine(text: string): boolean {
  let depth = 0;
  for (let position = 0; position < text.length; position++) {
    const code = text.charCodeAt(position);
    if (code === 0x2d || code === 0x3f || code === 0x3a) depth++;
    else if (code !== 0x20 && code !== 0x09) depth = 0;
    if (depth > depthMax) return !/[-?:]{2}/.test(text.slice(position - 2 * depthMax, position));
  }
  return false;
}

/** What a text holds, or what is wrong with it. */
export type YamlFindings =
  | {
      /** Undefined for an empty text. */
      readonly json: string | undefined;
      /** Keys written twice, as Go's library words them. */
      readonly duplicates: readonly string[];
    }
  | { readonly problem: string };

/** YAML 1.1, as Go's clients write it. Takes about a second for a megabyte. */
export function readYaml(text: string): YamlFindings {
  if (isDeep(text) || isDeepInOneLine(text)) return { problem: `yaml: ${tooDeep}` };
  const lineCounter = new LineCounter();
  // Its own search for repeated keys compares each with each.
  const options = { version: '1.1', merge: true, uniqueKeys: false, lineCounter } as const;
  const document = parseDocument(text, options);
  const [failure] = document.errors;
  if (failure?.message.startsWith('Maximum call stack')) {
    return { problem: `yaml: ${tooDeep}` };
  }
  if (failure) return { problem: yamlProblem(failure) };
  const duplicates = repeatedKeys(document).map((start) => {
    const [key = ''] = /^[^:]*/.exec(text.slice(start, start + keyLengthMax)) ?? [];
    return `line ${lineCounter.linePos(start).line}: key ${keyText(key.trim())} already set in map`;
  });
  const json = jsonOf(document);
  if (json === excessive) return { problem: 'yaml: document contains excessive aliasing' }; // as Go's library says it
  if (isDeep(json ?? '')) {
    return { problem: `yaml: ${tooDeep}` };
  }
  return { json, duplicates };
}

/** Longer keys are told in part. */
const keyLengthMax = 1_024;

const excessive: unique symbol = Symbol('excessive aliasing');

function jsonOf(document: Document): string | undefined | typeof excessive {
  try {
    return JSON.stringify(document.toJS({ maxAliasCount: 100 }));
  } catch (error) {
    if (error instanceof ReferenceError) return excessive;
    throw error;
  }
}

/** Where keys stand that their map has already, in order. */
function repeatedKeys(document: Document): readonly number[] {
  const starts: number[] = [];
  visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === '<<') continue; // what is merged in may come again
        if (seen.has(key.value)) starts.push(key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return starts.sort((first, second) => first - second);
}

/** A key as YAML has it, as Go shows it. */
function keyText(key: string): string {
  return /^["']|^-?\d+$/.test(key) ? key.replace(/^'(.*)'$/, '"$1"') : JSON.stringify(key);
}
