// Admission webhooks of an embedded home: a webhook in this process changes and refuses what the real kubectl sends.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureCertificates } from '@tweendeck/apiserver';
import { clockOf, randomOf } from '@tweendeck/std';
import { TestHome, until } from './support/home.ts';

const version = '1.35';

// biome-ignore lint/suspicious/noExplicitAny: a review is JSON of any shape.
type Json = any;

/** What a webhook answers to the request of a review; undefined: an error of the server. */
type Answer = (request: Json) => Record<string, unknown> | undefined;

/** A webhook that keeps what it was asked. */
class TestWebhook implements AsyncDisposable {
  readonly asked: Json[] = [];
  readonly answers = new Map<string, Answer>();
  /** What is done before an answer. */
  readonly before = new Map<string, (request: Json) => Promise<void>>();
  readonly #stack: AsyncDisposableStack;
  readonly port: number;
  readonly bundle: string;

  private constructor(stack: AsyncDisposableStack, port: number, bundle: string) {
    this.#stack = stack;
    this.port = port;
    this.bundle = bundle;
  }

  static async open(): Promise<TestWebhook> {
    await using stack = new AsyncDisposableStack();
    const directory = await mkdtemp(join(tmpdir(), 'tweendeck-webhook-'));
    stack.defer(() => rm(directory, { recursive: true }));
    const certificates = await ensureCertificates(
      directory,
      {
        clock: clockOf(globalThis),
        random: randomOf(globalThis.crypto),
        hosts: ['127.0.0.1', 'hook.default.svc'],
      },
      new AbortController().signal,
    );
    const server = createServer({
      cert: certificates.servingCertificate,
      key: certificates.servingKey,
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    stack.defer(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    const address = server.address();
    assert.ok(address && typeof address === 'object');
    const bundle = Buffer.from(certificates.authority).toString('base64');
    const hook = new TestWebhook(stack.move(), address.port, bundle);
    server.on('request', (incoming, outgoing) => void hook.#answer(incoming, outgoing));
    return hook;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { apiVersion, kind, request } = JSON.parse(await textOf(incoming));
    const path = (incoming.url ?? '').split('?')[0] ?? '';
    this.asked.push({ path, ...request });
    await this.before.get(path)?.(request);
    const answer = this.answers.get(path)?.(request);
    if (!answer) {
      outgoing.writeHead(500).end('broken');
      return;
    }
    const response = { uid: request.uid, ...answer };
    outgoing.writeHead(200, { 'content-type': 'application/json' });
    outgoing.end(JSON.stringify({ apiVersion, kind, response }));
  }

  /** One webhook as a configuration has it. */
  entry(name: string, path: string, more: Record<string, unknown> = {}): Record<string, unknown> {
    return {
      name,
      clientConfig: { url: `https://127.0.0.1:${this.port}${path}`, caBundle: this.bundle },
      rules: [
        {
          operations: ['CREATE', 'UPDATE'],
          apiGroups: [''],
          apiVersions: ['v1'],
          resources: ['configmaps'],
        },
      ],
      objectSelector: { matchLabels: { hooked: 'yes' } },
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      ...more,
    };
  }
}

async function textOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

const patch = (...operations: readonly unknown[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

const map = (name: string, data: Record<string, string>, labels = { hooked: 'yes' }): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, labels }, data });

test('webhooks change and refuse what kubectl sends', async (context) => {
  await using home = await TestHome.open();
  await using hook = await TestWebhook.open();
  const run = (args: readonly string[], input?: string) => home.kubectl(version, args, input);
  const kubectl = async (args: readonly string[], input?: string): Promise<string> => {
    const outcome = await run(args, input);
    assert.equal(outcome.code, 0, `kubectl ${args.join(' ')}: ${outcome.stderr}`);
    return outcome.stdout.trim();
  };
  const configure = (kind: 'Mutating' | 'Validating', ...webhooks: readonly unknown[]) =>
    kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: `${kind}WebhookConfiguration`,
        metadata: { name: 'hooks' },
        webhooks,
      }),
    );
  const unconfigure = (kind: 'mutating' | 'validating') =>
    kubectl(['delete', `${kind}webhookconfiguration`, 'hooks']);

  await context.test('a mutating webhook fills in, and is told who asks', async () => {
    hook.answers.set('/fill', ({ object }) =>
      object.data?.filled
        ? { allowed: true }
        : { ...patch({ op: 'add', path: '/data/filled', value: 'yes' }), warnings: ['filled in'] },
    );
    await configure('Mutating', hook.entry('fill.tweendeck.io', '/fill'));
    const outcome = await run(['apply', '-f', '-'], map('one', { a: 'b' }));
    assert.match(outcome.stderr, /Warning: filled in/);
    assert.equal(await kubectl(['get', 'cm', 'one', '-o', 'jsonpath={.data.filled}']), 'yes');
    const [request] = hook.asked;
    assert.equal(request.operation, 'CREATE');
    assert.equal(request.userInfo.username, 'tweendeck:admin');
    assert.deepEqual(request.resource, { group: '', version: 'v1', resource: 'configmaps' });
    assert.deepEqual([request.name, request.namespace, request.dryRun], ['one', 'default', false]);
    assert.equal(request.oldObject, null);
    assert.equal(request.options.kind, 'CreateOptions');
  });

  await context.test('what it does not select passes unasked', async () => {
    hook.asked.length = 0;
    await kubectl(['apply', '-f', '-'], map('other', { a: 'b' }, { hooked: 'no' }));
    assert.deepEqual(hook.asked, []);
    assert.equal(await kubectl(['get', 'cm', 'other', '-o', 'jsonpath={.data.filled}']), '');
  });

  await context.test('what the webhook added belongs to nobody who asked', async () => {
    const fields = await kubectl(['get', 'cm', 'one', '-o', 'yaml', '--show-managed-fields']);
    assert.doesNotMatch(fields, /f:filled/);
  });

  await context.test('earlier webhooks are asked again where they wish it', async () => {
    hook.answers.set('/count', ({ object }) =>
      patch({ op: 'add', path: '/data/seen', value: String(Object.keys(object.data).length) }),
    );
    await configure(
      'Mutating',
      hook.entry('count.tweendeck.io', '/count', { reinvocationPolicy: 'IfNeeded' }),
      hook.entry('fill.tweendeck.io', '/fill'),
    );
    hook.asked.length = 0;
    await kubectl(['apply', '-f', '-'], map('two', { a: 'b' }));
    assert.deepEqual(
      hook.asked.map(({ path }) => path),
      ['/count', '/fill', '/count'],
    );
    assert.equal(await kubectl(['get', 'cm', 'two', '-o', 'jsonpath={.data.seen}']), '3');
    await unconfigure('mutating');
  });

  await context.test('a validating webhook refuses with its words and code', async () => {
    hook.answers.set('/check', ({ object, operation }) =>
      operation === 'DELETE' || object.data?.bad
        ? { allowed: false, status: { message: 'not like this', code: 422, reason: 'Invalid' } }
        : { allowed: true },
    );
    const rules = [
      { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['configmaps'] },
    ];
    await configure('Validating', hook.entry('check.tweendeck.io', '/check', { rules }));
    const refused = await run(['create', '-f', '-'], map('three', { bad: 'x' }));
    assert.match(
      refused.stderr,
      /admission webhook "check.tweendeck.io" denied the request: not like this/,
    );
    await kubectl(['create', '-f', '-'], map('three', { good: 'x' }));
    const update = await run(['patch', 'cm', 'three', '-p', '{"data":{"bad":"x"}}']);
    assert.match(update.stderr, /denied the request: not like this/);
    const request = hook.asked.at(-1);
    assert.deepEqual(request.oldObject.data, { good: 'x' });
    const deletion = await run(['delete', 'cm', 'three']);
    assert.match(deletion.stderr, /denied the request: not like this/);
    assert.equal(hook.asked.at(-1).options.kind, 'DeleteOptions');
  });

  await context.test('dry run asks too, and says so', async () => {
    await run(['create', '--dry-run=server', '-f', '-'], map('four', { good: 'x' }));
    assert.equal(hook.asked.at(-1).dryRun, true);
  });

  await context.test('match conditions decide who is asked', async () => {
    const matchConditions = [
      { name: 'not-admin', expression: "request.userInfo.username != 'tweendeck:admin'" },
    ];
    await configure('Validating', hook.entry('check.tweendeck.io', '/check', { matchConditions }));
    await kubectl(['create', '-f', '-'], map('five', { bad: 'x' }));
    const other = await run(
      ['create', '--as=x', '--as-group=system:masters', '-f', '-'],
      map('six', { bad: 'x' }),
    );
    assert.match(other.stderr, /denied the request/);
  });

  await context.test('a webhook that fails refuses or is passed over, as it says', async () => {
    await configure('Validating', hook.entry('broken.tweendeck.io', '/broken'));
    const refused = await run(['create', '-f', '-'], map('seven', {}));
    assert.match(
      refused.stderr,
      /Internal error occurred: failed calling webhook "broken.tweendeck.io": failed to call webhook: an error on the server \("broken"\) has prevented the request from succeeding/,
    );
    await configure(
      'Validating',
      hook.entry('broken.tweendeck.io', '/broken', { failurePolicy: 'Ignore' }),
    );
    await kubectl(['create', '-f', '-'], map('seven', {}));
    const nowhere = { url: 'https://127.0.0.1:1/', caBundle: hook.bundle };
    await configure('Validating', hook.entry('a.b.c', '/', { clientConfig: nowhere }));
    assert.match(
      (await run(['create', '-f', '-'], map('eight', {}))).stderr,
      /Post "https:\/\/127.0.0.1:1\/\?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused/,
    );
  });

  await context.test('a webhook behind a service of the home', async () => {
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'hook' } };
    const ports = [{ name: 'https', port: 443 }];
    await kubectl(['apply', '-f', '-'], JSON.stringify({ ...service, spec: { ports } }));
    const slice = {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'hook', labels: { 'kubernetes.io/service-name': 'hook' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
      ports: [{ name: 'https', port: hook.port, protocol: 'TCP' }],
    };
    await kubectl(['apply', '-f', '-'], JSON.stringify(slice));
    const reference = { namespace: 'default', name: 'hook', path: '/check' };
    const clientConfig = { service: reference, caBundle: hook.bundle };
    await configure('Validating', hook.entry('check.tweendeck.io', '/', { clientConfig }));
    assert.match(
      (await run(['create', '-f', '-'], map('nine', { bad: 'x' }))).stderr,
      /denied the request: not like this/,
    );
    await unconfigure('validating');
    await until('nobody stands in the way any more', async () => {
      return (await run(['create', '-f', '-'], map('nine', { bad: 'x' }))).code === 0;
    });
  });

  await context.test('a webhook is asked in the version that it knows', async () => {
    const schema = {
      openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    };
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'things.hooks.io' },
      spec: {
        group: 'hooks.io',
        names: { kind: 'Thing', plural: 'things' },
        scope: 'Namespaced',
        versions: [
          { name: 'v1', served: true, storage: true, schema },
          { name: 'v2', served: true, storage: false, schema },
        ],
      },
    };
    await kubectl(['apply', '-f', '-'], JSON.stringify(definition));
    await kubectl(['wait', '--for=condition=Established', 'crd/things.hooks.io']);
    hook.answers.set('/things', () => patch({ op: 'add', path: '/spec', value: { by: 'hook' } }));
    const rules = [
      {
        operations: ['CREATE'],
        apiGroups: ['hooks.io'],
        apiVersions: ['v1'],
        resources: ['things'],
      },
    ];
    await configure('Mutating', hook.entry('things.tweendeck.io', '/things', { rules }));
    const thing = {
      apiVersion: 'hooks.io/v2',
      kind: 'Thing',
      metadata: { name: 'one', labels: { hooked: 'yes' } },
    };
    await until('the kind is served', async () => {
      return (await run(['create', '-f', '-'], JSON.stringify(thing))).code === 0;
    });
    const { kind, requestKind, object } = hook.asked.at(-1);
    assert.deepEqual(kind, { group: 'hooks.io', version: 'v1', kind: 'Thing' });
    assert.deepEqual(requestKind, { group: 'hooks.io', version: 'v2', kind: 'Thing' });
    assert.equal(object.apiVersion, 'hooks.io/v1');
    const by = ['get', 'things.v2.hooks.io', 'one', '-o', 'jsonpath={.apiVersion} {.spec.by}'];
    assert.equal(await kubectl(by), 'hooks.io/v2 hook');
    await unconfigure('mutating');
  });

  await context.test('a webhook sees a scale as a Scale', async () => {
    const rules = [
      {
        operations: ['*'],
        apiGroups: ['apps'],
        apiVersions: ['v1'],
        resources: ['deployments/scale'],
      },
    ];
    hook.answers.set('/scale', ({ object }) =>
      object.spec.replicas > 3
        ? { allowed: false, status: { message: 'too many' } }
        : { allowed: true },
    );
    const more = { rules, objectSelector: {} };
    await configure('Validating', hook.entry('scale.tweendeck.io', '/scale', more));
    await kubectl(['create', 'deployment', 'd', '--image=none', '--replicas=0']);
    const many = await run(['scale', 'deployment', 'd', '--replicas=9']);
    assert.match(many.stderr, /denied the request: too many/);
    const request = hook.asked.at(-1);
    assert.deepEqual(request.kind, { group: 'autoscaling', version: 'v1', kind: 'Scale' });
    assert.equal(request.subResource, 'scale');
    await kubectl(['scale', 'deployment', 'd', '--replicas=0']);
    await unconfigure('validating');
  });

  await context.test(
    'a webhook that writes the object itself does not wait for its own turn',
    async () => {
      hook.answers.set('/write', () => ({ allowed: true }));
      hook.before.set('/write', async ({ name, userInfo }) => {
        if (userInfo.username === 'hook') return;
        const as = ['--as=hook', '--as-group=system:masters'];
        await kubectl(['annotate', 'cm', name, 'seen=yes', '--overwrite', ...as]);
      });
      await configure('Validating', hook.entry('write.tweendeck.io', '/write'));
      const began = performance.now();
      await kubectl(['patch', 'cm', 'two', '-p', '{"data":{"z":"z"}}']);
      assert.ok(performance.now() - began < 8_000);
      const text = await kubectl([
        'get',
        'cm',
        'two',
        '-o',
        'jsonpath={.data.z}{.metadata.annotations.seen}',
      ]);
      assert.equal(text, 'zyes');
      await unconfigure('validating');
    },
  );

  await context.test(
    'a webhook that does not answer is waited for as long as it says',
    async () => {
      hook.before.set('/slow', () => new Promise(() => undefined));
      await configure(
        'Validating',
        hook.entry('slow.tweendeck.io', '/slow', { timeoutSeconds: 1 }),
      );
      assert.match(
        (await run(['create', '-f', '-'], map('ten', {}))).stderr,
        /Post "https:\/\/127.0.0.1:\d+\/slow\?timeout=1s": context deadline exceeded/,
      );
      await unconfigure('validating');
    },
  );
});
