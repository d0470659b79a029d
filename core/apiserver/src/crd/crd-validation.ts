// What a CustomResourceDefinition must be before its kind can be served.

import {
  type CustomResourceDefinitionVersion,
  checkSchema,
  dns1035LabelProblems,
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  path,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual } from '@tweendeck/std';
import type { Draft } from '../draft.ts';
import { type Definition, definitionOf } from './definition.ts';
import { fieldPathOf, parseJsonPath } from './json-path.ts';
import { shownVersion } from './shown-version.ts';

const scopes = ['Cluster', 'Namespaced'];
const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const approval = 'api-approved.kubernetes.io';
const selectableFieldsMax = 8;

/** Problems of a definition; with `previous`, also of its change. */
export function definitionProblems(
  draft: Draft,
  previous: Draft | undefined,
): readonly FieldError[] {
  const definition = definitionOf(draft);
  const base = path('spec');
  return [
    ...nameProblems(draft, definition),
    ...groupProblems(draft, definition, base),
    ...namesProblems(definition, base.child('names')),
    ...(scopes.includes(definition.spec.scope)
      ? []
      : [fieldNotSupported(base.child('scope'), definition.spec.scope, scopes)]),
    ...versionsProblems(definition, base.child('versions')),
    ...conversionProblems(definition, base),
    ...(previous ? changeProblems(definition, definitionOf(previous), base) : []),
  ];
}

function nameProblems(draft: Draft, { spec }: Definition): readonly FieldError[] {
  const name = draft.metadata.name ?? '';
  return name === `${spec.names.plural}.${spec.group}`
    ? []
    : [fieldInvalid('metadata.name', name, 'must be spec.names.plural+"."+spec.group')];
}

function groupProblems(draft: Draft, { spec }: Definition, base: FieldPath): readonly FieldError[] {
  const at = base.child('group');
  const { group } = spec;
  if (group === '') return [fieldRequired(at)];
  const problems = dnsSubdomainProblems(group).map((text) => fieldInvalid(at, group, text));
  if (!group.includes('.')) {
    problems.push(fieldInvalid(at, group, 'should be a domain with at least one dot'));
  }
  const guarded = /(^|\.)(k8s|kubernetes)\.io$/.test(group);
  if (guarded && !draft.metadata.annotations?.[approval]) {
    const field = path('metadata').child('annotations').key(approval);
    const detail =
      'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111';
    problems.push(fieldRequired(field, detail));
  }
  return problems;
}

function namesProblems({ spec }: Definition, base: FieldPath): readonly FieldError[] {
  const { names } = spec;
  const problems: FieldError[] = [];
  for (const key of ['plural', 'kind', 'singular', 'listKind'] as const) {
    const value = names[key] ?? '';
    const label = key === 'kind' || key === 'listKind' ? value.toLowerCase() : value;
    const at = base.child(key);
    if (value === '') problems.push(fieldRequired(at));
    else {
      const more = label === value ? '' : 'may have mixed case, but should otherwise match: ';
      for (const text of dns1035LabelProblems(label))
        problems.push(fieldInvalid(at, value, more + text));
    }
  }
  for (const [position, name] of (names.shortNames ?? []).entries()) {
    const at = base.child('shortNames').index(position);
    for (const text of dns1035LabelProblems(name)) problems.push(fieldInvalid(at, name, text));
  }
  if (names.listKind !== undefined && names.listKind === names.kind) {
    problems.push(
      fieldInvalid(base.child('listKind'), names.listKind, 'kind and listKind may not be the same'),
    );
  }
  return problems;
}

function versionsProblems({ spec }: Definition, base: FieldPath): readonly FieldError[] {
  const { versions } = spec;
  const problems: FieldError[] = [];
  for (const [position, version] of versions.entries()) {
    const at = base.index(position);
    for (const text of dns1035LabelProblems(version.name)) {
      problems.push(fieldInvalid(at.child('name'), version.name, text));
    }
    problems.push(...versionProblems(version, { at, only: versions.length === 1 }));
  }
  const shown = versions.map(shownVersion);
  const names = versions.map(({ name }) => name);
  if (new Set(names).size < names.length) {
    problems.push(fieldInvalid(base, shown, 'must contain unique version names'));
  }
  const stored = versions.filter(({ storage }) => storage).length;
  if (stored !== 1) {
    const detail = 'must have exactly one version marked as storage version';
    problems.push(fieldInvalid(base, shown, detail));
  }
  if (stored === 0) {
    const at = path('status').child('storedVersions');
    problems.push(fieldInvalid(at, null, 'must have at least one stored version'));
  }
  return problems;
}

function versionProblems(
  version: CustomResourceDefinitionVersion,
  { at, only }: { readonly at: FieldPath; readonly only: boolean },
): readonly FieldError[] {
  const schema = version.schema?.openAPIV3Schema;
  const problems: FieldError[] = [];
  if (!isJsonObject(schema)) {
    problems.push(fieldRequired(at.child('schema', 'openAPIV3Schema')));
  } else {
    // As upstream, which lifts what the only version has to the top before it looks.
    const place = only
      ? path('spec').child('validation', 'openAPIV3Schema')
      : at.child('schema', 'openAPIV3Schema');
    problems.push(...checkSchema(schema, place));
  }
  return [
    ...problems,
    ...columnProblems(version, at.child('additionalPrinterColumns')),
    ...scaleProblems(version, at.child('subresources', 'scale')),
    ...selectableProblems(version, at.child('selectableFields')),
  ];
}

function columnProblems(
  { additionalPrinterColumns = [] }: CustomResourceDefinitionVersion,
  base: FieldPath,
): readonly FieldError[] {
  return additionalPrinterColumns.flatMap(({ name, type, jsonPath }, position) => {
    const at = base.index(position);
    const problems: FieldError[] = [];
    if (!name) problems.push(fieldRequired(at.child('name')));
    if (!type)
      problems.push(
        fieldRequired(at.child('type'), 'must be one of boolean,date,integer,number,string'),
      );
    else if (!columnTypes.includes(type)) {
      problems.push(
        fieldInvalid(at.child('type'), type, 'must be one of boolean,date,integer,number,string'),
      );
    }
    if (!jsonPath) problems.push(fieldRequired(at.child('jsonPath')));
    else if (!parseJsonPath(jsonPath)) {
      problems.push(fieldInvalid(at.child('jsonPath'), jsonPath, 'is an invalid JSON path'));
    }
    return problems;
  });
}

function scaleProblems(
  { subresources }: CustomResourceDefinitionVersion,
  base: FieldPath,
): readonly FieldError[] {
  const scale = subresources?.scale;
  if (!scale) return [];
  return [
    ...pathProblems(scale.specReplicasPath, '.spec.', base.child('specReplicasPath')),
    ...pathProblems(scale.statusReplicasPath, '.status.', base.child('statusReplicasPath')),
    ...(scale.labelSelectorPath && !/^\.(spec|status)\./.test(scale.labelSelectorPath)
      ? [
          fieldInvalid(
            base.child('labelSelectorPath'),
            scale.labelSelectorPath,
            'should be a json path under either .spec or .status',
          ),
        ]
      : []),
  ];
}

function pathProblems(
  text: string | undefined,
  prefix: string,
  at: FieldPath,
): readonly FieldError[] {
  if (!text) return [fieldRequired(at)];
  if (!text.startsWith(prefix)) {
    return [fieldInvalid(at, text, `should be a json path under ${prefix.slice(0, -1)}`)];
  }
  return fieldPathOf(text) ? [] : [fieldInvalid(at, text, 'is an invalid path')];
}

function selectableProblems(
  { selectableFields = [] }: CustomResourceDefinitionVersion,
  base: FieldPath,
): readonly FieldError[] {
  const problems: FieldError[] = [];
  if (selectableFields.length > selectableFieldsMax) {
    const detail = `must have at most ${selectableFieldsMax} items`;
    problems.push({ type: 'TooMany', field: String(base), value: selectableFields.length, detail });
  }
  for (const [position, { jsonPath }] of selectableFields.entries()) {
    const at = base.index(position).child('jsonPath');
    if (!jsonPath) problems.push(fieldRequired(at));
    else if (!fieldPathOf(jsonPath)) {
      problems.push(
        fieldInvalid(at, jsonPath, 'is an invalid path: does not refer to a valid field'),
      );
    }
  }
  return problems;
}

function conversionProblems({ spec }: Definition, base: FieldPath): readonly FieldError[] {
  const problems: FieldError[] = [];
  const strategy = spec.conversion?.strategy ?? 'None';
  if (strategy !== 'None') {
    problems.push(fieldNotSupported(base.child('conversion', 'strategy'), strategy, ['None']));
  }
  if (spec.preserveUnknownFields === true) {
    const detail =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    problems.push(fieldInvalid(base.child('preserveUnknownFields'), true, detail));
  }
  return problems;
}

function changeProblems(
  next: Definition,
  previous: Definition,
  base: FieldPath,
): readonly FieldError[] {
  const fields = [
    ['group', next.spec.group, previous.spec.group],
    ['scope', next.spec.scope, previous.spec.scope],
    ['names.kind', next.spec.names.kind, previous.spec.names.kind],
    ['names.plural', next.spec.names.plural, previous.spec.names.plural],
  ] as const;
  const problems = fields
    .filter(([, after, before]) => !jsonEqual(after, before))
    .map(([name, after]) =>
      fieldInvalid(base.child(...name.split('.')), after, 'field is immutable'),
    );
  const names = new Set(next.spec.versions.map(({ name }) => name));
  for (const [position, stored] of (previous.status?.storedVersions ?? []).entries()) {
    if (names.has(stored)) continue;
    const at = path('status').child('storedVersions').index(position);
    problems.push(
      fieldInvalid(
        at,
        stored,
        `missing from spec.versions; ${stored} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${stored} and removes ${stored} from status.storedVersions`,
      ),
    );
  }
  return problems;
}
