// What a claim of a volume is filled with, by itself or in a template. Rules: upstream's core/v1 defaults.

import { isJsonObject } from '@tweendeck/std';
import { type Fields, objectAt, objectIn, setDefault } from '../draft.ts';
import { canonicalAmounts } from './amounts.ts';

export function defaultClaim(claim: Fields): void {
  const spec = objectIn(claim, 'spec');
  defaultClaimSpec(spec);
  const status = objectIn(claim, 'status');
  if (!status['phase']) status['phase'] = 'Pending';
  canonicalAmounts(objectAt(status, 'capacity'));
}

export function defaultClaimSpec(spec: Fields): void {
  setDefault(spec, 'volumeMode', 'Filesystem');
  for (const key of ['dataSource', 'dataSourceRef']) {
    if (isJsonObject(spec[key])) setDefault(spec[key], 'apiGroup', null);
  }
  const resources = objectIn(spec, 'resources');
  canonicalAmounts(objectAt(resources, 'requests'));
  canonicalAmounts(objectAt(resources, 'limits'));
}
