// What a developer is told to do, by what Kubernetes says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containerHint, failureHint, placementHint, refusalHints } from './trouble-hints.ts';

for (const { name, hint, says } of [
  {
    name: 'no room on any node',
    hint: placementHint('0/3 nodes are available: 3 Insufficient memory.'),
    says: /lower spec\.resources\.limits/,
  },
  {
    name: 'a selector that fits no node',
    hint: placementHint(
      "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
    ),
    says: /spec\.nodeSelector/,
  },
  {
    name: 'a taint and too little memory, each on a node',
    hint: placementHint(
      '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: }.',
    ),
    says: /spec\.resources\.limits.*; add the taint to spec\.tolerations/,
  },
  { name: 'a wrong image', hint: containerHint('ErrImagePull', undefined), says: /spec\.image,/ },
  {
    name: 'a name that is none',
    hint: containerHint('InvalidImageName', undefined),
    says: /no name of an image/,
  },
  {
    name: 'too little memory',
    hint: containerHint('CrashLoopBackOff', 'OOMKilled'),
    says: /raise spec\.resources\.limits\.memory/,
  },
  { name: 'a crash', hint: containerHint('CrashLoopBackOff', 'Error'), says: /logs -p/ },
  {
    name: 'a volume that outgrew its size',
    hint: failureHint('Evicted', 'Usage of EmptyDir volume "data" exceeds the limit "1Gi".'),
    says: /raise spec\.storage/,
  },
  {
    name: 'a full disk of the node',
    hint: failureHint('Evicted', 'The node was low on resource: ephemeral-storage.'),
    says: /disk of the node is full/,
  },
  {
    name: 'a node without memory',
    hint: failureHint('Evicted', 'The node was low on resource: memory.'),
    says: /ran out of memory/,
  },
  { name: 'a quota', hint: refusalHints['QuotaExceeded'], says: /larger ResourceQuota/ },
]) {
  test(`advice for ${name}`, () => assert.match(hint ?? '', says));
}

test('what nobody knows more about is told as Kubernetes says it', () => {
  assert.equal(placementHint('something new'), undefined);
  assert.equal(failureHint('Killed', 'x'), undefined);
});
