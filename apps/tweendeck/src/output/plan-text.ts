// A dry run as a person reads it.

import type { ChildChange, DryRun, PlannedStep } from '@tweendeck/engine';

const signs = { create: '+', change: '~', delete: '-' } as const;

export function planText(run: DryRun): string {
  const { kind, namespace, name, phase, changes, steps, restarts, troubles, waits, silent } = run;
  const isIdle = changes.length + steps.length + troubles.length === 0 && waits === undefined;
  return [
    `${kind} ${namespace}/${name} (${phase})${isIdle ? ': nothing is to be done' : ''}`,
    ...section('Objects', changes.map(changeLine)),
    ...section('Steps, in this order', steps.flatMap(stepLines(steps))),
    ...section('Members that restart, one after another', restarts),
    ...section(
      'Needs a person',
      troubles.map(({ reason, message }) => `${reason}: ${message}`),
    ),
    ...section(
      'No answer',
      silent.map(({ member, why }) => `${member}: ${why}`),
    ),
    ...(waits === undefined ? [] : ['', `Waits for: ${waits}`]),
  ].join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)];
}

function changeLine({ change, kind, name, fields }: ChildChange): string {
  return `${signs[change]} ${kind} ${name}${fields.length > 0 ? ` (${fields.join(', ')})` : ''}`;
}

function stepLines(all: readonly PlannedStep[]) {
  const numberOf = (id: string | undefined): number => all.findIndex((one) => one.id === id) + 1;
  return ({ id, why, risk, on, when, after }: PlannedStep, at: number): readonly string[] => {
    const start = when === 'after' ? `after ${numberOf(after)}` : words[when];
    const where = on === undefined ? '' : ` on ${on}`;
    return [`${at + 1}. ${start}: ${id} [${risk}${where}]`, `   ${why}`];
  };
}

const words = {
  now: 'now',
  approval: 'once approved of',
  'under way': 'under way',
} as const;
