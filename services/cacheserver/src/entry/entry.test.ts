// Who stands behind an entry, and what nginx is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Endpoint, EndpointSlice } from '@tweendeck/kube';
import { membersAfter, membersOf } from './members.ts';
import { nginxConfig } from './nginx-config.ts';

const slice = (
  endpoints: readonly Endpoint[],
  more: Partial<EndpointSlice> = {},
): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 's', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  addressType: 'IPv4',
  endpoints,
  ports: [
    { name: 'status', port: 8_127 },
    { name: 'proxied', port: 8_128 },
  ],
  ...more,
});
const ready = (address: string): Endpoint => ({
  addresses: [address],
  conditions: { ready: true },
});
const leaving = (address: string): Endpoint => ({
  addresses: [address],
  conditions: { ready: false, serving: true, terminating: true },
});

for (const { name, slices, members } of [
  { name: 'no slices', slices: [], members: [] },
  {
    name: 'several slices, in order, each once',
    slices: [slice([ready('10.0.0.9'), ready('10.0.0.1')]), slice([ready('10.0.0.1')])],
    members: ['10.0.0.1:8128', '10.0.0.9:8128'],
  },
  {
    name: 'replicas that leave',
    slices: [slice([ready('10.0.0.1'), leaving('10.0.0.2')])],
    members: ['10.0.0.1:8128'],
  },
  {
    name: 'IPv6',
    slices: [slice([ready('fd00::1')], { addressType: 'IPv6' })],
    members: ['[fd00::1]:8128'],
  },
  {
    name: 'a slice without the port',
    slices: [slice([ready('10.0.0.1')], { ports: [{ name: 'status', port: 1 }] })],
    members: [],
  },
  {
    name: 'names in place of addresses',
    slices: [slice([ready('a.example')], { addressType: 'FQDN' })],
    members: [],
  },
]) {
  test(`members by ${name}`, () => assert.deepEqual(membersOf(slices, 'proxied'), members));
}

test('the last members stay when a list is empty', () => {
  assert.deepEqual(membersAfter(['a:1'], []), ['a:1']);
  assert.deepEqual(membersAfter(['a:1'], ['b:1']), ['b:1']);
});

const plan = {
  listen: ['10.1.0.1:8126'],
  sharedListen: ['10.2.0.1:8126'],
  members: ['10.0.0.1:8128', '10.0.0.2:8128'],
  streamModule: '/usr/lib/nginx/modules/ngx_stream_module.so',
  connectionsMax: 100,
};

test('a client address stays with one replica, and the replica learns of it', () => {
  const text = nginxConfig(plan);
  assert.match(text, /hash \$remote_addr consistent;/);
  assert.match(text, /server 10\.0\.0\.1:8128 .*\n +server 10\.0\.0\.2:8128 /);
  assert.match(text, /proxy_protocol on;/);
  assert.match(text, /proxy_half_close on;/);
});

test('only addresses that others may hold are shared', () => {
  const text = nginxConfig({ ...plan, sharedListen: ['10.1.0.1:8126', '10.2.0.1:8126'] });
  assert.match(text, /listen 10\.1\.0\.1:8126 so_keepalive/);
  assert.match(text, /listen 10\.2\.0\.1:8126 reuseport so_keepalive/);
  assert.equal(text.match(/listen /g)?.length, 2);
});

test('a stream module that is built in is not loaded', () =>
  assert.doesNotMatch(nginxConfig({ ...plan, streamModule: undefined }), /load_module/));
