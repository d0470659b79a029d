import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPlatformError } from '@tweendeck/std';
import { readCacheConfig } from './cache-config.ts';
import { durationOf, sizeOf } from './config-reader.ts';

const from = { directory: '/etc/cache', source: 'cache.yaml' };
const listen = ['127.0.0.1:8126'];
const one = { name: 'main', directory: 'main', listen };
const digest = 'ab'.repeat(32);

test('a document of one namespace has every default', () => {
  const config = readCacheConfig({ namespaces: [one] }, from);
  const [namespace] = config.namespaces;
  assert.ok(namespace);
  const { listeners, ...rest } = namespace;
  assert.deepEqual(rest, {
    name: 'main',
    directory: '/etc/cache/main',
    storageBytes: 10 * 2 ** 30,
    memoryBytes: 32 * 2 ** 20,
    durability: 'none',
    cleaner: { rules: {}, intervalMs: 0 },
    scrub: { periodSeconds: 7 * 86_400, bytesPerSecondMax: 16 * 2 ** 20 },
  });
  assert.deepEqual(listeners[0]?.address, { host: '127.0.0.1', port: 8_126 });
  assert.equal(listeners[0]?.readOnly, false);
  assert.equal(config.status, undefined);
  assert.equal(config.drainMs, 10_000);
  assert.equal(config.accessLog.lines, 'off');
  assert.equal(config.recorder, undefined);
});

test('an empty section of the cleaner has no rules, and runs', () => {
  const config = readCacheConfig({ namespaces: [{ ...one, cleaner: {} }] }, from);
  assert.deepEqual(config.namespaces[0]?.cleaner, { rules: {}, intervalMs: 60_000 });
});

test('a document may say everything', () => {
  const config = readCacheConfig(
    {
      namespaces: [
        {
          ...one,
          storage: '20Gi',
          memory: 0,
          durability: 'commit',
          keys: 1_000,
          cleaner: {
            ttl: '30d',
            renewOnHit: false,
            maxBytes: '1Gi',
            freeBytes: '2Gi',
            every: '1h',
          },
          scrub: { period: '0s', bytesPerSecond: '1Mi' },
          reliability: { threshold: 3, clients: 'distinct', forgetAfter: '1d' },
          listen: [
            {
              address: '[::]:9000',
              shared: true,
              putFrom: ['10.0.0.0/8', 'fe80::/10'],
              proxyProtocol: { trusted: ['127.0.0.1'] },
              tls: {
                certificate: 'tls.crt',
                key: '/run/tls.key',
                minVersion: '1.3',
                clientCa: 'ca.crt',
                clientCertificates: 'optional',
                putNames: ['ci'],
              },
              tokens: [{ name: 'ci', sha256: digest.toUpperCase(), put: true }],
              tokenRequired: true,
            },
            { address: 'localhost:9001', readOnly: true },
          ],
        },
        { name: 'other', directory: '/var/other', listen: ['0.0.0.0'] },
      ],
      status: { address: '0.0.0.0', controlTokenFile: 'token' },
      limits: { connections: 5, value: '1Gi', handshakeTimeout: '3s' },
      linger: '5s',
      drain: '20s',
      accessLog: { lines: 'all', sample: 0.1 },
      recorder: { directory: 'recordings', connectionBytes: '1M', connections: 7 },
    },
    from,
  );
  const first = config.namespaces[0]?.listeners[0];
  assert.deepEqual(first?.address, { host: '::', port: 9_000, reusePort: true });
  assert.equal(first?.putFrom.length, 2);
  assert.equal(first?.proxiesTrusted?.length, 1);
  assert.equal(first?.tls?.certificateFile, '/etc/cache/tls.crt');
  assert.equal(first?.tls?.minVersion, 'TLSv1.3');
  assert.deepEqual(first?.tokens, [{ name: 'ci', sha256: digest, mayPut: true }]);
  assert.deepEqual(config.namespaces[0]?.cleaner, {
    rules: { ttlSeconds: 2_592_000, renewOnHit: false, maxBytes: 2 ** 30, freeBytes: 2 ** 31 },
    intervalMs: 3_600_000,
  });
  assert.equal(config.namespaces[0]?.scrub.periodSeconds, 0);
  assert.deepEqual(config.namespaces[0]?.reliability, {
    threshold: 3,
    clients: 'distinct',
    editorVersion: 'counts',
    forgetAfterSeconds: 86_400,
  });
  assert.equal(config.namespaces[0]?.listeners[1]?.readOnly, true);
  assert.equal(config.namespaces[1]?.listeners[0]?.address.port, 8_126);
  assert.deepEqual(config.status, { host: '0.0.0.0', port: 8_127 });
  assert.equal(config.controlTokenFile, '/etc/cache/token');
  assert.equal(config.limits.valueBytesMax, 2 ** 30);
  assert.equal(config.limits.handshakeTimeoutMs, 3_000);
  assert.equal(config.limits.readerTimeoutMs, 60_000);
  assert.equal(config.recorder?.connectionBytesMax, 1_000_000);
});

const redis = { address: 'redis.local', prefix: 'cache:' };
const onRedis = (fields: object, own: object = {}): object => ({
  namespaces: [{ name: 'main', listen, store: { redis: { ...redis, ...fields } }, ...own }],
});

test('a namespace on Redis needs no directory, and has every default', () => {
  const [namespace] = readCacheConfig(onRedis({}), from).namespaces;
  assert.equal(namespace?.directory, '');
  assert.deepEqual(namespace.store?.connection.address, { host: 'redis.local', port: 6_379 });
  assert.equal(namespace.store.connection.timeoutMs, 2_000);
  assert.equal(namespace.store.keeping.ttlMs, undefined);
  assert.equal(namespace.store.tls, undefined);
  assert.equal(namespace.store.passwordFile, undefined);
});

test('a namespace on Redis may say everything', () => {
  const fields = {
    user: 'cache',
    passwordFile: 'password',
    database: 2,
    tls: { ca: 'ca.crt', certificate: 'a.crt', key: '/run/a.key', serverName: 'redis' },
    connectTimeout: '1s',
    timeout: '300ms',
    retry: '50ms',
    retryMax: '1s',
    ttl: '30d',
    renewOnHit: false,
    grace: '1m',
    census: '1h',
  };
  const [namespace] = readCacheConfig(
    onRedis(fields, { mirror: {}, directory: 'm' }),
    from,
  ).namespaces;
  assert.equal(namespace?.directory, '/etc/cache/m');
  const { connection, keeping, passwordFile, tls: secured } = namespace.store ?? {};
  assert.deepEqual(
    [connection?.user, connection?.database, connection?.timeoutMs],
    ['cache', 2, 300],
  );
  assert.deepEqual([keeping?.ttlMs, keeping?.renewOnHit], [30 * 86_400_000, false]);
  assert.equal(passwordFile, '/etc/cache/password');
  assert.deepEqual(secured, {
    caFile: '/etc/cache/ca.crt',
    certificateFile: '/etc/cache/a.crt',
    keyFile: '/run/a.key',
    serverName: 'redis',
  });
});

test('mirrors and an upstream may be reached by TLS, with certificates and a token', () => {
  const files = { ca: 'ca.crt', certificate: 'a.crt', key: '/run/a.key', serverName: 'cache' };
  const reached = { address: 'far:9', tls: files, tokenFile: 'token' };
  const [namespace] = readCacheConfig(
    {
      namespaces: [
        {
          ...one,
          mirror: { targets: ['near', reached, { address: 'open:8', tls: {} }] },
          upstream: { ...reached, connections: 2 },
        },
      ],
    },
    from,
  ).namespaces;
  const tls = {
    caFile: '/etc/cache/ca.crt',
    certificateFile: '/etc/cache/a.crt',
    keyFile: '/run/a.key',
    serverName: 'cache',
    tokenFile: '/etc/cache/token',
  };
  const [near, far, open] = namespace?.mirror?.settings.targets ?? [];
  assert.deepEqual(
    [near, far],
    [
      { host: 'near', port: 8_126 },
      { host: 'far', port: 9, tls },
    ],
  );
  assert.deepEqual([open?.port, open?.tls?.caFile], [8, undefined]);
  assert.deepEqual(namespace?.upstream?.address, { host: 'far', port: 9, tls });
});

const listener = (fields: object): object => ({
  namespaces: [{ ...one, listen: [{ address: '127.0.0.1:1', ...fields }] }],
});
const tls = { certificate: 'a', key: 'b' };

for (const { name, document, told } of [
  { name: 'nothing', document: null, told: /the document: null is no mapping/ },
  {
    name: 'a store of no kind',
    document: { namespaces: [{ ...one, store: {} }] },
    told: /namespaces\[0\]\.store: names no store\. Write "redis"/,
  },
  {
    name: 'a store on Redis without a prefix',
    document: onRedis({ prefix: undefined }),
    told: /store\.redis\.prefix: is missing\. Say how its keys begin/,
  },
  {
    name: 'a user without a password',
    document: onRedis({ user: 'cache' }),
    told: /store\.redis\.passwordFile: is missing/,
  },
  {
    name: 'a certificate without its key',
    document: onRedis({ tls: { certificate: 'a' } }),
    told: /store\.redis\.tls: has a certificate without its key/,
  },
  {
    name: 'a bound of the own disk for a store on Redis',
    document: onRedis({}, { storage: '1Gi', cleaner: {} }),
    told: /namespaces\[0\]\.storage: belongs to a store on the own disk[\s\S]*cleaner: belongs/,
  },
  {
    name: 'mirrors of a store on Redis without a directory',
    document: onRedis({}, { mirror: {} }),
    told: /namespaces\[0\]\.directory: is missing/,
  },
  {
    name: 'a token for a mirror in the clear',
    document: {
      namespaces: [{ ...one, mirror: { targets: [{ address: 'far', tokenFile: 'token' }] } }],
    },
    told: /mirror\.targets\[0\]\.tokenFile: the token would travel in the clear/,
  },
  {
    name: 'an upstream with a key and no certificate',
    document: { namespaces: [{ ...one, upstream: { address: 'far', tls: { key: 'a' } } }] },
    told: /upstream\.tls: has a certificate without its key/,
  },
  { name: 'no namespaces', document: {}, told: /namespaces: is missing or empty/ },
  {
    name: 'a namespace as text',
    document: { namespaces: ['a'] },
    told: /namespaces\[0\]: "a" is no mapping/,
  },
  {
    name: 'no directory',
    document: { namespaces: [{ name: 'a', listen }] },
    told: /namespaces\[0\]\.directory: is missing/,
  },
  {
    name: 'a bad name',
    document: { namespaces: [{ ...one, name: 'A b' }] },
    told: /namespaces\[0\]\.name: "A b" is no name/,
  },
  {
    name: 'an unknown field',
    document: { namespaces: [one], extra: 1 },
    told: /extra: is not known here\. There is accessLog/,
  },
  {
    name: 'a field that is nearly right',
    document: { namespaces: [{ ...one, Storage: '1Gi' }] },
    told: /namespaces\[0\]\.Storage: is not known here\. Do you mean storage\?/,
  },
  {
    name: 'a size in words',
    document: { namespaces: [{ ...one, storage: 'much' }] },
    told: /storage: "much" is no size\. Write 500Mi/,
  },
  {
    name: 'a size that is too small',
    document: { namespaces: [{ ...one, storage: '5' }] },
    told: /storage: "5" is below 1048576 bytes/,
  },
  {
    name: 'a duration without unit',
    document: { namespaces: [one], drain: 10 },
    told: /drain: 10 is no duration/,
  },
  {
    name: 'a listen that is no list',
    document: { namespaces: [{ ...one, listen: '::1' }] },
    told: /listen: "::1" is no list/,
  },
  {
    name: 'an address without a host',
    document: listener({ address: ':8126' }),
    told: /listen\[0\]\.address: ":8126" is no address/,
  },
  {
    name: 'an address with a high port',
    document: listener({ address: 'a:65536' }),
    told: /"a:65536" is no address/,
  },
  {
    name: 'a range that is too long',
    document: listener({ putFrom: ['10.0.0.0/33'] }),
    told: /putFrom\[0\]: "10\.0\.0\.0\/33" is no range of addresses/,
  },
  {
    name: 'a range with a port',
    document: listener({ putFrom: ['10.0.0.1:8126'] }),
    told: /no range/,
  },
  {
    name: 'a proxy that may be anybody',
    document: listener({ proxyProtocol: {} }),
    told: /proxyProtocol\.trusted: is missing or empty/,
  },
  {
    name: 'tokens in the clear',
    document: listener({ tokens: [{ name: 'a', sha256: digest }] }),
    told: /tokens would travel in the clear/,
  },
  {
    name: 'a token itself',
    document: listener({ tls, tokens: [{ name: 'a', sha256: 'secret' }] }),
    told: /tokens\[0\]\.sha256: "secret" is no SHA-256/,
  },
  {
    name: 'a required token and none',
    document: listener({ tls, tokenRequired: true }),
    told: /nobody could come in/,
  },
  {
    name: 'names without a CA',
    document: listener({ tls: { ...tls, putNames: ['a'] } }),
    told: /tls\.clientCa: is missing/,
  },
  {
    name: 'an old TLS',
    document: listener({ tls: { ...tls, minVersion: '1.0' } }),
    told: /minVersion: "1\.0" is none of 1\.2, 1\.3/,
  },
  {
    name: 'a flag in words',
    document: listener({ readOnly: 'yes' }),
    told: /readOnly: "yes" is neither/,
  },
  {
    name: 'two namespaces of a name',
    document: { namespaces: [one, { ...one, directory: 'b', listen: ['a:1'] }] },
    told: /namespaces\[1\]\.name: main stands at namespaces\[0\]\.name already/,
  },
  {
    name: 'two namespaces in a directory',
    document: { namespaces: [one, { name: 'b', directory: './main', listen: ['a:1'] }] },
    told: /directory: \/etc\/cache\/main stands at/,
  },
  {
    name: 'an address twice',
    document: { namespaces: [{ ...one, listen: [...listen, ...listen] }] },
    told: /listen\[1\]: 127\.0\.0\.1:8126 stands at/,
  },
  {
    name: 'a share above one',
    document: { namespaces: [one], accessLog: { sample: 2 } },
    told: /accessLog\.sample: 2 is no number from 0 to 1/,
  },
]) {
  test(`a document with ${name} is refused by path, fact and hint`, () => {
    assert.throws(
      () => readCacheConfig(document, from),
      (error) => isPlatformError(error, 'CACHE_CONFIG_INVALID') && told.test(error.message),
    );
  });
}

test('everything that is wrong is told at once', () => {
  assert.throws(
    () => readCacheConfig({ namespaces: [{ name: 'A', listen: ['?'] }], drain: 1 }, from),
    (error) => error instanceof Error && error.message.split('\n').length === 5,
  );
});

for (const { text, bytes } of [
  { text: '1k', bytes: 1_000 },
  { text: '1.5Gi', bytes: 1.5 * 2 ** 30 },
  { text: 12, bytes: 12 },
  { text: '-1', bytes: undefined },
  { text: '1 Gi', bytes: undefined },
  { text: '9999999Ti', bytes: undefined },
  { text: true, bytes: undefined },
]) {
  test(`the size ${text} is ${bytes} bytes`, () => assert.equal(sizeOf(text), bytes));
}

test('durations have a unit', () => {
  assert.deepEqual(['250ms', '1.5h', '30d', '5', 's'].map(durationOf), [
    250,
    5.4e6,
    2.592e9,
    undefined,
    undefined,
  ]);
});
