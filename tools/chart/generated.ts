// What of the Helm chart follows from the code: the definitions of our kinds, the rights that controllers need, alerts and
// dashboards.

import { apiVersionOf, type Kind } from '@tweendeck/kube';
import { stringify } from 'yaml';
import { platformControllers, platformKinds } from '../../apps/tweendeck/src/platform.ts';
import { backupControllers } from '../../apps/tweendeck/src/platform-backups.ts';
import { type Right, rightsOf } from '../../core/controller/src/rights.ts';
import { watchFiles } from './watch-files.ts';

const notice = 'Generated from the code by "npm run generate:chart"; do not edit.';
const folder = 'charts/tweendeck/templates/generated';

/** Files by their path from the root of the checkout. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    [`${folder}/crds.yaml`, platformKinds.map(definitionTemplate).join('')],
    [`${folder}/_rules.tpl`, rulesTemplate()],
    ...watchFiles(),
  ]);
}

/** A template, not a file of `crds/`: Helm never upgrades what lies there. */
function definitionTemplate(kind: Kind): string {
  const { apiVersion, kind: type, metadata, spec } = kind.crd();
  return [
    '---',
    `{{- /* ${notice} */}}`,
    '{{- if .Values.crds.install }}',
    `apiVersion: ${apiVersion}`,
    `kind: ${type}`,
    'metadata:',
    `  name: ${metadata.name}`,
    '  labels:',
    '    {{- include "tweendeck.labels" . | nindent 4 }}',
    '  {{- if .Values.crds.keep }}',
    '  annotations:',
    '    helm.sh/resource-policy: keep',
    '  {{- end }}',
    literal(yamlOf({ spec })).trimEnd(),
    '{{- end }}',
    '',
  ].join('\n');
}

function rulesTemplate(): string {
  const define = (name: string, rules: readonly Rule[]): string =>
    `{{- define "tweendeck.rules.${name}" -}}\n${literal(yamlOf(rules))}{{- end }}\n`;
  const rights = rightsOf([...platformControllers(), ...backupControllers('refused')]);
  return [
    `{{- /* ${notice} */ -}}\n`,
    define('controllers', rights.map(ruleOf)),
    define('view', platformKinds.flatMap(viewRules)),
    define('edit', platformKinds.flatMap(editRules)),
    define('admin', platformKinds.map(adminRule)),
    define('finalizers', platformKinds.map(finalizersRule)),
  ].join('\n');
}

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

function ruleOf({ group, resource, verbs }: Right): Rule {
  return { apiGroups: [group], resources: [resource], verbs };
}

function viewRules(kind: Kind): readonly Rule[] {
  const { group, plural } = kind;
  const parts = ['status', ...(scales(kind) ? ['scale'] : [])].map((part) => `${plural}/${part}`);
  return [
    { apiGroups: [group], resources: [plural], verbs: ['get', 'list', 'watch'] },
    { apiGroups: [group], resources: parts, verbs: ['get'] },
  ];
}

function editRules(kind: Kind): readonly Rule[] {
  const { group, plural } = kind;
  const verbs = ['create', 'delete', 'deletecollection', 'patch', 'update'];
  const scale = {
    apiGroups: [group],
    resources: [`${plural}/scale`],
    verbs: ['patch', 'update'],
  };
  return [{ apiGroups: [group], resources: [plural], verbs }, ...(scales(kind) ? [scale] : [])];
}

function adminRule({ group, plural }: Kind): Rule {
  return { apiGroups: [group], resources: [plural], verbs: ['*'] };
}

/** What the admission plug-in OwnerReferencesPermissionEnforcement asks of who makes owned objects. */
function finalizersRule({ group, plural }: Kind): Rule {
  return { apiGroups: [group], resources: [`${plural}/finalizers`], verbs: ['update'] };
}

function scales(kind: Kind): boolean {
  const version = kind.crd().spec.versions.find(({ name }) => name === kind.version);
  if (!version) throw new Error(`${apiVersionOf(kind)} ${kind.kind} does not define its version`);
  return version.subresources?.scale !== undefined;
}

function yamlOf(value: unknown): string {
  // Helm reads YAML 1.1, in which words such as off are no text unless they are quoted.
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0, version: '1.1' });
}

/** Text that a template gives out as it is. */
function literal(text: string): string {
  return text.replaceAll('{{', '{{ "{{" }}');
}
