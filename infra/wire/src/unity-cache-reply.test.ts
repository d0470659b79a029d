import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  unityCacheHitBytes,
  unityCacheMissBytes,
  writeUnityCacheHit,
  writeUnityCacheMiss,
} from './unity-cache-encode.ts';
import {
  parseUnityCacheId,
  parseUnityGuid,
  parseUnityHash,
  unityCacheIdText,
  unityGuidText,
  unityHashText,
} from './unity-cache-key.ts';
import { UnityCacheReplyParser } from './unity-cache-reply.ts';

const id = Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7));

function hit(sizeBytes: number, body: string): Buffer {
  const head = Buffer.alloc(unityCacheHitBytes);
  writeUnityCacheHit(head, 0, { type: 'r', sizeBytes, id, idAt: 0 });
  return Buffer.concat([head, Buffer.from(body)]);
}

function miss(): Buffer {
  const reply = Buffer.alloc(unityCacheMissBytes + 3);
  writeUnityCacheMiss(reply, 3, { type: 'i', id: Buffer.concat([Buffer.alloc(1), id]), idAt: 1 });
  return reply.subarray(3);
}

function read(bytes: Buffer, step: number): string[] {
  const events: string[] = [];
  let body = '';
  const parser = new UnityCacheReplyParser({
    version: () => events.push('version'),
    hit: (type, sizeBytes, got) => events.push(`hit ${type} ${sizeBytes} ${got.equals(id)}`),
    body: (part) => {
      body += part.toString();
    },
    end: () => {
      events.push(`end ${body}`);
      body = '';
    },
    miss: (type, got) => events.push(`miss ${type} ${got.equals(id)}`),
    fault: (fault) => events.push(fault),
  });
  for (let at = 0; at < bytes.length; at += step) parser.push(bytes.subarray(at, at + step));
  return events;
}

const accepted = Buffer.from('000000fe');

for (const { name, sent, told } of [
  {
    name: 'a hit with its body',
    sent: [accepted, hit(5, 'hello')],
    told: ['version', 'hit r 5 true', 'end hello'],
  },
  { name: 'an empty hit', sent: [accepted, hit(0, '')], told: ['version', 'hit r 0 true', 'end '] },
  {
    name: 'a miss between hits',
    sent: [accepted, hit(1, '-'), miss(), hit(1, '+')],
    told: ['version', 'hit r 1 true', 'end -', 'miss i true', 'hit r 1 true', 'end +'],
  },
  { name: 'a refusal', sent: [Buffer.from('00000000'), miss()], told: ['version-refused'] },
  { name: 'another version', sent: [Buffer.from('000000fd')], told: ['version-malformed'] },
  {
    name: 'a reply that is neither hit nor miss',
    sent: [accepted, Buffer.from('*a')],
    told: ['version', 'reply-malformed'],
  },
  {
    name: 'an unknown type',
    sent: [accepted, Buffer.concat([Buffer.from('-x'), id])],
    told: ['version', 'reply-malformed'],
  },
  {
    name: 'a size that is none',
    sent: [accepted, Buffer.concat([Buffer.from('+a00000000000000zz'), id])],
    told: ['version', 'reply-malformed'],
  },
]) {
  test(`unity cache reply: ${name}`, () => {
    const bytes = Buffer.concat(sent);
    for (const step of [1, 2, 3, 7, 33, 34, 49, 50, 51, bytes.length]) {
      assert.deepEqual(read(bytes, step), told, `in steps of ${step}`);
    }
  });
}

test('unity cache reply: a hit is +, type, 16 hex digits, the id', () => {
  assert.equal(hit(0x1f2e3d, '').toString('latin1', 0, 18), '+r00000000001f2e3d');
  assert.deepEqual(hit(1, '').subarray(18), id);
  assert.equal(hit(2 ** 31 - 1, '').toString('latin1', 2, 18), '000000007fffffff');
});

test('unity cache key: a guid swaps the digits of each byte, a hash does not', () => {
  const text = '10ab7cf1000000000000000000000000';
  assert.equal(parseUnityGuid(text)?.toString('hex', 0, 4), '01bac71f');
  assert.equal(parseUnityHash(text)?.toString('hex', 0, 4), '10ab7cf1');
  assert.equal(unityGuidText(parseUnityGuid(text) ?? id), text);
  assert.equal(unityHashText(parseUnityHash(text.toUpperCase()) ?? id), text);
  assert.equal(unityCacheIdText(parseUnityCacheId(text, text) ?? id), `${text}-${text}`);
});

for (const text of [
  '',
  '10ab',
  `${'0'.repeat(31)}g`,
  '0'.repeat(33),
  `0x${'0'.repeat(30)}`,
  ` ${'0'.repeat(31)}`,
]) {
  test(`unity cache key: ${JSON.stringify(text)} is neither guid nor hash`, () => {
    assert.equal(parseUnityGuid(text), undefined);
    assert.equal(parseUnityHash(text), undefined);
    assert.equal(parseUnityCacheId('0'.repeat(32), text), undefined);
  });
}
