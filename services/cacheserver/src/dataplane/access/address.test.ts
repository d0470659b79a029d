import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inRange, parseAddress, parseRange } from './address.ts';

for (const { given, text } of [
  { given: '10.1.2.3', text: '10.1.2.3' },
  { given: '::ffff:10.1.2.3', text: '10.1.2.3' },
  { given: '::ffff:0a01:0203', text: '10.1.2.3' },
  { given: '::', text: '::' },
  { given: '::1', text: '::1' },
  { given: '1::', text: '1::' },
  { given: '2001:DB8:0:0:1:0:0:1', text: '2001:db8::1:0:0:1' },
  { given: '1:2:3:4:5:6:7:8', text: '1:2:3:4:5:6:7:8' },
  { given: '64:ff9b::192.0.2.33', text: '64:ff9b::c000:221' },
  { given: '1:2:3:4:5:6:1.2.3.4', text: '1:2:3:4:5:6:102:304' },
  { given: '::1.2.3.4', text: '::102:304' },
  { given: 'fe80::1%eth0', text: 'fe80::1%eth0' },
  { given: '10.1.2.3%eth0', text: undefined },
  { given: 'fe80::1%', text: undefined },
  { given: '10.1.2', text: undefined },
  { given: '10.1.2.03.4', text: undefined },
  { given: '1:2', text: undefined },
  { given: '[::1]', text: undefined },
  { given: '10.0.0.1:8126', text: undefined },
  { given: '', text: undefined },
]) {
  test(`the address ${JSON.stringify(given)} is ${text ?? 'none'}`, () => {
    assert.equal(parseAddress(given)?.text, text);
  });
}

for (const { range, has, not } of [
  { range: '10.0.0.0/8', has: ['10.255.0.1', '::ffff:10.0.0.1'], not: ['11.0.0.0', '::a00:1'] },
  { range: '10.0.0.7', has: ['10.0.0.7'], not: ['10.0.0.6', '10.0.0.8'] },
  { range: '192.168.1.130/25', has: ['192.168.1.128', '192.168.1.255'], not: ['192.168.1.127'] },
  { range: '0.0.0.0/0', has: ['1.2.3.4', '::ffff:1.2.3.4'], not: ['::1'] },
  { range: '::/0', has: ['::1', 'fe80::1%eth0'], not: ['1.2.3.4'] },
  { range: '2001:db8::/33', has: ['2001:db8:7fff::1'], not: ['2001:db8:8000::1'] },
  { range: '::ffff:10.0.0.0/104', has: ['10.9.9.9'], not: ['11.0.0.0'] },
  { range: 'fe80::/10', has: ['fe80::1%eth0', 'febf::1'], not: ['fec0::1'] },
  { range: 'fe80::%eth1/10', has: ['fe80::1%eth1'], not: ['fe80::1%eth0', 'fe80::1'] },
]) {
  test(`the range ${range} has its addresses and no others`, () => {
    const parsed = parseRange(range);
    assert.ok(parsed);
    const isIn = (text: string): boolean => {
      const address = parseAddress(text);
      assert.ok(address, text);
      return inRange(address, parsed);
    };
    assert.deepEqual(has.filter(isIn), has);
    assert.deepEqual(not.filter(isIn), []);
  });
}

for (const range of [
  '10.0.0.0/33',
  '::/129',
  '10.0.0.0/',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  'all',
  '/8',
  '::ffff:0:0/95',
]) {
  test(`${range} is no range`, () => assert.equal(parseRange(range), undefined));
}
