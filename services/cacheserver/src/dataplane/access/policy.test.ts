import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { parseAddress, parseRange } from './address.ts';
import {
  type ClientIdentity,
  type ListenerPolicy,
  mayPut,
  openPolicy,
  tokenName,
} from './policy.ts';

const inside = parseRange('10.0.0.0/8');
assert.ok(inside);
const tls = {
  certificate: Buffer.alloc(0),
  key: Buffer.alloc(0),
  minVersion: 'TLSv1.2',
  clientCa: Buffer.alloc(0),
  clientCertificates: 'optional',
  putNames: ['ci'],
} as const;
const tokens = [
  { name: 'writer', sha256: createHash('sha256').update('secret').digest('hex'), mayPut: true },
  { name: 'reader', sha256: createHash('sha256').update('other').digest('hex'), mayPut: false },
];

for (const { name, policy = {}, client = {}, puts } of [
  { name: 'anybody on an open listener', puts: true },
  {
    name: 'a client without address on an open listener',
    client: { address: undefined },
    puts: true,
  },
  { name: 'nobody on a listener that only reads', policy: { readOnly: true }, puts: false },
  { name: 'an address of the list', policy: { putFrom: [inside] }, puts: true },
  {
    name: 'a mapped address of the list',
    policy: { putFrom: [inside] },
    client: { address: parseAddress('::ffff:10.0.0.1') },
    puts: true,
  },
  {
    name: 'an address outside of it',
    policy: { putFrom: [inside] },
    client: { address: parseAddress('11.0.0.1') },
    puts: false,
  },
  {
    name: 'no address where there is a list',
    policy: { putFrom: [inside] },
    client: { address: undefined },
    puts: false,
  },
  {
    name: 'a name that may',
    policy: { tls },
    client: { certificateNames: ['x', 'ci'] },
    puts: true,
  },
  { name: 'another name', policy: { tls }, client: { certificateNames: ['x'] }, puts: false },
  { name: 'no name', policy: { tls }, puts: false },
  {
    name: 'any certificate where names say nothing',
    policy: { tls: { ...tls, putNames: [] } },
    puts: true,
  },
  { name: 'a token that may', policy: { tokens }, client: { token: 'writer' }, puts: true },
  { name: 'a token that only reads', policy: { tokens }, client: { token: 'reader' }, puts: false },
  { name: 'no token', policy: { tokens }, puts: false },
  {
    name: 'a name in place of a token',
    policy: { tls, tokens },
    client: { certificateNames: ['ci'] },
    puts: true,
  },
  {
    name: 'a token from outside of the list',
    policy: { tokens, putFrom: [inside] },
    client: { token: 'writer', address: parseAddress('11.0.0.1') },
    puts: false,
  },
] satisfies readonly {
  name: string;
  policy?: Partial<ListenerPolicy>;
  client?: Partial<ClientIdentity>;
  puts: boolean;
}[]) {
  test(`put by ${name}: ${puts ? 'taken' : 'refused'}`, () => {
    const whole = {
      address: parseAddress('10.1.2.3'),
      certificateNames: [],
      token: undefined,
      ...client,
    };
    assert.equal(mayPut({ ...openPolicy, ...policy }, whole), puts);
  });
}

test('a token is known by its digest', () => {
  assert.equal(tokenName(Buffer.from('secret'), tokens), 'writer');
  assert.equal(tokenName(Buffer.from('secret '), tokens), undefined);
  assert.equal(tokenName(Buffer.alloc(0), tokens), undefined);
});
