// The part of a document that says what one cache does, and not where it is: what stands beside options.

import type { AddressRange } from '../dataplane/access/address.ts';
import type { NamespaceConfig } from './cache-config.ts';
import { ConfigNode, type ConfigProblem, invalidDocument } from './config-reader.ts';
import { readRange } from './listener-config.ts';
import { readMirror, readUpstream } from './peers-config.ts';
import { readReliability } from './rules-config.ts';
import { readStore } from './store-config.ts';

/** Sections of a namespace, and who may put at all of its listeners. */
export interface RulesDocument
  extends Pick<NamespaceConfig, 'store' | 'reliability' | 'mirror' | 'upstream'> {
  readonly readOnly: boolean;
  /** Empty: from everywhere. */
  readonly putFrom: readonly AddressRange[];
  readonly revision: string | undefined;
}

/** As `readCacheConfig`; throws CACHE_CONFIG_INVALID. */
export function readRulesDocument(
  document: unknown,
  { directory, source }: { readonly directory: string; readonly source: string },
): RulesDocument {
  const problems: ConfigProblem[] = [];
  const fields = new ConfigNode(document, '', problems).fields();
  const store = readStore(fields, directory);
  const reliability = fields.section('reliability', readReliability);
  const mirror = fields.section('mirror', (section) => readMirror(section, directory));
  const upstream = fields.section('upstream', (section) => readUpstream(section, directory));
  const access = fields.section('access', (section) => ({
    readOnly: section.flag('readOnly') === true,
    putFrom: section.list('putFrom', readRange),
  }));
  const revision = fields.text('revision');
  fields.end();
  if (problems.length > 0) throw invalidDocument(source, problems);
  return {
    ...(store === undefined ? {} : { store }),
    ...(reliability === undefined ? {} : { reliability }),
    ...(mirror === undefined ? {} : { mirror }),
    ...(upstream === undefined ? {} : { upstream }),
    readOnly: access?.readOnly ?? false,
    putFrom: access?.putFrom ?? [],
    revision,
  };
}
