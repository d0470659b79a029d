// Security contexts of pods and containers. Rules and texts: upstream's core validation.

import {
  type FieldError,
  type FieldPath,
  fieldDuplicate,
  fieldInvalid,
  fieldNotSupported,
  fieldRequired,
  goStruct,
} from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import { type Fields, listAt, numberAt, objectAt, textAt } from '../draft.ts';
import { descendingPathProblems } from './path-checks.ts';

const idMax = 2 ** 31 - 1;
const sysctlName = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const sysctlLengthMax = 253;
const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function idProblems(value: number | undefined, at: FieldPath): readonly FieldError[] {
  if (value === undefined || (value >= 0 && value <= idMax)) return [];
  return [fieldInvalid(at, value, `must be between 0 and ${idMax}, inclusive`)];
}

function wordOf(
  context: Fields,
  key: string,
  { base, allowed }: { readonly base: FieldPath; readonly allowed: readonly string[] },
): readonly FieldError[] {
  const value = context[key];
  if (typeof value !== 'string' || allowed.includes(value)) return [];
  return [fieldNotSupported(base.child(key), value, allowed)];
}

export function podSecurityProblems(spec: Fields, base: FieldPath): readonly FieldError[] {
  const context = objectAt(spec, 'securityContext');
  const groups = context['supplementalGroups'];
  const shares = spec['hostPID'] === true && spec['shareProcessNamespace'] === true;
  return [
    ...idProblems(numberAt(context, 'fsGroup'), base.child('fsGroup')),
    ...idProblems(numberAt(context, 'runAsUser'), base.child('runAsUser')),
    ...idProblems(numberAt(context, 'runAsGroup'), base.child('runAsGroup')),
    ...(Array.isArray(groups) ? groups : []).flatMap((group, position) =>
      idProblems(Number(group), base.child('supplementalGroups').index(position)),
    ),
    ...(shares
      ? [
          fieldInvalid(
            base.child('shareProcessNamespace'),
            true,
            'ShareProcessNamespace and HostPID cannot both be enabled',
          ),
        ]
      : []),
    ...sysctlProblems(context, spec, base.child('sysctls')),
    ...wordOf(context, 'fsGroupChangePolicy', { base, allowed: ['Always', 'OnRootMismatch'] }),
    ...seccompProblems(context['seccompProfile'], base.child('seccompProfile')),
    ...appArmorProblems(context['appArmorProfile'], base.child('appArmorProfile')),
    ...wordOf(context, 'supplementalGroupsPolicy', { base, allowed: ['Merge', 'Strict'] }),
    ...wordOf(context, 'seLinuxChangePolicy', { base, allowed: ['MountOption', 'Recursive'] }),
  ];
}

function sysctlProblems(context: Fields, spec: Fields, base: FieldPath): readonly FieldError[] {
  const names = new Set<string>();
  return listAt(context, 'sysctls').flatMap((sysctl, position) => {
    const at = base.index(position).child('name');
    const name = textAt(sysctl, 'name');
    const problems: FieldError[] = [];
    if (name === '') problems.push(fieldRequired(at));
    else if (name.length > sysctlLengthMax || !sysctlName.test(name)) {
      const detail = `must have at most ${sysctlLengthMax} characters and match regex ${sysctlText}`;
      problems.push(fieldInvalid(at, name, detail));
    } else if (names.has(name)) problems.push(fieldDuplicate(at, name));
    const plain = name.replaceAll('/', '.');
    const isNet = plain.startsWith('net.');
    const isIpc = /^(kernel\.(shm|msg)|kernel\.sem$|fs\.mqueue\.)/.test(plain);
    if (spec['hostNetwork'] === true && isNet) {
      problems.push(fieldInvalid(at, name, "may not be specified when 'hostNetwork' is true"));
    } else if (spec['hostIPC'] === true && isIpc) {
      problems.push(fieldInvalid(at, name, "may not be specified when 'hostIPC' is true"));
    }
    names.add(name);
    return problems;
  });
}

const sysctlText = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';

function seccompProblems(profile: unknown, at: FieldPath): readonly FieldError[] {
  if (!isJsonObject(profile)) return [];
  const type = textAt(profile, 'type');
  const file = profile['localhostProfile'];
  const fileAt = at.child('localhostProfile');
  const problems: FieldError[] = [];
  if (type === '') {
    problems.push(fieldRequired(at.child('type'), 'type is required when seccompProfile is set'));
  } else if (!profileTypes.includes(type)) {
    problems.push(fieldNotSupported(at.child('type'), type, profileTypes));
  }
  if (type !== 'Localhost') {
    const detail = 'can only be set when seccomp type is Localhost';
    return file === undefined ? problems : [...problems, fieldInvalid(fileAt, profile, detail)];
  }
  const missing = 'must be set when seccomp type is Localhost';
  return typeof file === 'string'
    ? [...problems, ...descendingPathProblems(file, fileAt)]
    : [...problems, fieldRequired(fileAt, missing)];
}

function appArmorProblems(profile: unknown, at: FieldPath): readonly FieldError[] {
  if (!isJsonObject(profile)) return [];
  const type = textAt(profile, 'type');
  const file = profile['localhostProfile'];
  const fileAt = at.child('localhostProfile');
  if (type === '') {
    return [fieldRequired(at.child('type'), 'type is required when appArmorProfile is set')];
  }
  if (!profileTypes.includes(type))
    return [fieldNotSupported(at.child('type'), type, profileTypes)];
  if (type !== 'Localhost') {
    const detail = 'can only be set when AppArmor type is Localhost';
    return file === undefined ? [] : [fieldInvalid(fileAt, file, detail)];
  }
  if (typeof file !== 'string' || file.trim() === '') {
    if (typeof file === 'string' && file !== '') {
      return [fieldInvalid(fileAt, file, 'must not be padded with whitespace')];
    }
    return [fieldRequired(fileAt, 'must be set when AppArmor type is Localhost')];
  }
  return file.trim() === file
    ? []
    : [fieldInvalid(fileAt, file, 'must not be padded with whitespace')];
}

export function containerSecurityProblems(
  context: Fields,
  base: FieldPath,
  { hostUsers }: { readonly hostUsers: boolean },
): readonly FieldError[] {
  const problems: FieldError[] = [
    ...idProblems(numberAt(context, 'runAsUser'), base.child('runAsUser')),
    ...idProblems(numberAt(context, 'runAsGroup'), base.child('runAsGroup')),
    ...wordOf(context, 'procMount', { base, allowed: ['Default', 'Unmasked'] }),
  ];
  if (hostUsers && context['procMount'] === 'Unmasked') {
    const detail = '`hostUsers` must be false to use `Unmasked`';
    problems.push(fieldInvalid(base.child('procMount'), 'Unmasked', detail));
  }
  problems.push(...seccompProblems(context['seccompProfile'], base.child('seccompProfile')));
  if (context['allowPrivilegeEscalation'] === false) {
    const words = 'cannot set `allowPrivilegeEscalation` to false and';
    const added = objectAt(context, 'capabilities')['add'];
    if (context['privileged'] === true) {
      problems.push(fieldInvalid(base, shownContext(context), `${words} \`privileged\` to true`));
    }
    if (Array.isArray(added) && added.includes('CAP_SYS_ADMIN')) {
      problems.push(fieldInvalid(base, context, `${words} \`capabilities.Add\` CAP_SYS_ADMIN`));
    }
  }
  problems.push(...appArmorProblems(context['appArmorProfile'], base.child('appArmorProfile')));
  return problems;
}

/** As upstream shows it, which is its own structure: scalars as they are, structures only where there are none. */
function shownContext(context: Fields): unknown {
  const fields = [
    ...[
      'capabilities',
      'privileged',
      'seLinuxOptions',
      'windowsOptions',
      'runAsUser',
      'runAsGroup',
    ],
    ...['runAsNonRoot', 'readOnlyRootFilesystem', 'allowPrivilegeEscalation', 'procMount'],
    ...['seccompProfile', 'appArmorProfile'],
  ];
  return goStruct(
    fields.map((name) => [
      name === 'seLinuxOptions' ? 'SELinuxOptions' : name.slice(0, 1).toUpperCase() + name.slice(1),
      context[name] ?? null,
    ]),
  );
}
