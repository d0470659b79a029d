// The dashboard of an engine, as Grafana's JSON model has it (grafana.com/docs: JSON model, schema version 39). Pure.

import type { Panel, Shape } from './telemetry.ts';

/** What stands where: two panels beside each other. */
const width = 12;
const height = 8;

const selected = 'kind="KIND",namespace=~"$namespace",name=~"$cluster"';

/** For clusters of every engine. */
const usualPanels: readonly (Panel & { readonly only?: Shape })[] = [
  {
    title: 'Phase',
    unit: 'short',
    queries: [{ expr: 'tweendeck_cluster_phase{CLUSTER} == 1', legend: '{{name}}: {{phase}}' }],
  },
  {
    title: 'Members that take part',
    unit: 'short',
    queries: [
      {
        expr: 'sum by (name, role) (tweendeck_cluster_members_ready{CLUSTER})',
        legend: '{{name}} {{role}}',
      },
      {
        expr: 'sum by (name) (tweendeck_cluster_members_wanted{CLUSTER})',
        legend: '{{name}} wanted',
      },
    ],
  },
  {
    title: 'Step under way',
    only: 'members',
    unit: 's',
    queries: [
      {
        expr: 'time() - tweendeck_cluster_step_started_timestamp_seconds{CLUSTER}',
        legend: '{{name}}: {{step}}',
      },
    ],
  },
  {
    title: 'Steps, failures and changes of leaders',
    only: 'members',
    unit: 'short',
    queries: [
      {
        expr: 'increase(tweendeck_cluster_steps_done_total{CLUSTER}[10m])',
        legend: '{{name}} done',
      },
      {
        expr: 'increase(tweendeck_cluster_steps_failed_total{CLUSTER}[10m])',
        legend: '{{name}} failed',
      },
      {
        expr: 'increase(tweendeck_cluster_leader_changes_total{CLUSTER}[10m])',
        legend: '{{name}} leaders changed',
      },
      {
        expr: 'increase(tweendeck_cluster_observe_failures_total{CLUSTER}[10m])',
        legend: '{{name}} no answer',
      },
    ],
  },
];

export interface Drawn {
  readonly kind: string;
  readonly shape: Shape;
  readonly panels: readonly Panel[];
}

/** To import as it is: the reader chooses the data source, namespaces and clusters. */
export function dashboardOf({ kind, shape, panels }: Drawn): object {
  const usual = usualPanels.filter(({ only = shape }) => only === shape);
  return {
    ...{ title: `Tweendeck: ${kind}`, uid: `tweendeck-${kind.toLowerCase()}` },
    ...{ tags: ['tweendeck'], schemaVersion: 39, editable: true, refresh: '30s' },
    time: { from: 'now-3h', to: 'now' },
    templating: { list: variablesOf(kind) },
    panels: [...usual, ...panels].map((panel, at) => panelOf(panel, at, kind)),
  };
}

const datasource = { type: 'prometheus', uid: '$datasource' };

function variablesOf(kind: string): readonly object[] {
  const choice = (name: string, query: string) => ({
    ...{ name, type: 'query', datasource, query, refresh: 2, sort: 1 },
    ...{ multi: true, includeAll: true, allValue: '.+', current: { text: 'All', value: '$__all' } },
  });
  const phases = `tweendeck_cluster_phase{kind="${kind}"`;
  return [
    { name: 'datasource', type: 'datasource', query: 'prometheus' },
    choice('namespace', `label_values(${phases}},namespace)`),
    choice('cluster', `label_values(${phases},namespace=~"$namespace"},name)`),
  ];
}

function panelOf({ title, unit, queries }: Panel, at: number, kind: string): object {
  const exprOf = (expr: string): string =>
    expr.replaceAll('CLUSTER', selected).replaceAll('KIND', kind);
  return {
    ...{ id: at + 1, title, type: 'timeseries', datasource },
    gridPos: { x: (at % 2) * width, y: Math.floor(at / 2) * height, w: width, h: height },
    fieldConfig: { defaults: { unit, min: 0, custom: { fillOpacity: 10 } }, overrides: [] },
    options: { tooltip: { mode: 'multi' }, legend: { displayMode: 'list', placement: 'bottom' } },
    targets: queries.map(({ expr, legend }, index) => ({
      ...{ refId: String.fromCharCode('A'.charCodeAt(0) + index), datasource },
      ...{ expr: exprOf(expr), legendFormat: legend },
    })),
  };
}
