// What one client can do to a home: after each attempt another client was still answered, and memory stayed bounded.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { TestHome, until } from './support/home.ts';
import { Observer } from './support/observer.ts';

/** No answer of another client may take longer; a quiet machine shows a tenth of it. */
const waitMaxMs = 2_000;
const memoryMaxMiB = 900;

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
}

interface Sent {
  readonly method?: string;
  readonly type?: string;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
}

/** Speaks to a home without any manners of a client library. */
class Rough {
  readonly server: URL;
  readonly ca: string;
  readonly #identity: { readonly cert: string; readonly key: string };
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });

  constructor(server: URL, ca: string, identity: { readonly cert: string; readonly key: string }) {
    this.server = server;
    this.ca = ca;
    this.#identity = identity;
  }

  static async of(home: TestHome): Promise<Rough> {
    const config = parse(await readFile(home.kubeconfig, 'utf8'));
    const { cluster } = config.clusters[0];
    const { user } = config.users[0];
    const decode = (text: string): string => Buffer.from(text, 'base64').toString();
    return new Rough(new URL(cluster.server), decode(cluster['certificate-authority-data']), {
      cert: decode(user['client-certificate-data']),
      key: decode(user['client-key-data']),
    });
  }

  async ask(
    path: string,
    { method = 'GET', type, body, headers, token }: Sent = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, this.server),
        {
          method,
          ca: this.ca,
          agent: isStream(body) ? false : this.#agent,
          ...(token === undefined ? this.#identity : {}),
          headers: {
            ...headers,
            ...(type === undefined ? {} : { 'content-type': type }),
            ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
          });
        },
      );
      sent.on('error', reject);
      if (isStream(body)) void pour(body, sent);
      else sent.end(body);
    });
  }

  create(path: string, object: unknown, type = 'application/json'): Promise<Answer> {
    const body = typeof object === 'string' ? object : JSON.stringify(object);
    return this.ask(path, { method: 'POST', type, body });
  }

  /** A connection that sends what it is told, and reads nothing. */
  async stalled(text: string, token?: string): Promise<TLSSocket> {
    const socket = connect({
      host: this.server.hostname,
      port: Number(this.server.port),
      ca: this.ca,
      ...(token === undefined ? this.#identity : {}),
    });
    socket.on('error', () => undefined); // cut is what it is for
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve);
      socket.once('close', () => reject(new Error('cut before it began')));
    });
    socket.pause();
    socket.write(text);
    return socket;
  }
}

function isStream(body: Sent['body']): body is AsyncIterable<Uint8Array> {
  return typeof body === 'object' && Symbol.asyncIterator in body;
}

async function pour(
  body: AsyncIterable<Uint8Array>,
  sent: ReturnType<typeof request>,
): Promise<void> {
  let answered = false;
  sent.once('response', () => {
    answered = true;
  });
  for await (const chunk of body) {
    if (sent.destroyed || sent.errored) return;
    if (!sent.write(chunk)) {
      await new Promise<void>((resolve) => {
        sent
          .once('drain', resolve)
          .once('close', resolve)
          .once('response', () => resolve());
      });
    }
    if (answered) return;
  }
  sent.end();
}

async function* zeros(bytes: number): AsyncGenerator<Uint8Array> {
  const chunk = Buffer.alloc(64 * 1024, ' ');
  for (let sent = 0; sent < bytes; sent += chunk.byteLength) yield chunk;
}

async function memoryMiB(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`${field}:\\s+(\\d+)`).exec(text)?.[1]) / 1_024;
}

const maps = '/api/v1/namespaces/default/configmaps';
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const things = '/apis/rough.example.com/v1/namespaces/default/things';

function definition(properties: unknown): unknown {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'things.rough.example.com' },
    spec: {
      group: 'rough.example.com',
      names: { plural: 'things', kind: 'Thing' },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties } },
        },
      ],
    },
  };
}

const thing = (name: string, more: object): unknown => ({
  apiVersion: 'rough.example.com/v1',
  kind: 'Thing',
  metadata: { name },
  ...more,
});

const map = (name: string, more: object = {}): unknown => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  ...more,
});

function numbered(count: number): Readonly<Record<string, string>> {
  return Object.fromEntries(Array.from({ length: count }, (_each, index) => [`k${index}`, 'v']));
}

function laughs(): string {
  const lines = ['a0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol]'];
  for (let index = 1; index < 12; index++) {
    lines.push(
      `a${index}: &a${index} [${Array(9)
        .fill(`*a${index - 1}`)
        .join(',')}]`,
    );
  }
  return lines.join('\n');
}

/** A varint of protobuf. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}

/** Messages within messages: each the first field of the one around it. */
function protobufBomb(depth: number): Uint8Array {
  let bytes = Buffer.alloc(0);
  for (let level = 0; level < depth; level++) {
    bytes = Buffer.concat([Buffer.from([0x0a]), varint(bytes.length), bytes]);
  }
  return Buffer.concat([Buffer.from('k8s\0'), Buffer.from([0x12]), varint(bytes.length), bytes]);
}

const status =
  (...allowed: readonly number[]) =>
  (answer: Answer): void => {
    assert.ok(allowed.includes(answer.status), `${answer.status} ${answer.text.slice(0, 300)}`);
  };

interface Attempt {
  readonly name: string;
  readonly run: (rough: Rough, tokens: Tokens) => Promise<void>;
}

interface Tokens {
  readonly greedy: string;
}

const attempts: readonly Attempt[] = [
  {
    name: 'bodies of 100 MB',
    run: async (rough) => {
      const body = (): AsyncIterable<Uint8Array> => zeros(100 * 1024 ** 2);
      const said = { 'content-length': String(100 * 1024 ** 2) };
      for (const headers of [{}, said, { ...said, expect: '100-continue' }]) {
        const answers = await Promise.all(
          Array.from({ length: 8 }, () =>
            rough.ask(maps, { method: 'POST', type: 'application/json', body: body(), headers }),
          ),
        );
        for (const answer of answers) {
          status(413)(answer);
          assert.equal(JSON.parse(answer.text).reason, 'RequestEntityTooLarge');
          assert.equal(answer.headers['connection'], 'close');
        }
      }
    },
  },
  {
    name: 'YAML that laughs a billion times',
    run: async (rough) => status(400)(await rough.create(maps, laughs(), 'application/yaml')),
  },
  {
    name: 'YAML of very many keys',
    run: async (rough) => {
      const keys = Array.from({ length: 20_000 }, (_each, index) => `k${index}: v`).join('\n');
      status(400, 422)(await rough.create(maps, keys, 'application/yaml'));
    },
  },
  {
    name: 'JSON and YAML of ten and a hundred thousand levels',
    run: async (rough) => {
      for (const depth of [10_001, 100_000, 1_000_000]) {
        const body = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`.slice(0, 3_000_000);
        status(400)(await rough.create(maps, body));
        status(400)(await rough.create(maps, '['.repeat(depth), 'application/yaml'));
        status(400)(await rough.create(maps, `${'- '.repeat(depth)}a`, 'application/yaml'));
      }
    },
  },
  {
    name: 'numbers without end',
    run: async (rough) => {
      for (const number of ['1'.repeat(1_000_000), '1e999999999', `0.${'3'.repeat(1_000_000)}`]) {
        status(
          400,
          201,
          422,
        )(
          await rough.create(
            maps,
            `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"n","generation":${number}}}`,
          ),
        );
      }
    },
  },
  {
    name: 'selectors and addresses without end',
    run: async (rough) => {
      const labels = Array.from({ length: 8_000 }, (_each, index) => `k${index}!=v`).join(',');
      status(200)(await rough.ask(`${maps}?labelSelector=${encodeURIComponent(labels)}`));
      const set = `k in (${Array.from({ length: 20_000 }, (_each, index) => `v${index}`).join(',')})`;
      status(200)(await rough.ask(`${maps}?labelSelector=${encodeURIComponent(set)}`));
      const fields = Array.from({ length: 5_000 }, () => 'metadata.name!=x').join(',');
      status(200)(await rough.ask(`${maps}?fieldSelector=${encodeURIComponent(fields)}`));
      status(200)(await rough.ask(`${maps}?${Array(20_000).fill('a=b').join('&')}`));
      status(431)(await rough.ask(`${maps}?x=${'y'.repeat(400_000)}`));
      status(404)(await rough.ask(`${'/a'.repeat(100_000)}`));
    },
  },
  {
    name: 'expressions that other engines never come back from',
    run: async (rough) => {
      const patterns = ['^(a+)+$', '^(a|aa)+$', '^(.*)*b$', '(x+x+)+y'];
      const properties = Object.fromEntries(
        patterns.map((pattern, index) => [`p${index}`, { type: 'string', pattern }]),
      );
      status(201)(
        await rough.create(definitions, definition({ spec: { type: 'object', properties } })),
      );
      await until('it is served', async () => (await rough.ask(things)).status === 200);
      for (const letter of ['a', 'x']) {
        const spec = Object.fromEntries(
          patterns.map((_each, index) => [`p${index}`, `${letter.repeat(100_000)}!`]),
        );
        status(422)(await rough.create(things, thing('t', { spec })));
      }
      status(200)(await rough.ask(`${definitions}/things.rough.example.com`, { method: 'DELETE' }));
      await until('it is gone', async () => (await rough.ask(things)).status === 404);
    },
  },
  {
    name: 'rules that go on and on',
    run: async (rough) => {
      const rule = 'self.a.all(x, self.a.all(y, self.a.all(z, x + y + z != 7)))';
      const a = { type: 'array', items: { type: 'integer' } };
      const spec = (maxItems?: number): unknown => ({
        spec: {
          type: 'object',
          properties: { a: maxItems ? { ...a, maxItems } : a },
          'x-kubernetes-validations': [{ rule }],
        },
      });
      status(422)(await rough.create(definitions, definition(spec())));
      status(201)(await rough.create(definitions, definition(spec(80))));
      await until('it is served', async () => (await rough.ask(things)).status === 200);
      const numbers = Array.from({ length: 80 }, (_each, index) => index + 100);
      status(201, 422)(await rough.create(things, thing('t', { spec: { a: numbers } })));
      status(200)(await rough.ask(`${definitions}/things.rough.example.com`, { method: 'DELETE' }));
      await until('it is gone', async () => (await rough.ask(things)).status === 404);
    },
  },
  {
    name: 'patches of ten thousand steps, and copies of copies',
    run: async (rough) => {
      status(201)(
        await rough.create(
          definitions,
          definition({ spec: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }),
        ),
      );
      await until('it is served', async () => (await rough.ask(things)).status === 200);
      const list = Array.from({ length: 500_000 }, () => 0);
      status(201)(
        await rough.create(things, thing('t', { spec: { list, a: ['x'.repeat(1_000)] } })),
      );
      const patch = (steps: readonly unknown[]): Promise<Answer> =>
        rough.ask(`${things}/t`, {
          method: 'PATCH',
          type: 'application/json-patch+json',
          body: JSON.stringify(steps),
        });
      const insert = { op: 'add', path: '/spec/list/0', value: 1 };
      status(413)(await patch(Array(10_001).fill(insert)));
      status(200, 413, 422, 500)(await patch(Array(10_000).fill(insert)));
      const copy = { op: 'copy', from: '/spec/a', path: '/spec/a/-' };
      status(422)(await patch(Array(40).fill(copy)));
      status(200)(await rough.ask(`${definitions}/things.rough.example.com`, { method: 'DELETE' }));
      await until('it is gone', async () => (await rough.ask(things)).status === 404);
    },
  },
  {
    name: 'strategic patches of long lists',
    run: async (rough) => {
      const path = '/apis/apps/v1/namespaces/default/deployments';
      const template = {
        metadata: { labels: { a: 'b' } },
        spec: { containers: [{ name: 'c', image: 'none' }] },
      };
      status(201)(
        await rough.create(path, {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'long' },
          spec: { replicas: 0, selector: { matchLabels: { a: 'b' } }, template },
        }),
      );
      const env = Array.from({ length: 5_000 }, (_each, index) => ({
        name: `E${index}`,
        value: 'v',
      }));
      const body = JSON.stringify({
        spec: { template: { spec: { containers: [{ name: 'c', env }] } } },
      });
      for (let round = 0; round < 2; round++) {
        status(200)(
          await rough.ask(`${path}/long`, {
            method: 'PATCH',
            type: 'application/strategic-merge-patch+json',
            body,
          }),
        );
      }
      await rough.ask(`${path}/long`, { method: 'DELETE' });
    },
  },
  {
    name: 'bodies that were pressed together',
    run: async (rough) => {
      const body = gzipSync(Buffer.alloc(100 * 1024 ** 2, ' '));
      const headers = { 'content-encoding': 'gzip' };
      status(415)(
        await rough.ask(maps, { method: 'POST', type: 'application/json', body, headers }),
      );
    },
  },
  {
    name: 'protobuf within protobuf',
    run: async (rough) => {
      const type = 'application/vnd.kubernetes.protobuf';
      for (const body of [
        protobufBomb(2_000),
        Buffer.concat([Buffer.from('k8s\0\x12'), varint(2 ** 40)]),
      ]) {
        status(400)(await rough.ask(maps, { method: 'POST', type, body }));
      }
    },
  },
  {
    name: 'objects of very many fields and labels, applied',
    run: async (rough) => {
      const type = 'application/apply-patch+yaml';
      const apply = (name: string, object: unknown): Promise<Answer> =>
        rough.ask(`${maps}/${name}?fieldManager=m&force=true`, {
          method: 'PATCH',
          type,
          body: JSON.stringify(object),
        });
      for (let round = 0; round < 2; round++) {
        status(200, 201)(await apply('wide', map('wide', { data: numbered(20_000) })));
      }
      const labels = { metadata: { name: 'labels', labels: numbered(10_000) } };
      status(200, 201)(await apply('labels', map('labels', labels)));
    },
  },
  {
    name: 'watches with selectors of their own',
    run: async (rough) => {
      const sockets: TLSSocket[] = [];
      for (let index = 0; index < 100; index++) {
        const selector = Array.from({ length: 50 }, (_each, at) => `k${at}!=v${index}`).join(',');
        const path = `${maps}?watch=true&resourceVersion=0&labelSelector=${encodeURIComponent(selector)}`;
        sockets.push(await rough.stalled(`GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`));
      }
      for (let index = 0; index < 50; index++) {
        await rough.ask(`${maps}/probe`, {
          method: 'PATCH',
          type: 'application/merge-patch+json',
          body: JSON.stringify({ data: { index: String(index) } }),
        });
      }
      for (const socket of sockets) socket.destroy();
    },
  },
  {
    name: 'a thousand requests of one user at once',
    run: async (rough, { greedy }) => {
      const agent = Array.from({ length: 1_000 }, () =>
        rough.ask('/api/v1/namespaces/default/serviceaccounts', { token: greedy }),
      );
      const answers = await Promise.all(agent);
      for (const answer of answers) status(200, 429)(answer);
      for (const { status: code, headers } of answers) {
        if (code === 429) assert.equal(headers['retry-after'], '1');
      }
    },
  },
  {
    name: 'lists that nobody reads',
    run: async (rough) => {
      const data = { x: 'y'.repeat(500_000) };
      for (let index = 0; index < 20; index++) {
        status(201)(await rough.create(maps, map(`large-${index}`, { data })));
      }
      const accept = 'accept: application/json;as=Table;v=v1;g=meta.k8s.io';
      const sockets: TLSSocket[] = [];
      for (let index = 0; index < 100; index++) {
        const path = `/api/v1/configmaps?includeObject=Object`;
        const header = index % 10 === 0 ? accept : 'accept: application/json';
        sockets.push(await rough.stalled(`GET ${path} HTTP/1.1\r\nhost: x\r\n${header}\r\n\r\n`));
      }
      for (const socket of sockets) socket.destroy();
    },
  },
  {
    name: 'a thousand watchers that read nothing',
    run: async (rough) => {
      const sockets: TLSSocket[] = [];
      const get = `GET ${maps}?watch=true HTTP/1.1\r\nhost: x\r\n\r\n`;
      for (let index = 0; index < 1_000; index += 20) {
        sockets.push(...(await Promise.all(Array.from({ length: 20 }, () => rough.stalled(get)))));
      }
      for (let index = 0; index < 100; index++) {
        const body = JSON.stringify({ data: { x: `${index}${'z'.repeat(400_000)}` } });
        status(200)(
          await rough.ask(`${maps}/probe`, {
            method: 'PATCH',
            type: 'application/merge-patch+json',
            body,
          }),
        );
      }
      const { text } = await rough.ask('/metrics');
      const cut = /refused_requests_total\{reason="slow-reader"\} (\d+)/.exec(text)?.[1];
      assert.ok(Number(cut) >= 900, `${cut} of the stalled watchers were cut off`);
      for (const socket of sockets) socket.destroy();
      await until('their places are free', async () => {
        const figures = await rough.ask('/metrics');
        return Number(/apiserver_longrunning_requests (\d+)/.exec(figures.text)?.[1]) < 200;
      });
      await rough.ask(`${maps}/probe`, {
        method: 'PATCH',
        type: 'application/merge-patch+json',
        body: '{"data":null}',
      });
    },
  },
  {
    name: 'connections that never finish what they say',
    run: async (rough) => {
      const sockets: TLSSocket[] = [];
      for (let index = 0; index < 300; index++) {
        const half =
          index % 2 === 0
            ? 'GET /livez HTTP/1.1\r\nhost'
            : `POST ${maps} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{`;
        sockets.push(await rough.stalled(half));
      }
      const first = sockets[0];
      assert.ok(first);
      first.resume();
      await until(
        'a half header is cut off',
        async () => first.closed || first.readableEnded,
        20_000,
      );
      for (const socket of sockets) socket.destroy();
    },
  },
  {
    name: 'two thousand namespaces',
    run: async (rough) => {
      for (let index = 0; index < 2_000; index += 50) {
        const answers = await Promise.all(
          Array.from({ length: 50 }, (_each, at) =>
            rough.create('/api/v1/namespaces', {
              apiVersion: 'v1',
              kind: 'Namespace',
              metadata: { name: `n-${index + at}` },
            }),
          ),
        );
        for (const answer of answers) status(201)(answer);
      }
    },
  },
];

/** A service account that may read, and its token. */
async function tokenOf(home: TestHome, name: string): Promise<string> {
  await home.kubectl('1.35', ['create', 'serviceaccount', name]);
  await home.kubectl('1.35', [
    'create',
    'clusterrolebinding',
    name,
    '--clusterrole=view',
    `--serviceaccount=default:${name}`,
  ]);
  const { stdout } = await home.kubectl('1.35', ['create', 'token', name]);
  return stdout.trim();
}

test('nobody keeps others from being answered', { timeout: 600_000 }, async (context) => {
  await using home = await TestHome.open();
  const rough = await Rough.of(home);
  status(201)(await rough.create(maps, map('probe')));
  const tokens = { greedy: await tokenOf(home, 'greedy') };
  await using observer = new Observer({
    url: new URL(`${maps}/probe`, rough.server).href,
    ca: rough.ca,
    token: await tokenOf(home, 'patient'),
  });
  let asked = 0;
  const quiet = await until('the observer is answered', async () => {
    const waits = await observer.take();
    asked += waits.count;
    return asked > 100 && waits.count > 0 && waits;
  });
  for (const { name, run } of attempts) {
    await context.test(name, async (attempt) => {
      await observer.take();
      await run(rough, tokens);
      const waits = await observer.take();
      const nowMiB = await memoryMiB(home.pid, 'VmRSS');
      const mostMiB = await memoryMiB(home.pid, 'VmHWM');
      attempt.diagnostic(
        `worst ${waits.worstMs.toFixed(0)} ms, median ${waits.medianMs.toFixed(1)} ms (quiet: ${quiet.medianMs.toFixed(1)}), ${nowMiB.toFixed(0)} MiB, at most ${mostMiB.toFixed(0)}`,
      );
      assert.ok(waits.worstMs < waitMaxMs, `another client waited ${waits.worstMs.toFixed(0)} ms`);
      assert.equal(waits.refused, 0, 'another client was refused');
      assert.ok(mostMiB < memoryMaxMiB, `${mostMiB.toFixed(0)} MiB`);
    });
  }
});
