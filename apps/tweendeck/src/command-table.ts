// Every command of the program: what it is called, what it takes, and where its code is.

import type { CommandSpec, OptionSpec } from './command-line.ts';

const dataDirectory: OptionSpec = {
  type: 'string',
  value: 'DIR',
  description: 'where the embedded home keeps its state',
  defaultText: '$XDG_STATE_HOME/tweendeck or ~/.local/state/tweendeck',
};

const help: OptionSpec = { type: 'boolean', short: 'h', description: 'this text' };

const connection: Readonly<Record<string, OptionSpec>> = {
  kubeconfig: {
    type: 'string',
    value: 'FILE',
    description: 'which cluster to speak to',
    defaultText: 'the embedded home of --data-dir, $KUBECONFIG, or the default embedded home',
  },
  'data-dir': { ...dataDirectory, description: 'speak to the embedded home there' },
  help,
};

const namespaced: Readonly<Record<string, OptionSpec>> = {
  namespace: {
    type: 'string',
    short: 'n',
    value: 'NAME',
    description: 'the namespace',
    defaultText: 'default',
  },
  ...connection,
};

const cacheAddress: Readonly<Record<string, OptionSpec>> = {
  server: {
    type: 'string',
    short: 's',
    value: 'HOST:PORT',
    description: 'the cache server to speak to',
    defaultText: '127.0.0.1:8126',
  },
  help,
};

const url: OptionSpec = {
  type: 'string',
  value: 'URL',
  description: 'ask this status address (of "cacheserver serve") instead',
};

const answerTimeout: OptionSpec = {
  type: 'string',
  value: 'SECONDS',
  description: 'how long an answer may take',
  defaultText: '30, of an order 600',
};

/** Of orders to the status port of a cache. */
const cacheOrder: Readonly<Record<string, OptionSpec>> = {
  cache: { type: 'string', short: 'c', value: 'NAME', description: 'the CacheServer to ask' },
  url,
  'cache-namespace': {
    type: 'string',
    value: 'NAME',
    description: 'the namespace inside a cache that serves several',
  },
  timeout: answerTimeout,
  output: { type: 'string', short: 'o', value: 'FORM', description: 'json for machines' },
  ...namespaced,
};

const controlToken: OptionSpec = {
  type: 'string',
  value: 'FILE',
  description: 'the token that the server was started with (--control-token-file)',
  defaultText: 'with --cache, that of its Secret',
};

const leaseSeconds: OptionSpec = {
  type: 'string',
  value: 'SECONDS',
  description: "how long a node's lease lasts; it is renewed four times as often",
  defaultText: '40',
};

/** As kube-controller-manager and kube-apiserver name them. */
const nodeTimes: Readonly<Record<string, OptionSpec>> = {
  'lease-seconds': leaseSeconds,
  'node-monitor-grace-period': {
    type: 'string',
    value: 'SECONDS',
    description: 'how long a node may be silent before it counts as lost',
    defaultText: '50',
  },
  'default-not-ready-toleration-seconds': {
    type: 'string',
    value: 'SECONDS',
    description: 'how long pods stay on a node that is not ready, where they do not say so',
    defaultText: '300',
  },
  'default-unreachable-toleration-seconds': {
    type: 'string',
    value: 'SECONDS',
    description: 'how long pods stay on a node that is lost, where they do not say so',
    defaultText: '300',
  },
};

export const commands: readonly CommandSpec[] = [
  {
    name: 'up',
    summary:
      'Runs the embedded home: API server, controllers and agent in one process, until Ctrl-C',
    options: {
      'data-dir': dataDirectory,
      port: {
        type: 'string',
        value: 'PORT',
        description: 'port of the API server, 0 for a free one',
        defaultText: '7443',
      },
      quickstart: {
        type: 'string',
        value: 'WHAT',
        description: 'what to create when it is not there: cacheserver or none',
        defaultText: 'cacheserver',
      },
      'cache-port': {
        type: 'string',
        value: 'PORT',
        description: "port of the quickstart's CacheServer",
        defaultText: '8126',
      },
      'encryption-keys': {
        type: 'string',
        value: 'FILE',
        description: 'the keys that secrets are encrypted with on disk',
        defaultText: 'encryption-keys in the data directory, made at the first start',
      },
      'audit-log': {
        type: 'string',
        value: 'FILE',
        description: 'write down every request there, a line of JSON each',
        defaultText: 'none',
      },
      'audit-policy': {
        type: 'string',
        value: 'FILE',
        description: 'which requests, and how much of them: a Policy of audit.k8s.io/v1',
        defaultText: 'all, without their content',
      },
      'audit-log-size': {
        type: 'string',
        value: 'MIB',
        description: 'put the file aside when it has grown to this size',
        defaultText: '100',
      },
      'audit-log-files': {
        type: 'string',
        value: 'N',
        description: 'files put aside that are kept',
        defaultText: '10',
      },
      'set-aside-damaged': {
        type: 'boolean',
        description: 'start without records that the disk damaged, and keep them aside',
      },
      'metrics-bind-address': {
        type: 'string',
        value: 'HOST:PORT',
        description:
          'where /metrics of controllers and middleware is served, such as 127.0.0.1:8080',
        defaultText: '0: nowhere',
      },
      nodes: {
        type: 'string',
        value: 'N',
        description: 'how many nodes run in this process: local, local-2, ...',
        defaultText: '1',
      },
      ...nodeTimes,
      json: { type: 'boolean', description: 'log lines and the ready message as JSON' },
      'log-level': {
        type: 'string',
        value: 'LEVEL',
        description: 'debug, info, warn or error',
        defaultText: 'warn; info with --json',
      },
      help,
    },
    load: () => import('./commands/up.ts'),
  },
  {
    name: 'agent',
    summary: 'Runs one more node of an embedded home in a process of its own, until Ctrl-C',
    details: [
      'On the machine of the home: pods and nodes have loopback addresses. With --name it makes its credentials from the',
      'home\'s folder; with --kubeconfig it takes those that "tweendeck node kubeconfig" printed.',
    ],
    options: {
      name: { type: 'string', value: 'NAME', description: 'name of the node' },
      'data-dir': { ...dataDirectory, description: 'the embedded home to join' },
      kubeconfig: {
        type: 'string',
        value: 'FILE',
        description: 'which home to join, and as which node',
      },
      'agent-dir': {
        type: 'string',
        value: 'DIR',
        description: 'where the node keeps its files, for itself alone',
        defaultText: 'nodes/NAME in the data directory',
      },
      zone: { type: 'string', value: 'ZONE', description: 'label topology.kubernetes.io/zone' },
      label: {
        type: 'string',
        value: 'KEY=VALUE',
        multiple: true,
        description: 'one more label of the node; repeatable',
      },
      'lease-seconds': leaseSeconds,
      json: { type: 'boolean', description: 'log lines and the ready message as JSON' },
      'log-level': {
        type: 'string',
        value: 'LEVEL',
        description: 'debug, info, warn or error',
        defaultText: 'warn; info with --json',
      },
      help,
    },
    load: () => import('./commands/agent.ts'),
  },
  {
    name: 'node kubeconfig',
    operands: 'NAME',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Prints the credentials with which an agent joins the embedded home as this node',
    options: { 'data-dir': dataDirectory, help },
    load: () => import('./commands/node-kubeconfig.ts'),
  },
  {
    name: 'controllers',
    summary: "Runs the platform's controllers against a Kubernetes cluster, until it is stopped",
    details: [
      'The cluster is that of --kubeconfig, of $KUBECONFIG, or the one in whose pod it runs. The kinds must be installed',
      'there, which the Helm chart does. Exit code 1 when the lease is lost: start it again.',
    ],
    options: {
      kubeconfig: {
        type: 'string',
        value: 'FILE',
        description: 'which cluster to speak to, and as whom',
        defaultText: "$KUBECONFIG, or the pod's service account",
      },
      namespace: {
        type: 'string',
        short: 'n',
        value: 'NAME',
        description: 'look after this namespace alone',
        defaultText: 'all namespaces',
      },
      'leader-elect': {
        type: 'string',
        value: 'BOOL',
        description: 'act only while holding the lease, so that several may run',
        defaultText: 'true',
      },
      'leader-elect-resource-name': {
        type: 'string',
        value: 'NAME',
        description: 'name of the lease',
        defaultText: 'tweendeck-controllers',
      },
      'leader-elect-resource-namespace': {
        type: 'string',
        value: 'NAME',
        description: 'namespace of the lease',
        defaultText: "the pod's, or the kubeconfig context's",
      },
      'metrics-bind-address': {
        type: 'string',
        value: 'HOST:PORT',
        description: 'where /metrics is served, 0 for nowhere',
        defaultText: ':8080',
      },
      'health-probe-bind-address': {
        type: 'string',
        value: 'HOST:PORT',
        description: 'where /livez and /readyz are served, 0 for nowhere',
        defaultText: ':8081',
      },
      json: { type: 'boolean', description: 'log lines as JSON' },
      'log-level': {
        type: 'string',
        value: 'LEVEL',
        description: 'debug, info, warn or error',
        defaultText: 'info',
      },
      help,
    },
    load: () => import('./commands/controllers.ts'),
  },
  {
    name: 'plan',
    operands: '[KIND NAME]',
    operandsMax: 2,
    summary: 'Tells what the controllers would do about a middleware cluster, and changes nothing',
    details: [
      'Of the cluster as it is declared, or, with --file, as "tweendeck apply" of that file would declare it. Members are',
      'asked, so they must be reachable: on the machine of the embedded home, or in the cluster. Steps are foreseen as far as',
      'they follow from what is seen.',
      'Exit code 0; with --exit-code 3 when something would be done, 4 when something needs a person.',
    ],
    options: {
      file: {
        type: 'string',
        short: 'f',
        value: 'FILE',
        multiple: true,
        description: 'clusters as they are to be, YAML or JSON, - for standard input; repeatable',
      },
      output: { type: 'string', short: 'o', value: 'FORM', description: 'json for machines' },
      'exit-code': { type: 'boolean', description: 'tell by the exit code what would be done' },
      'pod-network': {
        type: 'boolean',
        description:
          'this machine is in the network of the pods: members may be sent their password',
      },
      ...namespaced,
    },
    load: () => import('./commands/plan.ts'),
  },
  {
    name: 'alerts',
    operands: '[KIND...]',
    operandsMax: 100,
    summary: 'Prints the default alerts of middleware as a rule file of Prometheus',
    details: ['KIND is RedisCluster, RedisSentinel or Memcached; without it, all of them.'],
    options: { help },
    load: async () => ({ run: (await import('./commands/alerts.ts')).alerts }),
  },
  {
    name: 'dashboard',
    operands: 'KIND',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Prints the dashboard of a kind of middleware, for Grafana to import',
    options: { help },
    load: async () => ({ run: (await import('./commands/alerts.ts')).dashboard }),
  },
  {
    name: 'get',
    operands: 'KIND[/NAME] [NAME...]',
    operandsMin: 1,
    operandsMax: 100,
    summary: 'Lists objects, or shows the named ones',
    details: [
      'KIND is a kind, plural, short name or category; several may be joined: pods,services or all.',
    ],
    options: {
      'all-namespaces': { type: 'boolean', short: 'A', description: 'objects of all namespaces' },
      output: {
        type: 'string',
        short: 'o',
        value: 'FORM',
        description: 'wide, yaml, json or name',
      },
      selector: {
        type: 'string',
        short: 'l',
        value: 'LABELS',
        description: 'only objects with these labels',
      },
      watch: { type: 'boolean', short: 'w', description: 'go on showing changes until Ctrl-C' },
      ...namespaced,
    },
    load: () => import('./commands/get.ts'),
  },
  {
    name: 'describe',
    operands: 'KIND[/NAME] [NAME...]',
    operandsMin: 1,
    operandsMax: 100,
    summary: 'Shows objects in full with their events',
    options: { ...namespaced },
    load: () => import('./commands/describe.ts'),
  },
  {
    name: 'apply',
    summary: 'Makes objects as the files say (server-side apply)',
    options: {
      file: {
        type: 'string',
        short: 'f',
        value: 'FILE',
        multiple: true,
        description: 'YAML or JSON, - for standard input; repeatable',
      },
      force: { type: 'boolean', description: 'take fields over from other managers' },
      'dry-run': { type: 'boolean', description: 'ask the server, change nothing' },
      ...namespaced,
    },
    load: () => import('./commands/apply.ts'),
  },
  {
    name: 'delete',
    operands: '[KIND[/NAME] [NAME...]]',
    operandsMax: 100,
    summary: 'Deletes objects by name, or those that files describe',
    options: {
      file: {
        type: 'string',
        short: 'f',
        value: 'FILE',
        multiple: true,
        description: 'YAML or JSON, - for standard input; repeatable',
      },
      'no-wait': { type: 'boolean', description: 'do not wait until they are gone' },
      ...namespaced,
    },
    load: () => import('./commands/delete.ts'),
  },
  {
    name: 'logs',
    operands: 'POD',
    operandsMin: 1,
    operandsMax: 1,
    summary: "Prints a pod's log",
    options: {
      container: {
        type: 'string',
        short: 'c',
        value: 'NAME',
        description: 'which container',
        defaultText: 'the only one',
      },
      follow: { type: 'boolean', short: 'f', description: 'go on until Ctrl-C' },
      previous: { type: 'boolean', short: 'p', description: 'of the run before the last restart' },
      tail: { type: 'string', value: 'LINES', description: 'only the last lines' },
      since: { type: 'string', value: 'SECONDS', description: 'only lines younger than this' },
      timestamps: { type: 'boolean', description: 'with the time of each line' },
      ...namespaced,
    },
    load: () => import('./commands/logs.ts'),
  },
  {
    name: 'kubeconfig',
    summary: "Prints the embedded home's kubeconfig",
    options: {
      path: { type: 'boolean', description: 'print where the file is instead' },
      'data-dir': dataDirectory,
      help,
    },
    load: () => import('./commands/kubeconfig.ts'),
  },
  {
    name: 'backup',
    operands: 'FILE',
    operandsMin: 1,
    operandsMax: 1,
    summary:
      'Writes all that the embedded home knows to a file, while it runs or while it does not',
    details: [
      'In it: every object, the keys of service accounts and of secrets, and the certificates. Not in it: the data of',
      'volumes and caches. Who has the file has the home: it is written for you alone.',
    ],
    options: {
      check: { type: 'boolean', description: 'look whether FILE is whole, and say what is in it' },
      'without-keys': {
        type: 'boolean',
        description: 'leave the keys out: the secrets in it stay sealed',
      },
      force: { type: 'boolean', description: 'replace the file if it is there' },
      'encryption-keys': {
        type: 'string',
        value: 'FILE',
        description: 'where the keys of a home that does not run are',
        defaultText: 'encryption-keys in the data directory',
      },
      ...connection,
    },
    load: () => import('./commands/backup.ts'),
  },
  {
    name: 'restore',
    operands: 'FILE',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Makes a data directory of a backup; the home must not run',
    details: [
      'Clients take notice: resource versions go on far above those in the backup, and every watch begins anew.',
    ],
    options: {
      force: {
        type: 'boolean',
        description: 'even where a home is already; what is there is kept in a folder beside',
      },
      'data-dir': dataDirectory,
      help,
    },
    load: () => import('./commands/restore.ts'),
  },
  {
    name: 'cluster-backup',
    operands: 'take|fill|remove',
    operandsMin: 1,
    operandsMax: 1,
    summary: 'Carries the data of a middleware cluster to files, or back',
    details: [
      'What Jobs of Backups and of spec.restore run; $TWEENDECK_BACKUP_TASK says for whom.',
    ],
    options: { json: { type: 'boolean', description: 'log in JSON lines' } },
    load: () => import('./commands/cluster-backup.ts'),
  },
  {
    name: 'cacheserver clean',
    summary: 'Cleans all replicas of a CacheServer once, and reports to a webhook',
    details: [
      'What spec.cleaner runs on its schedule. Ends with 1 when not all was cleaned or told.',
    ],
    options: {
      name: { type: 'string', value: 'NAME', description: 'the CacheServer, for the report' },
      service: { type: 'string', value: 'NAME', description: 'the Service of its replicas' },
      'token-file': {
        type: 'string',
        value: 'FILE',
        description: "the token of the replicas' control",
      },
      'key-file': { type: 'string', value: 'FILE', description: 'the key that signs the report' },
      webhook: { type: 'string', value: 'URL', description: 'where the report is posted' },
      'ttl-seconds': {
        type: 'string',
        value: 'SECONDS',
        description: 'values go that were not used for so long',
      },
      'renew-on-hit': {
        type: 'string',
        value: 'true|false',
        description: 'whether a hit counts as use, or storing alone',
        defaultText: 'true',
      },
      'max-bytes': {
        type: 'string',
        value: 'BYTES',
        description: 'what a replica keeps; the least recently used values go',
      },
      'dry-run': { type: 'boolean', description: 'nothing goes; the report says what would have' },
      kubeconfig: { type: 'string', value: 'FILE', description: 'which cluster to ask' },
      json: { type: 'boolean', description: 'log in JSON lines' },
    },
    load: () => import('./commands/cacheserver-clean.ts'),
  },
  {
    name: 'cacheserver entry',
    summary: 'Runs nginx in front of the replicas of a cache server',
    details: [
      'Follows the ready endpoints of a Service and reloads nginx when they change. A client address stays with one replica.',
      'Needs nginx with its stream module: apt-get install nginx-light libnginx-mod-stream.',
    ],
    options: {
      service: { type: 'string', value: 'NAME', description: 'the Service of the replicas' },
      namespace: {
        type: 'string',
        short: 'n',
        value: 'NAME',
        description: 'its namespace',
        defaultText: "the pod's own, or that of the kubeconfig",
      },
      listen: {
        type: 'string',
        value: 'HOST:PORT',
        multiple: true,
        description: 'where clients connect; repeatable',
      },
      'shared-listen-file': {
        type: 'string',
        value: 'FILE',
        description:
          'a file with addresses that other programs may share, one a line; SIGHUP makes it read them again',
      },
      'status-listen': {
        type: 'string',
        value: 'HOST:PORT',
        description: 'HTTP for /livez, /readyz, /metrics and /stats',
        defaultText: '127.0.0.1:8127',
      },
      directory: { type: 'string', value: 'DIR', description: "for nginx's own files" },
      nginx: { type: 'string', value: 'PROGRAM', description: 'another nginx than the usual one' },
      connections: {
        type: 'string',
        value: 'COUNT',
        description: 'clients at once',
        defaultText: '8192',
      },
      'linger-seconds': {
        type: 'string',
        value: 'SECONDS',
        description: 'how long new clients are still served when told to stop',
        defaultText: '0',
      },
      'drain-seconds': {
        type: 'string',
        value: 'SECONDS',
        description: 'how long clients may take to finish after that',
        defaultText: '10',
      },
      kubeconfig: { type: 'string', value: 'FILE', description: 'which cluster to ask' },
      json: { type: 'boolean', description: 'log in JSON lines' },
    },
    load: () => import('./commands/cacheserver-entry.ts'),
  },
  {
    name: 'cacheserver serve',
    summary: 'Runs the cache server alone, without the platform',
    details: [
      'Speaks the Unity Cache Server protocol (version 254). Sizes take suffixes: 500Mi, 20Gi.',
      'One cache by options, or any number by a document; SIGHUP makes it read the document and its certificates again.',
    ],
    options: {
      config: {
        type: 'string',
        value: 'FILE',
        description: 'a document (YAML or JSON) in place of the options below',
      },
      'check-config': {
        type: 'boolean',
        description: 'look at the document, tell what is wrong with it, and serve nothing',
      },
      data: { type: 'string', value: 'DIR', description: 'where the cache is kept' },
      listen: {
        type: 'string',
        value: 'HOST:PORT',
        multiple: true,
        description: 'where clients connect; repeatable',
        defaultText: '127.0.0.1:8126',
      },
      'shared-listen': {
        type: 'string',
        value: 'HOST:PORT',
        multiple: true,
        description: 'as --listen, but the address may be shared by several servers of this user',
      },
      'shared-listen-file': {
        type: 'string',
        value: 'FILE',
        description: 'a file with such addresses, one a line; SIGHUP makes it read them again',
      },
      'proxied-listen': {
        type: 'string',
        value: 'HOST:PORT',
        multiple: true,
        description:
          'where proxies connect, which send a PROXY header and are believed; repeatable',
      },
      'status-listen': {
        type: 'string',
        value: 'HOST:PORT',
        description: 'HTTP for /livez, /readyz, /metrics, /stats and "tweendeck cache ..."',
      },
      'control-token-file': {
        type: 'string',
        value: 'FILE',
        description: 'the token that purging and cleaning ask for; without it nobody may',
      },
      'rules-file': {
        type: 'string',
        value: 'FILE',
        description:
          'what it does beside: store, reliability, mirror, upstream, access as in a document; looked at every 2 s',
      },
      storage: {
        type: 'string',
        value: 'SIZE',
        description: 'how much may be kept',
        defaultText: '10Gi',
      },
      memory: {
        type: 'string',
        value: 'SIZE',
        description: 'how much of it is held in memory as well',
        defaultText: '32Mi',
      },
      durability: {
        type: 'string',
        value: 'LEVEL',
        description: 'none, or commit (synced before a transaction is visible)',
        defaultText: 'none',
      },
      'linger-seconds': {
        type: 'string',
        value: 'N',
        description:
          'how long new clients are served after it was told to stop, not ready any more',
        defaultText: '0',
      },
      'drain-seconds': {
        type: 'string',
        value: 'N',
        description: 'how long downloads may finish when it stops',
        defaultText: '10',
      },
      json: { type: 'boolean', description: 'log lines as JSON' },
      help,
    },
    load: () => import('./commands/cacheserver-serve.ts'),
  },
  {
    name: 'cache put',
    operands: 'GUID HASH',
    operandsMin: 2,
    operandsMax: 2,
    summary: 'Stores files under a key in a cache server',
    details: ['GUID and HASH are 32 hex digits as Unity prints them.'],
    options: {
      asset: { type: 'string', short: 'a', value: 'FILE', description: 'the asset binary' },
      info: { type: 'string', short: 'i', value: 'FILE', description: 'the info file' },
      resource: { type: 'string', short: 'r', value: 'FILE', description: 'the resource file' },
      ...cacheAddress,
    },
    load: () => import('./commands/cache-put.ts'),
  },
  {
    name: 'cache get',
    operands: 'GUID HASH',
    operandsMin: 2,
    operandsMax: 2,
    summary: 'Reads files of a key from a cache server',
    details: [
      'Without a file option it says which types are there and how large they are. Exit code 3: a miss.',
    ],
    options: {
      asset: {
        type: 'string',
        short: 'a',
        value: 'FILE',
        description: 'write the asset binary there',
      },
      info: { type: 'string', short: 'i', value: 'FILE', description: 'write the info file there' },
      resource: {
        type: 'string',
        short: 'r',
        value: 'FILE',
        description: 'write the resource file there',
      },
      ...cacheAddress,
    },
    load: () => import('./commands/cache-get.ts'),
  },
  {
    name: 'cache import',
    operands: 'EXPORT.json',
    operandsMin: 1,
    operandsMax: 1,
    summary:
      'Sends the transactions of a Unity cache export to a cache server, and checks that they arrived',
    details: [
      'Ends with exit code 1 when anything was lost: missing, changed or unreadable files, or refused uploads.',
    ],
    options: {
      'no-timestamp-check': {
        type: 'boolean',
        description: 'take files that changed since the export',
      },
      skip: {
        type: 'string',
        value: 'N',
        description: 'leave out the first transactions',
        defaultText: '0',
      },
      verify: { type: 'boolean', description: 'read every byte back and compare' },
      'verify-only': { type: 'boolean', description: 'send nothing, only read back and compare' },
      quiet: { type: 'boolean', short: 'q', description: 'no progress' },
      ...cacheAddress,
    },
    load: () => import('./commands/cache-import.ts'),
  },
  {
    name: 'cache import-directory',
    operands: 'DIR',
    operandsMin: 1,
    operandsMax: 1,
    summary:
      'Sends what is in the directory of a Unity cache server (cache_fs) to a cache server, and checks that it arrived',
    details: [
      'Folder by folder; files that are no values are left alone and told. Stop the other server before.',
      'Ends with exit code 1 when anything was lost.',
    ],
    options: {
      from: {
        type: 'string',
        value: 'FOLDER',
        description: 'the folder to go on with, 00 to ff',
        defaultText: '00',
      },
      verify: { type: 'boolean', description: 'read every byte back and compare' },
      quiet: { type: 'boolean', short: 'q', description: 'no progress' },
      ...cacheAddress,
    },
    load: () => import('./commands/cache-import-directory.ts'),
  },
  {
    name: 'cache export',
    operands: 'DIRECTORY',
    operandsMin: 1,
    operandsMax: 1,
    summary:
      'Writes an export file that "cache import" reads, of any directory tree (keys from content)',
    options: {
      output: {
        type: 'string',
        short: 'o',
        value: 'FILE',
        description: 'where to write it',
        defaultText: 'standard output',
      },
      'files-max': {
        type: 'string',
        value: 'N',
        description: 'take at most so many files',
        defaultText: '100000',
      },
      help,
    },
    load: () => import('./commands/cache-export.ts'),
  },
  {
    name: 'cache stats',
    operands: '[NAME]',
    operandsMax: 1,
    summary: 'Shows what the cache servers of the platform hold and do',
    details: ['NAME is a CacheServer; without it all of the namespace are shown.'],
    options: {
      url,
      timeout: answerTimeout,
      output: { type: 'string', short: 'o', value: 'FORM', description: 'json for machines' },
      ...namespaced,
    },
    load: () => import('./commands/cache-stats.ts'),
  },
  {
    name: 'cache tunnel',
    summary: 'Lets clients without TLS reach a cache server that asks for it, or for a token',
    details: [
      'Runs beside the clients: whoever reaches its address is whoever its token or certificate says.',
    ],
    options: {
      listen: {
        type: 'string',
        value: 'HOST:PORT',
        description: 'where clients connect',
        defaultText: '127.0.0.1:8126',
      },
      server: {
        type: 'string',
        short: 's',
        value: 'HOST:PORT',
        description: 'the cache server, a listener with TLS (required)',
      },
      ca: {
        type: 'string',
        value: 'FILE',
        description: 'who vouches for the server, PEM',
        defaultText: 'the authorities of Node',
      },
      'server-name': {
        type: 'string',
        value: 'NAME',
        description: 'the name in its certificate',
        defaultText: 'the host of --server',
      },
      cert: { type: 'string', value: 'FILE', description: 'a certificate to show, PEM' },
      key: { type: 'string', value: 'FILE', description: 'its key, PEM' },
      'token-file': { type: 'string', value: 'FILE', description: 'a token to show' },
      help,
    },
    load: () => import('./commands/cache-tunnel.ts'),
  },
  {
    name: 'cache replay',
    operands: 'RECORDING...',
    operandsMin: 1,
    operandsMax: 10_000,
    summary: 'Sends what a recorder kept to a cache server again, as a load or to compare answers',
    details: [
      'A RECORDING is a file or a directory of them. To compare, fill both servers alike and use one connection.',
      'Ends with exit code 1 when a session failed or differs.',
    ],
    options: {
      connections: {
        type: 'string',
        value: 'N',
        description: 'sessions at once',
        defaultText: '1',
      },
      rounds: {
        type: 'string',
        value: 'N',
        description: 'how often each is sent',
        defaultText: '1',
      },
      save: { type: 'string', value: 'FILE', description: 'write what each session got' },
      compare: { type: 'string', value: 'FILE', description: 'what --save wrote, to compare with' },
      ...cacheAddress,
    },
    load: () => import('./commands/cache-replay.ts'),
  },
  {
    name: 'cache top',
    operands: '[NAME]',
    operandsMax: 1,
    summary: 'Shows the clients that use cache servers most',
    options: {
      by: { type: 'string', value: 'WHAT', description: 'bytes or requests', defaultText: 'bytes' },
      url,
      timeout: answerTimeout,
      ...namespaced,
    },
    load: () => import('./commands/cache-top.ts'),
  },
  {
    name: 'cache lookup',
    operands: 'GUID [HASH]',
    operandsMin: 1,
    operandsMax: 2,
    summary: 'Tells what a cache keeps under a key, or under all keys of a GUID',
    details: ['Nothing of it counts as a use. Exit code 3: nothing is there.'],
    options: cacheOrder,
    load: async () => ({ run: (await import('./commands/cache-control.ts')).lookup }),
  },
  {
    name: 'cache why',
    operands: 'GUID HASH',
    operandsMin: 2,
    operandsMax: 2,
    summary: 'Tells why a key is not in a cache, as far as can be known',
    options: cacheOrder,
    load: async () => ({ run: (await import('./commands/cache-control.ts')).why }),
  },
  {
    name: 'cache purge',
    operands: '[GUID [HASH]]',
    operandsMax: 2,
    summary: 'Takes a key, all keys of a GUID, or everything out of a cache',
    options: {
      all: { type: 'boolean', description: 'everything that is kept' },
      'token-file': controlToken,
      ...cacheOrder,
    },
    load: async () => ({ run: (await import('./commands/cache-control.ts')).purge }),
  },
  {
    name: 'cache clean',
    summary: 'Runs the cleaner of a cache now, and prints its report',
    options: {
      'dry-run': { type: 'boolean', description: 'tell what would go, and take nothing away' },
      'token-file': controlToken,
      ...cacheOrder,
    },
    load: async () => ({ run: (await import('./commands/cache-control.ts')).clean }),
  },
];
