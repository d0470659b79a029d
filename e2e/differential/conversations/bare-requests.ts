// Requests that no single client sends, but some client somewhere does: options, patch types, ownership, every kind of failure.

import type { BareRequest, Conversation, Step } from '../conversation.ts';

const maps = '/api/v1/namespaces/{ns}/configmaps';
const map = (name: string, data: object = { key: 'value' }, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
});
const type = (contentType: string): Readonly<Record<string, string>> => ({
  'content-type': contentType,
});
const merge = type('application/merge-patch+json');
const strategic = type('application/strategic-merge-patch+json');
const jsonPatch = type('application/json-patch+json');
const applyPatch = type('application/apply-patch+yaml');
const table = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const metadataOnly = {
  accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json',
};
const metadataList = {
  accept: 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json',
};
const post = (body: unknown, query = ''): BareRequest => ({
  request: `POST ${maps}${query}`,
  body,
});
const apply = (name: string, manager: string, body: unknown, more = ''): BareRequest => ({
  request: `PATCH ${maps}/${name}?fieldManager=${manager}${more}`,
  headers: applyPatch,
  body,
});

const bindingTo = (name: string): object => ({
  metadata: { name },
  target: { kind: 'Node', name: 'nowhere' },
});
const bindings: readonly object[] = [
  {},
  bindingTo('absent'),
  { ...bindingTo('absent'), kind: 'Pod', apiVersion: 'v1' },
  { ...bindingTo('absent'), target: { kind: 'Rack' } },
  { metadata: { name: 'absent', namespace: 'other' }, target: { name: 'nowhere' } },
  { metadata: { name: 'absent', uid: 'x', resourceVersion: '1' }, target: { name: 'nowhere' } },
  { ...bindingTo('absent'), nonsense: 1 },
];

export const documents: Conversation = {
  name: 'documents',
  servers: 'bare',
  steps: [
    'GET /',
    'GET /version',
    'GET /version/',
    'GET /api',
    'GET /apis',
    'GET /api/v1',
    'GET /apis/apps',
    'GET /apis/apps/v1',
    'GET /apis/coordination.k8s.io/v1',
    'GET /apis/discovery.k8s.io/v1',
    'GET /apis/events.k8s.io/v1',
    'GET /apis/apiextensions.k8s.io/v1',
    'GET /apis/batch/v1',
    'GET /apis/policy/v1',
    'GET /apis/rbac.authorization.k8s.io/v1',
    'GET /apis/authentication.k8s.io/v1',
    'GET /apis/authorization.k8s.io/v1',
    'GET /apis/storage.k8s.io/v1',
    'GET /apis/networking.k8s.io/v1',
    'GET /apis/absent',
    'GET /apis/apps/v9',
    'GET /apis/apps/v1/',
    'GET /openapi/v3',
    'GET /openapi/v3/api/v1',
    'GET /openapi/v3/apis/apps/v1',
    'GET /openapi/v3/apis/absent/v1',
    'GET /openapi/v2',
    'GET /healthz',
    'GET /healthz/ping',
    'GET /livez',
    'GET /readyz?verbose',
    'GET /metrics-absent',
    'GET /nonsense',
    'POST /version',
    'GET /apis/apps/v1/nonsense',
    'GET /api/v1/namespaces/absent/configmaps',
    'GET /api/v1/namespaces/absent',
    {
      request: 'GET /apis',
      headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
    },
    {
      request: 'GET /api',
      headers: {
        accept: 'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList',
      },
    },
    { request: 'GET /api/v1', headers: { accept: 'text/html' } },
    { request: 'GET /api/v1/namespaces', headers: { accept: 'text/html' } },
    { request: 'GET /api/v1/namespaces/{ns}', headers: { accept: 'application/yaml' } },
  ],
};

const listing: readonly Step[] = [
  ...['one', 'two', 'three', 'four', 'five'].map((name, index) =>
    post(map(name, { key: name }, { labels: { odd: String(index % 2 === 0) } })),
  ),
  `GET ${maps}`,
  { request: `GET ${maps}?limit=2`, save: { next: 'metadata.continue' } },
  `GET ${maps}?limit=2&continue={next}`,
  `GET ${maps}?continue=nonsense`,
  `GET ${maps}?limit=-1`,
  `GET ${maps}?limit=x`,
  `GET ${maps}?limit=2&labelSelector=odd%3Dtrue`,
  `GET ${maps}?labelSelector=odd%3Dtrue`,
  `GET ${maps}?labelSelector=odd+in+(true,false),!absent`,
  `GET ${maps}?labelSelector=%3D%3D`,
  `GET ${maps}?fieldSelector=metadata.name%3Done`,
  `GET ${maps}?fieldSelector=nonsense%3Done`,
  `GET ${maps}?fieldSelector=metadata.namespace%3D{ns}`,
  `GET ${maps}?resourceVersion=0`,
  `GET ${maps}?resourceVersion=nonsense`,
  `GET ${maps}?resourceVersion=1&resourceVersionMatch=Exact`,
  `GET ${maps}?resourceVersionMatch=Exact`,
  `GET ${maps}?resourceVersion=0&resourceVersionMatch=Exact`,
  `GET ${maps}?resourceVersion=0&resourceVersionMatch=Odd`,
  `GET ${maps}?resourceVersion=0&limit=2`,
  `GET ${maps}?timeoutSeconds=1`,
  `GET ${maps}?pretty=true`,
  `GET ${maps}/one?pretty=1`,
  { request: `GET ${maps}`, headers: table },
  { request: `GET ${maps}?includeObject=None`, headers: table },
  { request: `GET ${maps}?includeObject=Object`, headers: table },
  { request: `GET ${maps}?includeObject=Odd`, headers: table },
  { request: `GET ${maps}/one`, headers: table },
  { request: `GET ${maps}/absent`, headers: table },
  { request: `GET ${maps}/one`, headers: metadataOnly },
  { request: `GET ${maps}`, headers: metadataList },
  { request: `GET ${maps}`, headers: { accept: 'application/yaml' } },
  { request: `GET ${maps}`, headers: { accept: 'application/xml' } },
  { request: `GET ${maps}`, headers: { accept: '*/*' } },
  { request: 'GET /api/v1/namespaces/{ns}/pods?limit=1', headers: table },
  {
    request: 'GET /api/v1/namespaces?labelSelector=kubernetes.io/metadata.name%3D{ns}',
    headers: table,
  },
  'GET /api/v1/configmaps?fieldSelector=metadata.name%3Dtwo',
  'HEAD /api/v1/namespaces/{ns}',
  'OPTIONS /api/v1/namespaces/{ns}',
  { request: `GET ${maps}`, save: { version: 'metadata.resourceVersion' } },
  `GET ${maps}?resourceVersion={version}&resourceVersionMatch=Exact`,
  `GET ${maps}?resourceVersion={version}&resourceVersionMatch=NotOlderThan`,
  `GET ${maps}?watch=1&timeoutSeconds=1`,
  `GET ${maps}?watch=1&timeoutSeconds=1&resourceVersion=0`,
  `GET ${maps}?watch=1&timeoutSeconds=1&resourceVersion={version}`,
  `GET ${maps}?watch=1&timeoutSeconds=1&resourceVersion=1`,
  `GET ${maps}?watch=1&timeoutSeconds=1&resourceVersion=nonsense`,
  `GET ${maps}?watch=1&timeoutSeconds=1&labelSelector=odd%3Dtrue`,
  `GET ${maps}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dtwo`,
  `GET ${maps}?watch=1&timeoutSeconds=1&allowWatchBookmarks=true`,
  `GET ${maps}?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
  `GET ${maps}?watch=1&timeoutSeconds=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan`,
  `GET ${maps}?watch=1&timeoutSeconds=1&sendInitialEvents=true`,
  `GET ${maps}?watch=1&timeoutSeconds=1&resourceVersionMatch=NotOlderThan`,
  `GET ${maps}?sendInitialEvents=true`,
  `GET ${maps}/one?watch=1&timeoutSeconds=1`,
  { request: `GET ${maps}?watch=1&timeoutSeconds=1`, headers: table },
  { request: `GET ${maps}?watch=1&timeoutSeconds=1`, headers: metadataOnly },
  'GET /api/v1/watch/namespaces/{ns}/configmaps?timeoutSeconds=1&watch=1',
  'GET /api/v1/namespaces?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3D{ns}',
];

export const lists: Conversation = { name: 'lists', servers: 'bare', steps: listing };

export const writes: Conversation = {
  name: 'writes',
  servers: 'bare',
  steps: [
    { ...post(map('one')), save: { uid: 'metadata.uid', version: 'metadata.resourceVersion' } },
    post(map('one')),
    post(map('dry'), '?dryRun=All'),
    post(map('dry'), '?dryRun=Some'),
    `GET ${maps}/dry`,
    post(map('', {}, { name: undefined, generateName: 'made-' })),
    post(
      map(
        'given',
        {},
        {
          uid: 'mine',
          resourceVersion: '',
          creationTimestamp: '2020-01-01T00:00:00Z',
          generation: 7,
          selfLink: 'x',
        },
      ),
    ),
    post(map('versioned', {}, { resourceVersion: '5' })),
    post(map('elsewhere', {}, { namespace: 'default' })),
    post({ ...map('kind'), kind: 'Secret' }),
    post({ ...map('version'), apiVersion: 'v2' }),
    post({ ...map('unknown'), nonsense: 1 }),
    post({ ...map('unknown-warn'), nonsense: 1 }, '?fieldValidation=Warn'),
    post(
      {
        ...map('unknown-strict'),
        nonsense: { a: 1 },
        metadata: { name: 'unknown-strict', odd: 1 },
      },
      '?fieldValidation=Strict',
    ),
    post({ ...map('unknown-ignore'), nonsense: 1 }, '?fieldValidation=Ignore'),
    post(map('odd-validation'), '?fieldValidation=Odd'),
    post(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice"},"data":{"a":"1","a":"2"}}',
      '?fieldValidation=Strict',
    ),
    post(
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"twice-warn"},"data":{"a":"1","a":"2"}}',
      '?fieldValidation=Warn',
    ),
    post('{"kind":"ConfigMap"'),
    post('[]'),
    post('null'),
    post(''),
    post({ ...map('number'), data: { key: 5 } }),
    post({ ...map('list'), metadata: [] }),
    post(map('manager', {}), `?fieldManager=${'m'.repeat(130)}`),
    post(map('manager-text', {}), '?fieldManager=%01'),
    {
      request: `POST ${maps}`,
      headers: type('application/yaml'),
      body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\n',
    },
    { request: `POST ${maps}`, headers: type('application/yaml'), body: 'a: [unclosed' },
    { request: `POST ${maps}`, headers: type('text/plain'), body: 'x' },
    { request: `POST ${maps}`, headers: type('application/cbor'), body: 'x' },
    { request: `POST ${maps}/one`, body: map('one') },
    { request: `PUT ${maps}/one`, body: map('one', { key: 'put' }) },
    { request: `PUT ${maps}/one`, body: map('one', { key: 'put' }) },
    {
      request: `PUT ${maps}/one`,
      body: map('one', { key: 'late' }, { resourceVersion: '{version}' }),
    },
    { request: `PUT ${maps}/one`, body: map('one', { key: 'x' }, { resourceVersion: 'nonsense' }) },
    { request: `PUT ${maps}/one`, body: map('one', { key: 'x' }, { uid: 'other' }) },
    { request: `PUT ${maps}/one`, body: map('two', { key: 'x' }) },
    { request: `PUT ${maps}/one`, body: map('one', { key: 'x' }, { namespace: 'default' }) },
    { request: `PUT ${maps}/absent`, body: map('absent', { key: 'x' }) },
    { request: `PUT ${maps}/absent`, body: map('absent', { key: 'x' }, { resourceVersion: '1' }) },
    { request: `PUT ${maps}`, body: map('one') },
    { request: `PUT ${maps}/one?dryRun=All`, body: map('one', { key: 'dry' }) },
    { request: `PATCH ${maps}/one`, headers: merge, body: { data: { more: 'x' } } },
    { request: `PATCH ${maps}/one`, headers: merge, body: { data: { more: 'x' } } },
    { request: `PATCH ${maps}/one`, headers: merge, body: { data: null } },
    {
      request: `PATCH ${maps}/one`,
      headers: merge,
      body: { metadata: { resourceVersion: '{version}' } },
    },
    { request: `PATCH ${maps}/one`, headers: merge, body: { metadata: { uid: 'other' } } },
    { request: `PATCH ${maps}/one`, headers: merge, body: { metadata: { name: 'other' } } },
    { request: `PATCH ${maps}/one`, headers: merge, body: '[1' },
    { request: `PATCH ${maps}/one`, headers: merge, body: { data: 5 } },
    { request: `PATCH ${maps}/one?fieldValidation=Strict`, headers: merge, body: { nonsense: 1 } },
    { request: `PATCH ${maps}/one?fieldValidation=Warn`, headers: merge, body: { nonsense: 1 } },
    { request: `PATCH ${maps}/one?dryRun=All`, headers: merge, body: { data: { dry: 'x' } } },
    { request: `PATCH ${maps}/one?force=true`, headers: merge, body: {} },
    {
      request: `PATCH ${maps}/one`,
      headers: strategic,
      body: { metadata: { labels: { a: 'b' } } },
    },
    {
      request: `PATCH ${maps}/one`,
      headers: strategic,
      body: { metadata: { labels: { $patch: 'replace', c: 'd' } } },
    },
    {
      request: `PATCH ${maps}/one`,
      headers: strategic,
      body: { metadata: { labels: { $patch: 'odd' } } },
    },
    {
      request: `PATCH ${maps}/one`,
      headers: strategic,
      body: { data: { $retainKeys: ['x'], x: 'y' } },
    },
    {
      request: `PATCH ${maps}/one`,
      headers: jsonPatch,
      body: [{ op: 'add', path: '/data', value: { a: 'b' } }],
    },
    {
      request: `PATCH ${maps}/one`,
      headers: jsonPatch,
      body: [{ op: 'replace', path: '/data/absent', value: 'x' }],
    },
    { request: `PATCH ${maps}/one`, headers: jsonPatch, body: [{ op: 'odd', path: '/data/a' }] },
    {
      request: `PATCH ${maps}/one`,
      headers: jsonPatch,
      body: [
        { op: 'copy', from: '/data/a', path: '/data/b' },
        { op: 'move', from: '/data/a', path: '/data/c' },
      ],
    },
    {
      request: `PATCH ${maps}/one`,
      headers: jsonPatch,
      body: [{ op: 'test', path: '/data/b', value: 'no' }],
    },
    { request: `PATCH ${maps}/one`, headers: jsonPatch, body: { op: 'add' } },
    { request: `PATCH ${maps}/one`, headers: type('application/json'), body: {} },
    { request: `PATCH ${maps}/absent`, headers: merge, body: {} },
    { request: `PATCH ${maps}`, headers: merge, body: {} },
    `GET ${maps}/one`,
    { request: `DELETE ${maps}/one`, body: { preconditions: { uid: 'other' } } },
    { request: `DELETE ${maps}/one`, body: { preconditions: { resourceVersion: '1' } } },
    { request: `DELETE ${maps}/one`, body: { propagationPolicy: 'Odd' } },
    {
      request: `DELETE ${maps}/one`,
      body: { propagationPolicy: 'Orphan', orphanDependents: true },
    },
    { request: `DELETE ${maps}/one`, body: { gracePeriodSeconds: -1 } },
    { request: `DELETE ${maps}/one`, body: { dryRun: ['Odd'] } },
    { request: `DELETE ${maps}/one?dryRun=All` },
    { request: `DELETE ${maps}/one?propagationPolicy=Odd` },
    { request: `DELETE ${maps}/one`, body: { kind: 'Nonsense', apiVersion: 'v1' } },
    { request: `DELETE ${maps}/one`, body: { preconditions: { uid: '{uid}' } } },
    `DELETE ${maps}/one`,
    post(map('kept', {}, { finalizers: ['example.com/kept'] })),
    `DELETE ${maps}/kept`,
    `DELETE ${maps}/kept`,
    {
      request: `PATCH ${maps}/kept`,
      headers: merge,
      body: { metadata: { finalizers: ['example.com/kept', 'example.com/more'] } },
    },
    { request: `PATCH ${maps}/kept`, headers: merge, body: { metadata: { finalizers: null } } },
    `GET ${maps}/kept`,
    post(map('foreground')),
    { request: `DELETE ${maps}/foreground`, body: { propagationPolicy: 'Foreground' } },
    `GET ${maps}/foreground`,
    post(map('orphan')),
    { request: `DELETE ${maps}/orphan`, body: { propagationPolicy: 'Orphan' } },
    `DELETE ${maps}?labelSelector=absent`,
    `DELETE ${maps}?fieldSelector=metadata.name%3Dyaml`,
    `DELETE ${maps}?dryRun=All`,
    `DELETE ${maps}?fieldSelector=nonsense%3Dx`,
    'DELETE /api/v1/configmaps',
    `DELETE ${maps}`,
    { request: `POST ${maps}`, body: map('large', { key: 'x'.repeat(1_100_000) }) },
    { request: 'POST /api/v1/namespaces/absent/configmaps', body: map('x') },
    ...['bindings', 'pods/absent/binding', 'pods/one/binding'].flatMap((path) =>
      bindings.map((body) => ({ request: `POST /api/v1/namespaces/{ns}/${path}`, body })),
    ),
    'GET /api/v1/namespaces/{ns}/bindings',
    'GET /api/v1/bindings',
    { request: 'POST /apis/authorization.k8s.io/v1/localsubjectaccessreviews', body: {} },
    {
      request: 'POST /apis/coordination.k8s.io/v1/namespaces/{ns}/leases',
      body: { metadata: { name: 'Odd_' }, spec: { nonsense: 1 } },
    },
    { request: 'POST /api/v1/namespaces/absent/bindings', body: bindingTo('one') },
    { request: 'POST /api/v1/namespaces/absent/pods/one/binding', body: bindingTo('one') },
    {
      request: 'POST /apis/coordination.k8s.io/v1/namespaces/{ns}/leases',
      body: { metadata: { name: 'x' }, spec: { renewTime: '2026-01-01T00:00:00.123Z' } },
    },
    {
      request: 'POST /apis/coordination.k8s.io/v1/namespaces/{ns}/leases',
      body: {
        metadata: { name: 'x' },
        spec: { leaseDurationSeconds: 'x', renewTime: '2026-02-30T00:00:00.000000Z' },
      },
    },
    { request: 'POST /api/v1/nodes/absent/status', body: {} },
    'PATCH /api/v1/namespaces/{ns}/status',
    'GET /api/v1/namespaces/{ns}/finalize',
    'GET /apis/apps/v1/namespaces/{ns}/deployments/absent/scale',
    {
      request: 'PUT /apis/apps/v1/namespaces/{ns}/deployments/absent/scale',
      body: {
        apiVersion: 'autoscaling/v1',
        kind: 'Scale',
        metadata: { name: 'absent' },
        spec: { replicas: 1 },
      },
    },
    'GET /api/v1/namespaces/{ns}/configmaps/one/nonsense',
    'GET /api/v1/namespaces/{ns}/pods/absent/log',
    'POST /api/v1/namespaces/{ns}/pods/absent/eviction',
    {
      request: 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { verb: 'get', resource: 'pods' } },
      },
    },
    {
      request: 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews',
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' },
    },
    {
      request: 'POST /api/v1/namespaces/{ns}/serviceaccounts/default/token',
      body: {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: { expirationSeconds: 600 },
      },
    },
  ],
};

const deploymentOf = (spec: object): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: { selector: { matchLabels: { a: 'b' } }, ...spec },
});
const templateOf = (containers: readonly object[]): object => ({
  metadata: { labels: { a: 'b' } },
  spec: { containers },
});
const deployments = '/apis/apps/v1/namespaces/{ns}/deployments';
const applyWeb = (manager: string, body: object, more = ''): BareRequest => ({
  request: `PATCH ${deployments}/web?fieldManager=${manager}${more}`,
  headers: applyPatch,
  body,
});

export const ownership: Conversation = {
  name: 'ownership',
  servers: 'bare',
  steps: [
    apply('one', 'a', map('one', { x: '1', y: '1' })),
    apply('one', 'a', map('one', { x: '1', y: '1' })),
    apply('one', 'b', map('one', { x: '1', z: '1' })),
    apply('one', 'b', map('one', { x: '2', y: '2' })),
    apply('one', 'b', map('one', { x: '2', y: '2' }), '&force=true'),
    apply('one', 'a', map('one', {})),
    apply('one', 'b', map('one', {}, { labels: { l: '1' } })),
    { request: `PATCH ${maps}/one?fieldManager=c`, headers: merge, body: { data: { m: '1' } } },
    apply('one', 'a', map('one', { m: '2' })),
    apply('one', '', map('one', {})),
    { request: `PATCH ${maps}/one`, headers: applyPatch, body: map('one') },
    apply('one', 'a', map('two', {})),
    apply('one', 'a', map('one', {}, { resourceVersion: '1' })),
    apply('one', 'a', map('one', {}, { uid: 'x' })),
    apply('absent', 'a', map('absent', {}, { resourceVersion: '1' })),
    apply('one', 'a', map('one', {}, { managedFields: [{ manager: 'x', operation: 'Apply' }] })),
    apply('one', 'a', { ...map('one'), nonsense: 1 }),
    apply('one', 'a', { ...map('one'), nonsense: 1 }, '&fieldValidation=Warn'),
    apply('one', 'a', { ...map('one'), nonsense: 1 }, '&fieldValidation=Strict'),
    apply('one', 'a', { ...map('one'), data: { a: 1 } }),
    apply('one', 'a', 'a: [unclosed'),
    apply('one', 'a', 'data: {a: b}'),
    apply('one', 'a', map('one', { x: '9' }), '&dryRun=All&force=true'),
    {
      request: `PATCH ${maps}/one?fieldManager=d`,
      headers: merge,
      body: { metadata: { managedFields: [{}] } },
    },
    applyWeb(
      'a',
      deploymentOf({
        replicas: 2,
        template: templateOf([
          {
            name: 'main',
            image: 'x:1',
            ports: [{ containerPort: 80 }],
            env: [{ name: 'A', value: '1' }],
          },
        ]),
      }),
    ),
    applyWeb(
      'b',
      deploymentOf({
        template: templateOf([
          { name: 'main', image: 'x:1' },
          { name: 'side', image: 'y' },
        ]),
      }),
    ),
    applyWeb(
      'b',
      deploymentOf({ replicas: 3, template: templateOf([{ name: 'main', image: 'x:2' }]) }),
    ),
    applyWeb(
      'b',
      deploymentOf({ replicas: 3, template: templateOf([{ name: 'main', image: 'x:2' }]) }),
      '&force=true',
    ),
    applyWeb(
      'a',
      deploymentOf({
        template: templateOf([
          { name: 'main', ports: [{ containerPort: 80 }, { containerPort: 443 }] },
        ]),
      }),
    ),
    applyWeb(
      'c',
      deploymentOf({
        template: templateOf([
          { name: 'main', ports: [{ containerPort: 80 }, { containerPort: 80 }] },
        ]),
      }),
    ),
    {
      request: `PATCH ${deployments}/web/scale?fieldManager=scaler`,
      headers: merge,
      body: { spec: { replicas: 5 } },
    },
    {
      request: `PATCH ${deployments}/web/status?fieldManager=reporter`,
      headers: merge,
      body: { status: { replicas: 1, observedGeneration: 1 }, spec: { replicas: 9 } },
    },
    {
      request: `PATCH ${deployments}/web?fieldManager=d`,
      headers: strategic,
      body: { spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } } },
    },
    {
      request: `PATCH ${deployments}/web?fieldManager=d`,
      headers: strategic,
      body: {
        spec: { template: { spec: { $setElementOrder: [], containers: [{ image: 'nameless' }] } } },
      },
    },
    {
      request: `PATCH ${deployments}/web?fieldManager=d`,
      headers: strategic,
      body: { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } },
    },
    `GET ${deployments}/web`,
    { request: `GET ${deployments}/web`, headers: table },
    { request: `GET ${deployments}/web/scale`, headers: table },
    `DELETE ${deployments}/web`,
  ],
};
