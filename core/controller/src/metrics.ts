// Numbers about controllers, under the names that controller-runtime made known, readable as Prometheus text.

type Labels = Readonly<Record<string, string>>;

/** A registry in memory. Metrics appear at their first use. Beyond 10,000 series new ones are dropped. */
export interface Metrics {
  /** Adds to a counter. */
  count(name: string, labels: Labels, by?: number): void;
  /** Sets a gauge. */
  set(name: string, labels: Labels, value: number): void;
  /** Adds a duration in seconds to a histogram. */
  observe(name: string, labels: Labels, seconds: number): void;
  /** The value of a counter or gauge, the number of observations of a histogram; 0 when it was never used. */
  value(name: string, labels: Labels): number;
  /** Calls `run` before every exposition, for numbers that are only known when somebody looks. */
  collect(run: () => void): Disposable;
  /** Everything in the text exposition format, version 0.0.4. */
  exposition(): string;
}

interface Series {
  readonly labels: string;
  value: number;
  /** Of histograms: how many observations were within each bucket's bound, not cumulated. */
  readonly buckets?: number[];
  sum?: number;
}

interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly series: Map<string, Series>;
}

const seriesMax = 10_000;
const bucketBounds: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

export function createMetrics(): Metrics {
  const families = new Map<string, Family>();
  const collectors = new Set<() => void>();
  let seriesCount = 0;
  const seriesOf = (type: Family['type'], name: string, labels: Labels): Series | undefined => {
    const family = families.get(name) ?? { type, series: new Map<string, Series>() };
    families.set(name, family);
    const text = labelsText(labels);
    const known = family.series.get(text);
    if (known || seriesCount >= seriesMax) return known;
    seriesCount++;
    const made: Series =
      type === 'histogram'
        ? { labels: text, value: 0, buckets: bucketBounds.map(() => 0), sum: 0 }
        : { labels: text, value: 0 };
    family.series.set(text, made);
    return made;
  };
  return {
    count(name, labels, by = 1) {
      const series = seriesOf('counter', name, labels);
      if (series) series.value += by;
    },
    set(name, labels, value) {
      const series = seriesOf('gauge', name, labels);
      if (series) series.value = value;
    },
    observe(name, labels, seconds) {
      const series = seriesOf('histogram', name, labels);
      if (!series?.buckets) return;
      series.value++;
      series.sum = (series.sum ?? 0) + seconds;
      const index = bucketBounds.findIndex((bound) => seconds <= bound);
      if (index >= 0) series.buckets[index] = (series.buckets[index] ?? 0) + 1;
    },
    value: (name, labels) => families.get(name)?.series.get(labelsText(labels))?.value ?? 0,
    collect(run) {
      collectors.add(run);
      return { [Symbol.dispose]: () => void collectors.delete(run) };
    },
    exposition() {
      for (const run of collectors) run();
      return [...families].map(([name, family]) => familyText(name, family)).join('');
    },
  };
}

function familyText(name: string, family: Family): string {
  const lines = [`# TYPE ${name} ${family.type}`];
  for (const series of family.series.values()) {
    if (series.buckets) lines.push(...histogramLines(name, series, series.buckets));
    else lines.push(`${name}${braced(series.labels)} ${series.value}`);
  }
  return `${lines.join('\n')}\n`;
}

function histogramLines(name: string, series: Series, buckets: readonly number[]): string[] {
  let within = 0;
  const lines = bucketBounds.map((bound, index) => {
    within += buckets[index] ?? 0;
    return `${name}_bucket${braced(series.labels, `le="${bound}"`)} ${within}`;
  });
  return [
    ...lines,
    `${name}_bucket${braced(series.labels, 'le="+Inf"')} ${series.value}`,
    `${name}_sum${braced(series.labels)} ${series.sum ?? 0}`,
    `${name}_count${braced(series.labels)} ${series.value}`,
  ];
}

function braced(...parts: readonly string[]): string {
  const text = parts.filter((part) => part !== '').join(',');
  return text === '' ? '' : `{${text}}`;
}

function labelsText(labels: Labels): string {
  return Object.keys(labels)
    .sort()
    .map((name) => `${name}="${escaped(labels[name] ?? '')}"`)
    .join(',');
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
