// Persistent volumes, claims of them and their classes. Rules and texts: upstream's core and storage defaults, strategies and validation.

import {
  dnsSubdomainProblems,
  type FieldError,
  type FieldPath,
  fieldForbidden,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  fieldTooLong,
  path,
  qualifiedNameProblems,
} from '@tweendeck/kube';
import { isJsonObject, jsonEqual, timestampOf } from '@tweendeck/std';
import { type Draft, type Fields, objectAt, objectIn, setDefault, textAt } from '../draft.ts';
import { claimColumns, storageClassColumns, volumeColumns } from '../table/storage-columns.ts';
import { canonicalAmounts } from './amounts.ts';
import { defaultClaim } from './claim-defaults.ts';
import {
  accessModeProblems,
  claimSpecProblems,
  claimStatusProblems,
  claimUpdateProblems,
  modesOf,
  positiveAmountProblems,
  volumeModes,
} from './claim-validation.ts';
import { basicAmountProblems, immutableProblems, namedProblems } from './field-checks.ts';
import type { KindRules } from './kind-rules.ts';
import { nodeSelectorProblems } from './node-selector-validation.ts';
import { fractionWarnings } from './pod-warnings.ts';

const spec: FieldPath = path('spec');

export const claimRules: KindRules = {
  columns: claimColumns,
  strategy: {
    nameProblems: dnsSubdomainProblems,
    returnsDeleted: true,
    defaults: defaultClaim,
    prepareCreate(draft) {
      draft['status'] = { phase: 'Pending' };
      shareSource(objectIn(draft, 'spec'));
    },
    prepareUpdate(draft, _previous, part) {
      if (part === 'main') shareSource(objectIn(draft, 'spec'));
    },
    validate(draft, previous, part) {
      if (part === 'status') return claimStatusProblems(draft);
      const problems = claimSpecProblems(objectAt(draft, 'spec'), spec);
      if (!previous) return problems;
      return [...problems, ...problems, ...claimUpdateProblems(draft, previous)];
    },
    warnings: ({ spec: value }) => {
      const resources = objectAt(objectAt({ value }, 'value'), 'resources');
      return ['requests', 'limits'].flatMap((key) =>
        fractionWarnings(objectAt(resources, key), `spec.resources.${key}`, ['storage']),
      );
    },
  },
};

/** The old and the new field of a claim's origin say the same. */
function shareSource(fields: Fields): void {
  const { dataSource, dataSourceRef } = fields;
  if (isJsonObject(dataSource) && dataSourceRef === undefined) {
    fields['dataSourceRef'] = { ...dataSource };
  }
  if (isJsonObject(dataSourceRef) && dataSource === undefined && !dataSourceRef['namespace']) {
    fields['dataSource'] = { ...dataSourceRef };
  }
}

export const volumeRules: KindRules = {
  columns: volumeColumns,
  selectable: ['name'],
  selectableAs: { name: 'metadata.name' },
  strategy: {
    nameProblems: dnsSubdomainProblems,
    returnsDeleted: true,
    defaults: defaultVolume,
    prepareCreate(draft, { nowMs }) {
      draft['status'] = { phase: 'Pending', lastPhaseTransitionTime: timestampOf(nowMs) };
    },
    prepareUpdate(draft, previous, part, { nowMs }) {
      if (part !== 'status') return;
      const status = objectIn(draft, 'status');
      const before = objectAt(previous, 'status');
      const told = status['lastPhaseTransitionTime'] !== before['lastPhaseTransitionTime'];
      if (status['phase'] !== before['phase'] && !told) {
        status['lastPhaseTransitionTime'] = timestampOf(nowMs);
      }
    },
    validate(draft, previous, part) {
      if (part === 'status') return [];
      const problems = volumeProblems(objectAt(draft, 'spec'));
      return previous
        ? [...problems, ...problems, ...volumeUpdateProblems(draft, previous)]
        : problems;
    },
    warnings: ({ spec: value }) => {
      if (textAt(value, 'persistentVolumeReclaimPolicy') !== 'Recycle') return [];
      return [
        'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
      ];
    },
  },
};

function defaultVolume(draft: Draft): void {
  const fields = objectIn(draft, 'spec');
  const status = objectIn(draft, 'status');
  if (!status['phase']) status['phase'] = 'Pending';
  if (!fields['persistentVolumeReclaimPolicy']) fields['persistentVolumeReclaimPolicy'] = 'Retain';
  setDefault(fields, 'volumeMode', 'Filesystem');
  canonicalAmounts(objectAt(fields, 'capacity'));
  const { hostPath } = fields;
  if (isJsonObject(hostPath)) setDefault(hostPath, 'type', '');
}

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];
/** Fields of a volume that are not its source. */
const common = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

function sourceOf(fields: Fields): Fields {
  const entries = Object.entries(fields).filter(([key]) => !common.has(key));
  return Object.fromEntries(entries);
}

function volumeProblems(fields: Fields): readonly FieldError[] {
  const policy = textAt(fields, 'persistentVolumeReclaimPolicy');
  const mode = fields['volumeMode'];
  const modes = spec.child('accessModes');
  return [
    ...(modesOf(fields).length === 0 ? [fieldRequired(modes)] : []),
    ...accessModeProblems(fields, modes),
    ...capacityProblems(objectAt(fields, 'capacity'), spec.child('capacity')),
    ...(reclaimPolicies.includes(policy)
      ? []
      : [fieldNotSupported(spec.child('persistentVolumeReclaimPolicy'), policy, reclaimPolicies)]),
    ...affinityProblems(fields, spec.child('nodeAffinity')),
    ...sourceProblems(fields),
    ...namedProblems(fields, 'storageClassName', { base: spec, check: dnsSubdomainProblems }),
    ...(typeof mode === 'string' && !volumeModes.includes(mode)
      ? [fieldNotSupported(spec.child('volumeMode'), mode, volumeModes)]
      : []),
    ...attributesProblems(fields),
  ];
}

function capacityProblems(capacity: Fields, at: FieldPath): readonly FieldError[] {
  const names = Object.keys(capacity);
  const problems: FieldError[] = names.length === 0 ? [fieldRequired(at)] : [];
  if (!names.includes('storage') || names.length > 1) {
    problems.push(fieldNotSupported(at, names.length === 0 ? null : capacity, ['storage']));
  }
  return [
    ...problems,
    ...names.flatMap((name) => [
      ...basicAmountProblems({ [name]: capacity[name] }, at),
      ...positiveAmountProblems(capacity[name], at.key(name)),
    ]),
  ];
}

function affinityProblems(fields: Fields, at: FieldPath): readonly FieldError[] {
  const affinity = fields['nodeAffinity'];
  if (!isJsonObject(affinity)) return [];
  const required = affinity['required'];
  if (!isJsonObject(required)) {
    return [fieldRequired(at.child('required'), 'must specify required node constraints')];
  }
  return nodeSelectorProblems(required, at.child('required'));
}

const oneType = 'may not specify more than 1 volume type';

function sourceProblems(fields: Fields): readonly FieldError[] {
  const [first, ...others] = Object.keys(sourceOf(fields));
  if (first === undefined) return [fieldRequired(spec, 'must specify a volume type')];
  const problems: FieldError[] = [
    ...oneSourceProblems(first, objectAt(fields, first), spec.child(first)),
    ...others.map((key) => fieldForbidden(spec.child(key), oneType)),
  ];
  const local = fields['nodeAffinity'] === undefined && first === 'local';
  if (local)
    problems.push(fieldRequired(spec.child('nodeAffinity'), 'Local volume requires node affinity'));
  const root = textAt(fields['hostPath'], 'path').replaceAll('/', '') === '';
  if (first === 'hostPath' && root && fields['persistentVolumeReclaimPolicy'] === 'Recycle') {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    problems.push(fieldForbidden(spec.child('persistentVolumeReclaimPolicy'), detail));
  }
  return problems;
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

function oneSourceProblems(kind: string, source: Fields, at: FieldPath): readonly FieldError[] {
  const required = (...keys: readonly string[]): readonly FieldError[] =>
    keys.filter((key) => textAt(source, key) === '').map((key) => fieldRequired(at.child(key)));
  switch (kind) {
    case 'hostPath': {
      const type = textAt(source, 'type');
      const missing = required('path');
      return [
        ...(missing.length > 0 ? missing : backstepProblems(source, at)),
        ...(hostPathTypes.includes(type)
          ? []
          : [fieldNotSupported(at.child('type'), type, hostPathTypes)]),
      ];
    }
    case 'local': {
      const missing = required('path');
      return missing.length > 0 ? missing : backstepProblems(source, at);
    }
    case 'nfs': {
      const absolute = textAt(source, 'path').startsWith('/');
      const detail = 'must be an absolute path';
      return [
        ...required('server', 'path'),
        ...(absolute ? [] : [fieldInvalid(at.child('path'), textAt(source, 'path'), detail)]),
      ];
    }
    case 'csi':
      return required('driver', 'volumeHandle');
    default:
      return [];
  }
}

function backstepProblems(source: Fields, at: FieldPath): readonly FieldError[] {
  const text = textAt(source, 'path');
  if (!text.split('/').includes('..')) return [];
  return [fieldInvalid(at.child('path'), text, "must not contain '..'")];
}

function attributesProblems(fields: Fields): readonly FieldError[] {
  const name = fields['volumeAttributesClassName'];
  const at = spec.child('volumeAttributesClassName');
  if (typeof name !== 'string') return [];
  return [
    ...(name === ''
      ? [fieldRequired(at, 'an empty string is disallowed')]
      : dnsSubdomainProblems(name).map((text) => fieldInvalid(at, name, text))),
    ...(fields['csi'] === undefined
      ? [
          fieldRequired(
            spec.child('csi'),
            'has to be specified when using volumeAttributesClassName',
          ),
        ]
      : []),
  ];
}

function volumeUpdateProblems(draft: Draft, previous: Draft): readonly FieldError[] {
  const fields = objectAt(draft, 'spec');
  const before = objectAt(previous, 'spec');
  const problems: FieldError[] = [];
  const [source, former] = [sourceOf(fields), sourceOf(before)];
  if (!jsonEqual(source, former)) {
    const shown = `- ${JSON.stringify(former)}\n+ ${JSON.stringify(source)}`;
    const detail = `spec.persistentvolumesource is immutable after creation\n${shown}`;
    problems.push(fieldForbidden(spec.child('persistentvolumesource'), detail));
  }
  const keys =
    before['nodeAffinity'] === undefined ? ['volumeMode'] : ['volumeMode', 'nodeAffinity'];
  return [...problems, ...immutableProblems(fields, before, { keys, base: path() })];
}

export const storageClassRules: KindRules = {
  columns: storageClassColumns,
  strategy: {
    nameProblems: dnsSubdomainProblems,
    returnsDeleted: true,
    defaults(draft) {
      setDefault(draft, 'reclaimPolicy', 'Delete');
      setDefault(draft, 'volumeBindingMode', 'Immediate');
    },
    validate(draft, previous) {
      const problems = classProblems(draft);
      return previous ? [...problems, ...classUpdateProblems(draft, previous)] : problems;
    },
  },
};

const parametersMax = 512;
const parameterBytesMax = 256 * 1024;
const classPolicies = ['Delete', 'Retain'];
const bindingModes = ['Immediate', 'WaitForFirstConsumer'];

function classProblems(draft: Draft): readonly FieldError[] {
  const provisioner = textAt(draft, 'provisioner');
  const policy = textAt(draft, 'reclaimPolicy');
  const mode = textAt(draft, 'volumeBindingMode');
  const at = path('provisioner');
  const name = provisioner.toLowerCase();
  return [
    ...(provisioner === ''
      ? [fieldRequired(at)]
      : qualifiedNameProblems(name).map((text) => fieldInvalid(at, name, text))),
    ...parameterProblems(objectAt(draft, 'parameters'), path('parameters')),
    ...(policy === '' || classPolicies.includes(policy)
      ? []
      : [fieldNotSupported(path('reclaimPolicy'), policy, classPolicies)]),
    ...(bindingModes.includes(mode)
      ? []
      : [fieldNotSupported(path('volumeBindingMode'), mode, bindingModes)]),
  ];
}

function parameterProblems(parameters: Fields, at: FieldPath): readonly FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > parametersMax) return [fieldTooLong(at, parametersMax)];
  const bytes = entries.reduce(
    (total, [key, value]) => total + Buffer.byteLength(key) + Buffer.byteLength(String(value)),
    0,
  );
  return [
    ...('' in parameters ? [fieldInvalid(at, '', 'field can not be empty.')] : []),
    ...(bytes > parameterBytesMax ? [fieldTooLong(at, parameterBytesMax)] : []),
  ];
}

function classUpdateProblems(draft: Draft, previous: Draft): readonly FieldError[] {
  const changed = (key: string): boolean => !jsonEqual(draft[key] ?? null, previous[key] ?? null);
  const forbidden = ['parameters', 'provisioner', 'reclaimPolicy']
    .filter(changed)
    .map((key) => fieldForbidden(path(key), `updates to ${key} are forbidden.`));
  const keys = ['volumeBindingMode'];
  return [...forbidden, ...immutableProblems(draft, previous, { keys, base: path() })];
}
