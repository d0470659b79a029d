// Tables for what people type.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { helpOfAll, helpOfOne, OptionValues, parseCommandLine } from './command-line.ts';
import { commands } from './command-table.ts';

for (const { name, args, command, operands, option } of [
  {
    name: 'a command without anything',
    args: ['up'],
    command: 'up',
    operands: [],
    option: undefined,
  },
  {
    name: 'an option with =',
    args: ['up', '--port=1'],
    command: 'up',
    operands: [],
    option: ['port', '1'],
  },
  {
    name: 'an option with a blank',
    args: ['up', '--port', '1'],
    command: 'up',
    operands: [],
    option: ['port', '1'],
  },
  {
    name: 'a short option',
    args: ['get', 'pods', '-n', 'a'],
    command: 'get',
    operands: ['pods'],
    option: ['namespace', 'a'],
  },
  {
    name: 'options before operands',
    args: ['get', '-o', 'json', 'pod', 'x'],
    command: 'get',
    operands: ['pod', 'x'],
    option: ['output', 'json'],
  },
  {
    name: 'a command of two words',
    args: ['cache', 'get', 'g', 'h'],
    command: 'cache get',
    operands: ['g', 'h'],
    option: undefined,
  },
] as const) {
  test(`the command line takes ${name}`, () => {
    const parsed = parseCommandLine(commands, args);
    assert.ok(parsed.kind === 'run');
    assert.equal(parsed.command.name, command);
    assert.deepEqual(parsed.operands, operands);
    if (option) assert.equal(parsed.options.text(option[0]), option[1]);
  });
}

for (const { name, args, says } of [
  { name: 'an unknown command', args: ['run'], says: /no command "run"/ },
  { name: 'half a command', args: ['cache'], says: /say which: "tweendeck cache put"/ },
  { name: 'an unknown second word', args: ['cache', 'drop'], says: /no command "cache drop"/ },
  { name: 'an unknown option', args: ['up', '--prot=1'], says: /Unknown option '--prot'/ },
  { name: 'an option without its value', args: ['up', '--port'], says: /--port/ },
  { name: 'a value for a flag', args: ['up', '--json=yes'], says: /--json/ },
  { name: 'too few operands', args: ['logs'], says: /"logs" wants POD/ },
  { name: 'too many operands', args: ['logs', 'a', 'b'], says: /does not take "b"/ },
]) {
  test(`the command line refuses ${name}`, () => {
    assert.throws(() => parseCommandLine(commands, args), { code: 'CLI_USAGE', message: says });
  });
}

for (const [text, valid] of [
  ['0', true],
  ['65535', true],
  ['-1', false],
  ['65536', false],
  ['8e3', false],
  ['', false],
  ['1.5', false],
] as const) {
  test(`a port "${text}" is ${valid ? 'taken' : 'refused'}`, () => {
    const read = () => new OptionValues({ port: text }).integer('port', { min: 0, max: 65_535 });
    if (valid) assert.equal(read(), Number(text));
    else assert.throws(read, { code: 'CLI_USAGE' });
  });
}

for (const args of [[], ['--help'], ['-h'], ['help']]) {
  test(`"${args.join(' ')}" shows all commands`, () => {
    assert.deepEqual(parseCommandLine(commands, args), { kind: 'help', command: undefined });
  });
}

test('help names every command and every option with its default', () => {
  const all = helpOfAll(commands);
  for (const command of commands) {
    assert.ok(all.includes(command.summary));
    const one = helpOfOne(command);
    for (const [name, option] of Object.entries(command.options)) {
      assert.ok(one.includes(`--${name}`) && one.includes(option.description));
      if (option.defaultText) assert.ok(one.includes(`(default: ${option.defaultText})`));
    }
  }
});

test('--help wins over wrong options of a command', () => {
  const parsed = parseCommandLine(commands, ['up', '--nonsense', '--help']);
  assert.equal(parsed.kind === 'help' && parsed.command?.name, 'up');
});
