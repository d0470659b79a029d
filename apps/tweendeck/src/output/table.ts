// Lays out the tables that an API server answers.

import { groupResourceOf } from '@tweendeck/kube';
import { isJsonObject } from '@tweendeck/std';
import type { ServedKind } from '../kinds.ts';

export interface Table {
  readonly kind: ServedKind;
  readonly columns: readonly { readonly name: string; readonly wide: boolean }[];
  readonly rows: readonly TableRow[];
}

interface TableRow {
  readonly namespace: string | undefined;
  readonly cells: readonly string[];
}

/** Reads a `meta.k8s.io/v1 Table`. */
export function parseTable(value: unknown, kind: ServedKind): Table {
  const table = isJsonObject(value) ? value : {};
  return {
    kind,
    columns: objectsOf(table['columnDefinitions']).map((column) => ({
      name: String(column['name']),
      wide: Number(column['priority'] ?? 0) > 0,
    })),
    rows: objectsOf(table['rows']).map((row) => ({
      namespace: namespaceOf(row['object']),
      cells: (Array.isArray(row['cells']) ? row['cells'] : []).map(textOf),
    })),
  };
}

function objectsOf(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function namespaceOf(object: unknown): string | undefined {
  const metadata = isJsonObject(object) ? object['metadata'] : undefined;
  const namespace = isJsonObject(metadata) ? metadata['namespace'] : undefined;
  return typeof namespace === 'string' ? namespace : undefined;
}

function textOf(cell: unknown): string {
  if (cell === null || cell === undefined) return '<none>';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

export interface TableView {
  /** Undefined: rows of all namespaces, so that theirs is shown. */
  readonly namespace: string | undefined;
  readonly wide: boolean;
  readonly several: boolean;
  readonly headless?: boolean;
}

/** Columns in upper case, three blanks apart, no blanks at line ends. */
export function renderTable(table: Table, view: TableView): string {
  const shown = table.columns.map((column) => view.wide || !column.wide);
  const prefix = view.several ? `${groupResourceOf(table.kind)}/` : '';
  const withNamespace = view.namespace === undefined && table.kind.namespaced;
  const pick = (cells: readonly string[]): readonly string[] =>
    cells.filter((_, index) => shown[index]);
  const body = table.rows.map(({ namespace, cells }) => {
    const own = pick(cells).map((cell, index) => (index === 0 ? `${prefix}${cell}` : cell));
    return withNamespace ? [namespace ?? '', ...own] : own;
  });
  const names = pick(table.columns.map((column) => column.name.toUpperCase()));
  const head = withNamespace ? ['NAMESPACE', ...names] : names;
  return alignColumns(view.headless ? body : [head, ...body]);
}

/** Pads every column to its widest cell. */
export function alignColumns(lines: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const line of lines) {
    line.forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    });
  }
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
