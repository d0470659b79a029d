// Generated expressions.

import type { JsonSchema } from '@tweendeck/kube';
import type { Source } from './source.ts';

export interface ExpressionCase {
  readonly expression: string;
  /** Positions in {@link expressionValues}. */
  readonly values: readonly number[];
}

/** An object of every type that schemas can say. */
export const expressionSchema: JsonSchema = {
  type: 'object',
  properties: {
    n: { type: 'integer' },
    d: { type: 'number' },
    b: { type: 'boolean' },
    s: { type: 'string' },
    t: { type: 'string', maxLength: 20 },
    e: { type: 'string', enum: ['abc', 'de'] },
    l: { type: 'array', items: { type: 'integer' }, maxItems: 10 },
    ss: { type: 'array', items: { type: 'string' } },
    set: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
    m: { type: 'object', additionalProperties: { type: 'string' } },
    o: { type: 'object', properties: { x: { type: 'integer' }, 'a-b': { type: 'string' } } },
    ls: {
      type: 'array',
      items: {
        type: 'object',
        properties: { name: { type: 'string' }, v: { type: 'integer' } },
        required: ['name'],
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
    },
    ios: { 'x-kubernetes-int-or-string': true },
    when: { type: 'string', format: 'date-time' },
    dur: { type: 'string', format: 'duration' },
    bytes: { type: 'string', format: 'byte' },
    day: { type: 'string', format: 'date' },
    any: { 'x-kubernetes-preserve-unknown-fields': true },
    nn: { type: 'string', nullable: true },
  },
};

export const expressionValues: readonly unknown[] = [
  {},
  {
    n: 1,
    d: 1.5,
    b: true,
    s: 'abc',
    t: 'x',
    e: 'abc',
    l: [1, 2, 3],
    ss: ['a', 'b'],
    set: ['x', 'y'],
    m: { a: '1', b: '2' },
    o: { x: 5, 'a-b': 'q' },
    ls: [{ name: 'a', v: 1 }, { name: 'b' }],
    ios: 5,
    when: '2026-05-06T07:08:09Z',
    dur: '1h30m',
    bytes: 'YWJj',
    day: '2026-05-06',
    nn: null,
  },
  {
    n: -5,
    d: 2,
    b: false,
    s: 'http://a.b:80/p/q?x=1&x=2',
    t: '10.1.2.3',
    l: [3, 1],
    ss: [],
    set: ['y', 'x'],
    m: {},
    o: {},
    ls: [{ name: 'b', v: 2 }],
    ios: '50%',
    when: '2020-02-29T23:59:59.5+02:00',
    dur: '2s',
    nn: 'v',
  },
  {
    n: 9007199254740991,
    d: 1e21,
    s: 'é😀x',
    t: '2Gi',
    l: [],
    ss: ['é', 'b', 'a'],
    ios: '5',
    m: { 'x y': '' },
  },
  { n: 0, d: -0.5, s: '10.0.0.0/8', t: '1.2.3-a.1', l: [5], ss: ['abc'], dur: '-1ms', s2: 1 },
  { n: 3, s: 'fe80::1', t: 'v1.2', ss: ['1', '2', '2'], l: [2, 2, 2], b: true, o: { x: 0 } },
];

type Kind = 'int' | 'double' | 'bool' | 'string' | 'list' | 'texts' | 'time' | 'duration' | 'any';

/** An expression, mostly of types that fit. */
export function expressionOf(source: Source, number: number): string {
  if (number < fixed.length) return fixed[number] ?? '';
  const kind = source.pick([
    'bool',
    'bool',
    'bool',
    'int',
    'string',
    'list',
    'texts',
    'any',
    'double',
    'time',
    'duration',
  ] as const);
  return make(source, kind, 4, []);
}

interface Name {
  readonly name: string;
  readonly kind: Kind;
}

function make(source: Source, kind: Kind, depth: number, names: readonly Name[]): string {
  // Now and then of another type than is wanted.
  const wanted = source.maybe(0.02) ? source.pick(kinds) : kind;
  const fitting = names.filter((each) => each.kind === wanted);
  if (fitting.length > 0 && source.maybe(0.4)) return source.pick(fitting).name;
  const e = (of: Kind): string => make(source, of, depth - 1, names);
  const leaf = depth <= 0 || source.maybe(0.15);
  switch (wanted) {
    case 'int':
      return leaf
        ? source.pick(['self.n', '1', '2', '-3', '0', 'self.o.x', '9223372036854775807'])
        : ints(source, e);
    case 'double':
      return leaf ? source.pick(['self.d', '1.5', '-2.0', '0.0', '1e3']) : doubles(source, e);
    case 'string':
      return leaf
        ? source.pick([
            'self.s',
            'self.t',
            '"a"',
            "'x'",
            '""',
            'self.e',
            '"é"',
            'self.o.a__dash__b',
            'self.nn',
          ])
        : strings(source, e);
    case 'list':
      return leaf
        ? source.pick(['self.l', '[1, 2]', '[]', '[self.n]'])
        : lists(source, e, depth, names);
    case 'texts':
      return leaf
        ? source.pick(['self.ss', 'self.set', '["a", "b"]', '[self.s]'])
        : textLists(source, e, depth, names);
    case 'time':
      return leaf
        ? source.pick(['self.when', 'self.day', 'timestamp("2026-01-02T03:04:05Z")'])
        : source.pick([
            () => `${e('time')} + ${e('duration')}`,
            () => `${e('time')} - ${e('duration')}`,
            () => `timestamp(${e('int')})`,
          ])();
    case 'duration':
      return leaf
        ? source.pick(['self.dur', 'duration("1h")', 'duration("-1.5s")'])
        : source.pick([
            () => `${e('duration')} + ${e('duration')}`,
            () => `${e('time')} - ${e('time')}`,
            () => `duration(${e('string')})`,
          ])();
    case 'any':
      return leaf
        ? source.pick([
            'self.ios',
            'self.m',
            'self.o',
            'self.ls',
            'self',
            'null',
            '{"a": 1}',
            'self.bytes',
            'b"abc"',
            '1u',
            'int',
            'optional.none()',
            'self.any',
            'self.?n',
            'self.ls[?0]',
          ])
        : source.pick([
            () => `${e('bool')} ? ${e('any')} : ${e('any')}`,
            () => `dyn(${e('string')})`,
            () => `type(${e('any')})`,
            () => `optional.of(${e('int')})`,
            () => `{${e('string')}: ${e('int')}}`,
            () => `uint(${e('int')})`,
            () => `bytes(${e('string')})`,
            () => `quantity(${e('string')})`,
            () => `url(${e('string')})`,
            () => `ip(${e('string')})`,
            () => `cidr(${e('string')})`,
            () => `semver(${e('string')})`,
            () => `self.ls.map(i, i.name)`,
            () => `self.m.map(k, self.m[k])`,
            () => `format.named(${e('string')})`,
            () => `self.m.transformList(k, v, k + v)`,
            () => `self.l.transformMap(i, v, v + i)`,
            () => `${e('list')}.transformMapEntry(i, v, {string(i): v})`,
            () => `self.?s.orValue(${e('string')})`,
            () => `self.?o.?x`,
            () => `self.?n.optMap(v, v + 1)`,
            () => `self.ios == ${e('int')}`,
            () => `self.ios + ${e('any')}`,
          ])();
    case 'bool':
      return leaf
        ? source.pick(['self.b', 'true', 'false', 'has(self.s)', 'has(self.o.x)', 'has(self.nn)'])
        : bools(source, e, depth, names);
  }
}

const kinds: readonly Kind[] = [
  'int',
  'double',
  'bool',
  'string',
  'list',
  'texts',
  'time',
  'duration',
  'any',
];

type Expr = (of: Kind) => string;

function ints(source: Source, e: Expr): string {
  return source.pick([
    () => `${e('int')} + ${e('int')}`,
    () => `${e('int')} - ${e('int')}`,
    () => `${e('int')} * ${e('int')}`,
    () => `${e('int')} / ${e('int')}`,
    () => `${e('int')} % ${e('int')}`,
    () => `-(${e('int')})`,
    () => `size(${e('string')})`,
    () => `${e('texts')}.size()`,
    () => `${e('list')}.size()`,
    () => `int(${e('string')})`,
    () => `int(${e('double')})`,
    () => `int(${e('time')})`,
    () => `${e('list')}.sum()`,
    () => `${e('list')}.max()`,
    () => `${e('list')}.min()`,
    () => `${e('list')}[${e('int')}]`,
    () => `self.l[self.n]`,
    () => `${e('list')}.indexOf(${e('int')})`,
    () => `${e('list')}.lastIndexOf(${e('int')})`,
    () => `${e('string')}.indexOf(${e('string')})`,
    () => `${e('string')}.lastIndexOf(${e('string')})`,
    () => `${e('string')}.indexOf(${e('string')}, ${e('int')})`,
    () => `${e('string')}.lastIndexOf(${e('string')}, ${e('int')})`,
    () => `${e('time')}.getFullYear()`,
    () => `${e('time')}.getDayOfYear()`,
    () => `${e('time')}.getHours("+02:00")`,
    () => `${e('time')}.getDate()`,
    () => `${e('time')}.getMonth()`,
    () => `${e('time')}.getMilliseconds()`,
    () => `${e('duration')}.getMinutes()`,
    () => `${e('duration')}.getMilliseconds()`,
    () => `${e('duration')}.getSeconds()`,
    () => `(${e('bool')} ? ${e('int')} : ${e('int')})`,
    () => `quantity(${e('string')}).sign()`,
    () => `sign(quantity(${e('string')}))`,
    () => `quantity(${e('string')}).asInteger()`,
    () => `quantity(${e('string')}).compareTo(quantity("1"))`,
    () => `ip(${e('string')}).family()`,
    () => `cidr(${e('string')}).prefixLength()`,
    () => `semver(${e('string')}).major()`,
    () => `semver(${e('string')}, true).minor()`,
    () => `self.ls[0].v`,
    () => `self.?n.orValue(${e('int')})`,
    () => `self.ls.filter(i, has(i.v)).map(i, i.v).sum()`,
  ])();
}

function doubles(source: Source, e: Expr): string {
  return source.pick([
    () => `${e('double')} + ${e('double')}`,
    () => `${e('double')} / ${e('double')}`,
    () => `double(${e('int')})`,
    () => `double(${e('string')})`,
    () => `[${e('double')}, ${e('double')}].sum()`,
    () => `quantity(${e('string')}).asApproximateFloat()`,
    () => `[${e('double')}].max()`,
  ])();
}

function strings(source: Source, e: Expr): string {
  return source.pick([
    () => `${e('string')} + ${e('string')}`,
    () => `${e('string')}.lowerAscii()`,
    () => `${e('string')}.upperAscii()`,
    () => `${e('string')}.trim()`,
    () => `${e('string')}.substring(${e('int')})`,
    () => `${e('string')}.substring(${e('int')}, ${e('int')})`,
    () => `${e('string')}.charAt(${e('int')})`,
    () => `${e('string')}.replace(${e('string')}, ${e('string')})`,
    () => `${e('string')}.replace(${e('string')}, ${e('string')}, ${e('int')})`,
    () => `${e('texts')}.join(${e('string')})`,
    () => `${e('texts')}.join()`,
    () => `string(${e('int')})`,
    () => `string(${e('double')})`,
    () => `string(${e('time')})`,
    () => `string(${e('duration')})`,
    () => `string(${e('bool')})`,
    () => `string(${e('any')})`,
    () => `${e('string')}.find("[a-z]+")`,
    () => `${e('string')}.find(${e('string')})`,
    () => `${e('texts')}[${e('int')}]`,
    () => `self.m["a"]`,
    () => `self.m.a`,
    () => `"%s-%d".format([${e('string')}, ${e('int')}])`,
    () => `"%s".format([${e('any')}])`,
    () => `"%.2f|%e".format([${e('double')}, ${e('double')}])`,
    () => `"%x %X %b %o".format([${e('int')}, ${e('string')}, ${e('bool')}, ${e('int')}])`,
    () => `"%s %%".format([${e('list')}])`,
    () => `strings.quote(${e('string')})`,
    () => `url(${e('string')}).getHost()`,
    () => `url(${e('string')}).getHostname()`,
    () => `url(${e('string')}).getEscapedPath()`,
    () => `url(${e('string')}).getScheme()`,
    () => `url(${e('string')}).getPort()`,
    () => `string(ip(${e('string')}))`,
    () => `string(cidr(${e('string')}).masked())`,
    () => `${e('bool')} ? ${e('string')} : ${e('string')}`,
    () => `self.ls[${e('int')}].name`,
    () => `${e('texts')}.min()`,
  ])();
}

function body(
  source: Source,
  of: Kind,
  depth: number,
  names: readonly Name[],
  kind: Kind,
): readonly [string, string] {
  const name = source.pick(['x', 'y', 'z']);
  return [name, make(source, of, depth - 1, [...names, { name, kind }])];
}

function lists(source: Source, e: Expr, depth: number, names: readonly Name[]): string {
  return source.pick([
    () => `[${e('int')}, ${e('int')}]`,
    () => `${e('list')} + ${e('list')}`,
    () => {
      const [x, b] = body(source, 'int', depth, names, 'int');
      return `${e('list')}.map(${x}, ${b})`;
    },
    () => {
      const [x, b] = body(source, 'bool', depth, names, 'int');
      return `${e('list')}.filter(${x}, ${b})`;
    },
    () => {
      const [x, b] = body(source, 'bool', depth, names, 'int');
      return `${e('list')}.map(${x}, ${b}, ${x} + 1)`;
    },
    () => {
      const [x, b] = body(source, 'int', depth, names, 'string');
      return `${e('texts')}.map(${x}, ${b})`;
    },
    () => `${e('bool')} ? ${e('list')} : ${e('list')}`,
  ])();
}

function textLists(source: Source, e: Expr, depth: number, names: readonly Name[]): string {
  return source.pick([
    () => `[${e('string')}, ${e('string')}]`,
    () => `${e('texts')} + ${e('texts')}`,
    () => `self.set + ${e('texts')}`,
    () => `${e('string')}.split(${e('string')})`,
    () => `${e('string')}.split(${e('string')}, ${e('int')})`,
    () => `${e('string')}.findAll("[a-z0-9]")`,
    () => `${e('string')}.findAll(".", ${e('int')})`,
    () => {
      const [x, b] = body(source, 'string', depth, names, 'string');
      return `${e('texts')}.map(${x}, ${b})`;
    },
    () => {
      const [x, b] = body(source, 'bool', depth, names, 'string');
      return `self.m.filter(${x}, ${b})`;
    },
    () => `url(${e('string')}).getQuery()["x"]`,
    () => `format.dns1123Label().validate(${e('string')}).orValue(${e('texts')})`,
  ])();
}

function bools(source: Source, e: Expr, depth: number, names: readonly Name[]): string {
  const comparison = source.pick(['<', '<=', '>', '>=', '==', '!=']);
  const macro = source.pick(['all', 'exists', 'exists_one']);
  const kind = source.pick([
    'int',
    'string',
    'double',
    'time',
    'duration',
    'bool',
    'int',
    'string',
  ] as const);
  return source.pick([
    () => `${e(kind)} ${comparison} ${e(kind)}`,
    () => `${e(kind)} ${comparison} ${e(kind)}`,
    () => `${e('int')} ${comparison} ${e('double')}`,
    () => `${e('bool')} && ${e('bool')}`,
    () => `${e('bool')} || ${e('bool')}`,
    () => `!(${e('bool')})`,
    () => `(${e('bool')} ? ${e('bool')} : ${e('bool')})`,
    () => `${e('any')} == ${e('any')}`,
    () => `${e('list')} == ${e('list')}`,
    () => `${e('texts')} == ${e('texts')}`,
    () => `${e('int')} in ${e('list')}`,
    () => `${e('string')} in ${e('texts')}`,
    () => `${e('string')} in self.m`,
    () => `${e('string')} in ["a", "b"]`,
    () => `${e('string')}.startsWith(${e('string')})`,
    () => `${e('string')}.endsWith(${e('string')})`,
    () => `${e('string')}.contains(${e('string')})`,
    () => `${e('string')}.matches("^[a-z]*$")`,
    () => `${e('string')}.matches(${e('string')})`,
    () => {
      const [x, b] = body(source, 'bool', depth, names, 'int');
      return `${e('list')}.${macro}(${x}, ${b})`;
    },
    () => {
      const [x, b] = body(source, 'bool', depth, names, 'string');
      return `${e('texts')}.${macro}(${x}, ${b})`;
    },
    () => {
      const [x, b] = body(source, 'bool', depth, names, 'string');
      return `self.m.${macro}(${x}, ${b})`;
    },
    () => {
      const [x, b] = body(source, 'bool', depth, names, 'int');
      return `${e('list')}.${macro}(${x}, w, ${b})`;
    },
    () => `self.ls.${macro}(i, i.name == ${e('string')})`,
    () => `${e('list')}.isSorted()`,
    () => `${e('texts')}.isSorted()`,
    () => `isQuantity(${e('string')})`,
    () => `isURL(${e('string')})`,
    () => `isIP(${e('string')})`,
    () => `isCIDR(${e('string')})`,
    () => `isSemver(${e('string')})`,
    () => `isSemver(${e('string')}, true)`,
    () => `sets.contains(${e('list')}, ${e('list')})`,
    () => `sets.equivalent(${e('texts')}, ${e('texts')})`,
    () => `sets.intersects(${e('list')}, ${e('list')})`,
    () => `quantity(${e('string')}).isInteger()`,
    () => `quantity(${e('string')}).add(${e('int')}).isGreaterThan(quantity("1"))`,
    () => `quantity("1Gi") == quantity(${e('string')})`,
    () => `cidr("10.0.0.0/8").containsIP(${e('string')})`,
    () => `cidr("10.0.0.0/8").containsIP(ip(${e('string')}))`,
    () => `cidr("10.0.0.0/8").containsCIDR(${e('string')})`,
    () => `ip(${e('string')}).isLoopback()`,
    () => `ip(${e('string')}).isGlobalUnicast()`,
    () => `ip.isCanonical(${e('string')})`,
    () => `ip(${e('string')}).isLinkLocalUnicast()`,
    () => `semver(${e('string')}).isLessThan(semver("1.2.3"))`,
    () => `format.dns1123Subdomain().validate(${e('string')}).hasValue()`,
    () => `has(self.m.a)`,
    () => `has(self.ls[0].v)`,
    () => `self.?n.hasValue()`,
    () => `type(self.ios) == int`,
    () => `bool(${e('string')})`,
    () => `self.o.x == ${e('int')}`,
  ])();
}

/** What must be said right, one by one. */
const fixed: readonly string[] = [
  'self.n',
  'self.nope',
  'nope',
  'self.n.foo',
  'self.n + "a"',
  'foo(self.n)',
  'self.foo()',
  'self.l.all(x.y, true)',
  'has(self)',
  'self.n ==',
  '"a" < 1',
  '[1, "a"]',
  '{"a": 1, 2: 3}',
  '[1, self.s]',
  'self.l.all(x, x)',
  'self.n.all(x, true)',
  'self.l.exists_one(x, x == 1)',
  'cel.bind(x, 1, x)',
  'duration("x")',
  'timestamp("x")',
  '"a".matches("[")',
  'int("x")',
  'self.l[0]',
  'self.l[self.n]',
  'self.m[self.s]',
  'self.m.b',
  'self.o.x',
  'self',
  '1',
  '"x"',
  'self.when.getFullYear()',
  'size(self.l) + size(self.s)',
  'self.set == ["y", "x"]',
  'self.ls == self.ls',
  'type(1)',
  'type(self.ios) == string',
  'self.ios.contains("%")',
  'self.ios > 3',
  'self.any',
  'self.nn == null',
  'has(self.nn)',
  '!self.b',
  '!self.n',
  '-self.n',
  '-self.s',
  'true ? 1 : "a"',
  'self.b ? 1 : 2',
  '1 in self.l',
  '"a" in self.m',
  '1 in self.s',
  'dyn(1) + dyn("a")',
  'Foo{a: 1}',
  'self.l.map(x, x, x)',
  '[[1], ["a"]]',
  'self.l.filter(x, x > 1).map(x, x * 2) == [4, 6]',
  'self.s.replace("a", "b", -1)',
  'self.?o.?x.orValue(3)',
  'self.l[?5].hasValue()',
  'optional.of(1).value()',
  'optional.none().value()',
  '[?self.?n, 2]',
  '{?"a": self.?s}',
  'self.l.sum() == 6',
  '[1.5, 2.5].sum()',
  '["a"].sum()',
  '[].max()',
  'self.l.transformList(i, v, i * v)',
  'sets.contains([1], ["a"])',
  '`a`',
  'self.`a-b`',
  'self.o.`a-b`',
  '"é" + nope',
  'self.l.exists(x, nope)',
  'self.n\n+ nope',
  '0x1F',
  '1u + 2u',
  '1u + 1',
  '9223372036854775808',
  '1e400',
  "b'\\x41\\101' == b'AA'",
  'r"\\d" == "\\\\d"',
  '"""a\nb"""',
  "'\\u00e9'",
  "'\\q'",
  '"abc',
  'true && 1',
  '1 || true',
  'true && (1/0 == 0 || true)',
  'false && 1/0 == 0',
  '1/0 == 0 || true',
  '1/0',
  '1%0',
  'self.n * 9223372036854775807',
  '// c\n1',
];
