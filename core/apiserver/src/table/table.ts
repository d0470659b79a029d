// The `Table` form of objects: what kubectl prints.

import type { Draft } from '../draft.ts';

export interface ColumnDefinition {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** Above 0: shown by `-o wide` only. */
  readonly priority?: number;
}

interface RowCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

export interface TableColumns {
  readonly definitions: readonly ColumnDefinition[];
  /** One cell per definition. `nowMs` is the wall clock that ages are counted from. */
  readonly cells: (object: Draft, nowMs: number) => readonly unknown[];
  /** Whether a kind has them for want of columns of its own. */
  readonly isDefault?: boolean;
  readonly conditions?: (object: Draft) => readonly RowCondition[] | undefined;
}

/** A column and how its cell is read, together. */
export interface Column {
  readonly name: string;
  readonly type?: ColumnDefinition['type'];
  readonly format?: string;
  readonly priority?: number;
  readonly cell: (object: Draft, nowMs: number) => unknown;
}

export function columnsOf(columns: readonly Column[]): TableColumns {
  return {
    definitions: columns.map(({ name, type = 'string', format = '', priority = 0 }) => ({
      name,
      type,
      format,
      description: '',
      priority,
    })),
    cells: (object, nowMs) => columns.map(({ cell }) => cell(object, nowMs)),
  };
}

export const nameColumn: Column = {
  name: 'Name',
  format: 'name',
  cell: ({ metadata }) => metadata.name ?? '',
};

export const ageColumn: Column = {
  name: 'Age',
  cell: ({ metadata }, nowMs) => ageSince(metadata.creationTimestamp, nowMs),
};

/** What a kind without columns of its own shows. */
export const defaultColumns: TableColumns = {
  ...columnsOf([
    nameColumn,
    {
      name: 'Created At',
      type: 'date',
      cell: ({ metadata }) => metadata.creationTimestamp ?? '',
    },
  ]),
  isDefault: true,
};

/** How long ago a timestamp is, as Kubernetes prints it; `<unknown>` when there is none. */
export function ageSince(timestamp: unknown, nowMs: number): string {
  if (typeof timestamp !== 'string') return '<unknown>';
  const since = Date.parse(timestamp);
  return Number.isNaN(since) ? '<invalid>' : durationText(nowMs - since);
}

/** A duration in at most two units, as apimachinery's `HumanDuration`: 45s, 3m2s, 5h10m, 2d3h, 400d, 3y10d. */
export function durationText(durationMs: number): string {
  const seconds = Math.trunc(durationMs / 1_000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  return years < 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

function pair(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
