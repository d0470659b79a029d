// Figures as Prometheus reads them: text exposition 0.0.4, or OpenMetrics 1.0 for who asks for it. Pure.

export type MetricsForm = 'text' | 'openmetrics';

/** One line of a family: what follows its name, labels, and a number. */
export interface MetricSample {
  /** `_total` of a counter, `_bucket`, `_sum` and `_count` of a histogram; else empty. */
  readonly suffix: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface MetricFamily {
  /** For counters without `_total`. */
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One line. */
  readonly help: string;
  readonly samples: readonly MetricSample[];
}

/** The form that an Accept header asks for: OpenMetrics where it is named and not refused. */
export function metricsForm(accept: string): MetricsForm {
  const open = accept
    .split(',')
    .find((part) => /^\s*application\/openmetrics-text\s*(;|$)/i.test(part));
  if (open === undefined || /;\s*q=0(\.0*)?\s*(;|$)/i.test(open)) return 'text';
  const version = /;\s*version=([\d.]+)/i.exec(open)?.[1];
  return version === undefined || ['0.0.1', '1.0.0'].includes(version) ? 'openmetrics' : 'text';
}

export function metricsType(form: MetricsForm): string {
  return form === 'text'
    ? 'text/plain; version=0.0.4; charset=utf-8'
    : 'application/openmetrics-text; version=1.0.0; charset=utf-8';
}

/** Without the last line of OpenMetrics, {@link metricsEnd}: others may follow. Lines of one thing share its labels: it is quicker. */
export function familiesText(families: readonly MetricFamily[], form: MetricsForm): string {
  const labelTexts = new Map<MetricSample['labels'], string>();
  const textOf = (labels: MetricSample['labels']): string => {
    const known = labelTexts.get(labels);
    if (known !== undefined) return known;
    const text = labelsText(labels);
    labelTexts.set(labels, text);
    return text;
  };
  return families.map((family) => familyText(family, form, textOf)).join('');
}

/** What ends an exposition. */
export function metricsEnd(form: MetricsForm): string {
  return form === 'text' ? '' : '# EOF\n';
}

/** A bound of a histogram, with a point, as OpenMetrics wants numbers in `le` written. */
export function boundText(bound: number): string {
  const text = String(bound);
  return text.includes('.') ? text : `${text}.0`;
}

function familyText(
  { name, type, help, samples }: MetricFamily,
  form: MetricsForm,
  textOf: (labels: MetricSample['labels']) => string,
): string {
  const head = type === 'counter' && form === 'text' ? `${name}_total` : name;
  let text = `# HELP ${head} ${help}\n# TYPE ${head} ${type}\n`;
  for (const { suffix, labels, value } of samples) {
    text += `${name}${suffix}${textOf(labels)} ${numberText(value)}\n`;
  }
  return text;
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

function labelsText(labels: MetricSample['labels']): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return /["\\\n]/.test(value)
    ? value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
    : value;
}
