// The kind of an engine: what can be refused at admission is refused by its schema.

import {
  defineKind,
  type Kind,
  type Presence,
  type Type,
  t,
  tolerationsType,
} from '@tweendeck/kube';
import { policyStatusType, policyType, restoreStatusType, restoreType } from './backup/policy.ts';
import {
  type AuthSpec,
  type ClusterSpec,
  type ClusterStatus,
  clusterPhases,
} from './cluster-spec.ts';
import type { CountRule, EngineTables, GroupRule, Parameter } from './engine.ts';

export const platformGroup = 'tweendeck.io';
export const platformVersion = 'v1alpha1';

/** The kind of an engine, with all that can be refused at admission in its schema. */
export function engineKind<Options>(
  engine: EngineTables<Options>,
  options: Type<Options, Presence>,
): Kind<ClusterSpec<Options>, ClusterStatus> {
  const { kind, plural, shortNames, description } = engine;
  return defineKind<ClusterSpec<Options>, ClusterStatus>({
    ...{ group: platformGroup, version: platformVersion, kind, plural, shortNames, description },
    categories: ['all', 'tweendeck'],
    spec: specOf(engine, options),
    status,
    columns: [
      { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
      { name: 'Ready', type: 'string', jsonPath: '.status.ready' },
      { name: 'Version', type: 'string', jsonPath: '.status.version' },
      { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint' },
      { name: 'Step', type: 'string', jsonPath: '.status.step.id', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
    // Names of members, their pods and what is beside them are labels of DNS: 63 characters at most.
    rules: [
      {
        rule: `size(self.metadata.name) <= ${nameLengthMax}`,
        message: `names have at most ${nameLengthMax} characters, so that those of members fit into DNS`,
      },
    ],
  });
}

const nameLengthMax = 40;

function specOf<Options>(
  engine: EngineTables<Options>,
  options: Type<Options, Presence>,
): Type<ClusterSpec<Options>> {
  const { versions, groups, services, passwords, backups, tls } = engine;
  const shape = t.object({
    version: versionType(versions),
    groups: t
      .object(
        Object.fromEntries(Object.entries(groups).map(([name, rule]) => [name, groupType(rule)])),
      )
      .default({}),
    config: configType(engine)
      .optional()
      .describe('Settings of the server; what can be set while it runs is set without a restart.'),
    nodeSelector: t.map(t.string()).optional().describe('Labels of the nodes members may run on.'),
    tolerations: tolerationsType.optional().describe('Taints that the pods tolerate.'),
    imagePullSecrets: t
      .list(t.object({ name: t.string({ minLength: 1 }) }))
      .optional()
      .describe('Secrets with which images are pulled.'),
    image: t.string({ minLength: 1 }).optional().describe("In place of the version's image."),
    restart: t
      .string({ maxLength: 64 })
      .optional()
      .describe('Change it to any other text, and members are restarted one after another.'),
    ...(services?.byShard ? { services: servicesType } : {}),
    ...(passwords ? { auth: authType } : {}),
    ...(tls ? { tls: tlsType } : {}),
    ...(backups
      ? {
          backup: policyType.optional().describe('Backups on a schedule.'),
          restore: restoreType.optional().describe('Data that a new cluster begins with.'),
        }
      : {}),
    suspend: t
      .boolean()
      .optional()
      .describe(
        'Stops all members; what is on volumes stays, what is on none is lost once approved.',
      ),
    options,
  });
  // The shape is ClusterSpec field by field; groups and config are objects with the engine's own names.
  const typed = shape as unknown as Type<ClusterSpec<Options>>;
  if (!backups) return typed;
  return typed.rule('!has(self.restore) || has(oldSelf.restore)', {
    message: 'only a new cluster is filled from a backup: make another one',
    fieldPath: '.restore',
  });
}

const servicesType = t
  .object({
    byShard: t
      .boolean()
      .default(false)
      .describe('NAME-shard-N leads to the members of one shard; each takes an address.'),
  })
  .optional()
  .describe('Services beside the one of all members.');

const usualAuth = {
  ...({ mode: 'password', change: '', keepPreviousSeconds: 600 } as const),
} satisfies AuthSpec;

const authType = t
  .object({
    mode: t
      .enum(['password', 'none'])
      .rule('self == oldSelf', {
        message:
          'a cluster keeps it: members with and without a password do not understand each other',
      })
      .default(usualAuth.mode)
      .describe('Whether members ask for the password of the Secret NAME-auth.'),
    change: t
      .string({ maxLength: 64 })
      .default(usualAuth.change)
      .describe('Change it to any other text, and another password is made, without a restart.'),
    keepPreviousSeconds: t
      .int32({ minimum: 0, maximum: 86_400 })
      .default(usualAuth.keepPreviousSeconds)
      .describe('So long the password before is still taken.'),
  })
  .default(usualAuth)
  .describe('Who may connect.');

const tlsType = t
  .object({
    mode: t
      .enum(['off', 'required'])
      .rule('self == oldSelf', {
        message: 'a cluster keeps it: members with and without TLS do not understand each other',
      })
      .default('off')
      .describe('Whether clients and members speak TLS with members, and nothing else.'),
    secretName: t
      .string({ minLength: 1, maxLength: 253 })
      .optional()
      .describe(
        'Of a Secret with tls.crt, tls.key and ca.crt; without it they are made: NAME-tls.',
      ),
  })
  .default({ mode: 'off' })
  .describe('Encryption of connections.');

function versionType(versions: EngineTables<unknown>['versions']): Type<string, 'defaulted'> {
  const names = Object.keys(versions);
  const paths = Object.entries(versions).map(
    ([name, { upgradesFrom }]) =>
      `'${name}': [${upgradesFrom.map((from) => `'${from}'`).join(', ')}]`,
  );
  return t
    .enum(names)
    .rule(`self == oldSelf || oldSelf in {${paths.join(', ')}}[self]`, {
      message: 'there is no way from the present version to this one',
    })
    .default(names.at(-1) ?? '')
    .describe('Of the server; members are changed one after another.');
}

function groupType({ description, shards, members, limits, keepsData }: GroupRule) {
  const count = ({ min, max, odd }: CountRule) => {
    const type = t.int32({ minimum: min, maximum: max });
    if (!odd) return type;
    return type.rule('self % 2 == 1', {
      message: 'must be odd: one more of an even number helps no vote',
    });
  };
  const resources = t.object({
    limits: t
      .map(t.quantity())
      .default(limits)
      .describe('What each may use: cpu, memory. Requests are the same.'),
  });
  const all = t.object({
    shards: count(shards ?? members)
      .default(shards?.default ?? 1)
      .describe('Parts the keys are divided into.'),
    members: count(members)
      .default(members.default)
      .describe(shards ? 'Members of each shard.' : 'Members.'),
    resources: resources.default({ limits }),
    storage: storage.optional(),
  });
  const { properties = {}, ...rest } = all.schema;
  const { shards: sharding, storage: volume, ...always } = properties;
  // A group offers what it has.
  const offered = {
    ...always,
    ...(shards && sharding ? { shards: sharding } : {}),
    ...(keepsData && volume ? { storage: volume } : {}),
  };
  const group = t
    .raw({ ...rest, properties: offered, default: {} })
    .describe(description)
    .default({});
  if (!keepsData) return group;
  return group.rule('has(self.storage) == has(oldSelf.storage)', {
    message: 'members keep what they were made with, volumes or none: make another cluster',
    fieldPath: '.storage',
  });
}

const storage = t
  .object({
    size: t
      .quantity()
      .rule('quantity(string(self)).compareTo(quantity(string(oldSelf))) >= 0', {
        message: 'volumes grow, and do not shrink',
      })
      .describe('Of the volume of each member; a larger one grows it while it is used.'),
    className: t.string({ minLength: 1 }).optional().describe('Its StorageClass.'),
  })
  .rule(
    'has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)',
    { message: 'a volume keeps its class', fieldPath: '.className' },
  )
  .describe('A volume for each member; without it, data live and go with the pod.');

/** What is the platform's own has a place in the schema as well: it would be left out without a word otherwise. */
function configType<Options>({
  parameters,
  ownParameters = {},
}: EngineTables<Options>): Type<Readonly<Record<string, unknown>>> {
  const chosen = Object.entries(parameters).map(([name, parameter]): [string, ConfigType] => [
    name,
    parameterType(parameter).optional(),
  ]);
  const own = Object.entries(ownParameters);
  const refused = own.map(([name, reason]): [string, ConfigType] => [
    name,
    anyScalar.optional().describe(`Refused, as it is the platform's own: ${reason}.`),
  ]);
  const all: Type<Readonly<Record<string, unknown>>> = t.object(
    Object.fromEntries([...chosen, ...refused]),
  );
  return own.reduce(
    (type, [name, reason]) =>
      type.rule(`!has(self.${name.replaceAll('-', '__dash__')})`, {
        message: `the platform's own: ${reason}`,
        reason: 'FieldValueForbidden',
        fieldPath: `.${name}`,
      }),
    all,
  );
}

type ConfigType = Type<unknown, 'optional'>;

const anyScalar: Type<number | string> = t.raw({ 'x-kubernetes-int-or-string': true });

function parameterType(parameter: Parameter): Type<number | string> {
  const typed: Type<number | string> = schemaOf(parameter);
  return parameter.description === undefined ? typed : typed.describe(parameter.description);
}

const bytesType: Type<number | string> = t.raw({
  ...{ 'x-kubernetes-int-or-string': true, pattern: '^[0-9]+([bB]|[kKmMgG][bB]?)?$' },
});

function schemaOf(parameter: Parameter): Type<number> | Type<string> | Type<number | string> {
  if (parameter.type === 'choice') return t.enum(parameter.choices);
  if (parameter.type === 'bytes') return bytesType;
  if (parameter.type === 'text') {
    return t.string({
      maxLength: 1_024,
      ...(parameter.pattern ? { pattern: parameter.pattern } : {}),
    });
  }
  const { min, max } = parameter;
  return t.int64({
    ...(min === undefined ? {} : { minimum: min }),
    ...(max === undefined ? {} : { maximum: max }),
  });
}

const status: Type<ClusterStatus> = t.object({
  phase: t.enum(clusterPhases).optional(),
  observedGeneration: t.int64().optional(),
  endpoint: t.string().optional().describe('Where clients connect.'),
  version: t.string().optional().describe('What all members run; absent while they differ.'),
  ready: t.string().optional().describe('Members that take part, of all.'),
  members: t
    .list(
      t.object({
        name: t.string(),
        role: t.string(),
        ready: t.boolean(),
        host: t.string().optional(),
        version: t.string().optional(),
        lag: t.string().optional().describe('What it is behind its leader.'),
      }),
    )
    .optional(),
  step: t
    .object({
      id: t.string(),
      why: t.string(),
      on: t.string().optional(),
      since: t.time(),
    })
    .nullable()
    .optional()
    .describe('What is being done, and why.'),
  failure: t
    .object({ id: t.string(), message: t.string(), since: t.time() })
    .nullable()
    .optional()
    .describe('What was tried in vain, and is tried again.'),
  settings: t
    .map(t.string())
    .optional()
    .describe('Settings that were set while members ran, as all of them had them last.'),
  spentApprovals: t
    .list(t.string())
    .optional()
    .describe(
      'What was approved and is done: to approve it again, take the annotation away first.',
    ),
  restore: restoreStatusType.optional().describe('How it is filled from a backup.'),
  backup: policyStatusType.nullable().optional().describe('Backups on the schedule.'),
  conditions: t.conditions().optional(),
});
