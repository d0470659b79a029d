// Holds the answers of the two servers to one request against each other, and names each difference so that it keeps its name from run to run.

import { isJsonObject } from '@tweendeck/std';
import { compareJson, type Finding } from './compare.ts';
import { withoutUnserved } from './document.ts';
import type { Answer } from './endpoint.ts';
import { fieldRules, headerRules, isRepair, normaliseText, publishedLater } from './normalise.ts';
import { areaOf, type RequestShape, shapeOf } from './shape.ts';
import type { Sent, Translation } from './translation.ts';
import { foldEvents, type WatchEvent, watchEvents } from './watch-fold.ts';

export interface Difference {
  /** The heading it is listed under. */
  readonly area: string;
  /** What differs, in words that are the same in every run; two with one key have one cause. */
  readonly key: string;
  /** Of this occurrence: the request or command, and the place. */
  readonly where: string;
  readonly expected: string;
  readonly actual: string;
}

export interface Comparing {
  readonly sent: Sent;
  readonly translation: Translation;
  /** Whether controllers act meanwhile: then the steps of a status are folded in watches. */
  readonly controllers: boolean;
  /** Whether a watch ended because its client left: what the subject alone said by then counts for nothing. */
  readonly isCut?: boolean;
}

/** An API that the subject does not serve at all. */
export function absent(group: string, what: string, where: string): Difference {
  const name = group === '' ? what : `${what}.${group}`;
  return {
    area: 'APIs that are not served',
    key: name,
    where,
    expected: 'served',
    actual: 'not served',
  };
}

/** All differences between two answers; a request to an API that the subject lacks is one difference. */
export function compareAnswers(
  expected: Answer,
  actual: Answer,
  comparing: Comparing,
): readonly Difference[] {
  const shape = shapeOf(comparing.sent);
  const where = `${comparing.sent.method} ${comparing.sent.path}`;
  const isLacking = ({ status, body }: Answer): boolean =>
    status === 404 && (isUnserved(body) || (shape.kind === 'openapi' && body.length === 0));
  if (isLacking(actual) && !isLacking(expected)) {
    if (shape.kind === 'resource') {
      const what =
        shape.subresource === '' ? shape.resource : `${shape.resource}/${shape.subresource}`;
      return [absent(shape.group, what, where)];
    }
    if (shape.kind === 'openapi' && shape.groupVersion !== undefined) {
      return [absent(shape.groupVersion, 'OpenAPI document', where)];
    }
    if (shape.kind === 'discovery' && shape.groupVersion !== undefined) {
      return [absent(shape.groupVersion, 'discovery document', where)];
    }
  }
  const head = compareHeads(expected, actual, { shape, where });
  if (expected.status !== actual.status) return head;
  return [...head, ...compareBodies(expected, actual, { ...comparing, shape, where })];
}

/** Whether the path itself is unknown, which is not the same as an object that is not there. */
function isUnserved(body: Buffer): boolean {
  const text = body.toString();
  if (text.startsWith('404 page not found')) return true;
  return text.includes('the server could not find the requested resource');
}

export interface Naming {
  readonly shape: RequestShape;
  readonly where: string;
}

function compareHeads(
  expected: Answer,
  actual: Answer,
  { shape, where }: Naming,
): readonly Difference[] {
  const differences: Difference[] = [];
  if (expected.status !== actual.status) {
    const [there, here] = [statusText(expected), statusText(actual)];
    const key = `${shape.name}: answers ${actual.status} instead of ${expected.status} (${shortened(there, 110)})`;
    differences.push({
      area: 'Requests answered otherwise',
      key,
      where,
      expected: there,
      actual: here,
    });
    return differences;
  }
  const names = new Set([...Object.keys(expected.headers), ...Object.keys(actual.headers)]);
  for (const name of [...names].sort()) {
    const rule = headerRules.find((one) => one.name.test(name));
    const [there, here] = [expected.headers[name], actual.headers[name]];
    if (rule?.treatment === 'ignored' || there === here) continue;
    if (rule?.treatment === 'presence' && there !== undefined && here !== undefined) continue;
    if (normaliseText(there ?? '\0') === normaliseText(here ?? '\0')) continue;
    const key = `${name === 'warning' ? shape.name : shape.verbName}: header ${name}: ${said(there)}, here ${said(here)}`;
    differences.push({ area: 'Headers', key, where, expected: said(there), actual: said(here) });
  }
  return differences;
}

function statusText({ status, body }: Answer): string {
  const parsed = jsonOf(body);
  const isStatus = isJsonObject(parsed) && parsed['kind'] === 'Status';
  return `${status} ${isStatus && parsed['message'] !== undefined ? normaliseText(String(parsed['message'])) : ''}`.trim();
}

function compareBodies(
  expected: Answer,
  actual: Answer,
  naming: Naming & Comparing,
): readonly Difference[] {
  if (naming.shape.isWatch && expected.status === 200)
    return compareWatches(expected, actual, naming);
  const [there, here] = [jsonOf(expected.body), jsonOf(actual.body)];
  if (there === undefined || here === undefined) return compareTexts(expected, actual, naming);
  return compared(there, here, naming);
}

function compareTexts(
  expected: Answer,
  actual: Answer,
  { shape, where }: Naming,
): readonly Difference[] {
  const text = ({ body }: Answer): string => normaliseText(body.toString());
  const [there, here] = [text(expected), text(actual)];
  // Bodies that are no text are compared by what asks for them as JSON.
  if (there === here || /protobuf/.test(expected.headers['content-type'] ?? '')) return [];
  const key = `${shape.name}: text of the answer`;
  return [
    { area: areaOf(shape, ''), key, where, expected: shortened(there), actual: shortened(here) },
  ];
}

function compareWatches(
  expected: Answer,
  actual: Answer,
  naming: Naming & Comparing,
): readonly Difference[] {
  const statusSteps = naming.controllers ? 'folded' : 'kept';
  const [there, here] = [expected, actual].map(({ body }) =>
    foldEvents(watchEvents(body.toString()), { statusSteps }),
  );
  const differences: Difference[] = [];
  const left = new Map(Object.entries(here ?? {}));
  for (const [name, events] of Object.entries(there ?? {})) {
    const translated = left.has(name) ? name : naming.translation.text(name);
    const others = left.get(translated) ?? [];
    left.delete(translated);
    const compared = naming.isCut ? others.slice(0, events.length) : others;
    differences.push(...compareSequences(events, compared, naming));
  }
  if (naming.isCut) return differences;
  for (const events of left.values()) differences.push(...compareSequences([], events, naming));
  return differences;
}

function compareSequences(
  expected: readonly WatchEvent[],
  actual: readonly WatchEvent[],
  naming: Naming & Comparing,
): readonly Difference[] {
  const types = (events: readonly WatchEvent[]): string => events.map(({ type }) => type).join(' ');
  const [there, here] = [types(expected), types(actual)];
  if (there !== here) {
    const key = `${naming.shape.name}: events of an object: ${there || 'none'}, here ${here || 'none'}`;
    return [
      { area: 'Watches', key, where: naming.where, expected: said(expected), actual: said(actual) },
    ];
  }
  return expected.flatMap(({ object }, index) => {
    const other = actual[index]?.object;
    return compared(object, other, naming);
  });
}

function compared(
  expected: unknown,
  actual: unknown,
  naming: Naming & Comparing,
): readonly Difference[] {
  const { shape, where } = naming;
  if (isDocument(shape) && isJsonObject(expected) && isJsonObject(actual)) {
    const { document, absent: unserved } = withoutUnserved(expected, actual);
    return [
      ...unserved.map(({ group, resource }) => absent(group, resource, where)),
      ...named(compareJson(document, actual, naming.translation), document, naming),
    ];
  }
  const whole = withoutRepairs(expected);
  const haveColumns = columnsOf(expected).length > 0 && columnsOf(actual).length > 0;
  const [there, here] = haveColumns
    ? [withNamedCells(whole), withNamedCells(actual)]
    : [whole, actual];
  return named(compareJson(there, here, naming.translation), expected, naming);
}

/** A list or table of events without those that are nobody else's affair. */
function withoutRepairs(body: unknown): unknown {
  if (!isJsonObject(body)) return body;
  const part = body['kind'] === 'EventList' ? 'items' : 'rows';
  const entries = body[part];
  if (!Array.isArray(entries) || !entries.some(isRepair)) return body;
  return { ...body, [part]: entries.filter((entry) => !isRepair(entry)) };
}

/** Whether it is an OpenAPI document itself, and no list of them. */
function isDocument(shape: RequestShape): boolean {
  if (shape.kind !== 'openapi') return false;
  return shape.groupVersion !== undefined || shape.name === 'get /openapi/v2';
}

/** The names of a table's columns; none when the body is no table. */
function columnsOf(body: unknown): readonly string[] {
  if (!isJsonObject(body) || body['kind'] !== 'Table') return [];
  const columns: unknown = body['columnDefinitions'];
  if (!Array.isArray(columns)) return [];
  return columns.map((column: unknown) => (isJsonObject(column) ? String(column['name']) : ''));
}

/** A table with its cells by the names of their columns. */
function withNamedCells(body: unknown): unknown {
  const names = columnsOf(body);
  if (!isJsonObject(body) || !Array.isArray(body['rows'])) return body;
  const rows = body['rows'].map((row: unknown) => {
    if (!isJsonObject(row) || !Array.isArray(row['cells'])) return row;
    const cells = Object.fromEntries(
      row['cells'].map((cell, index) => [names[index] ?? index, cell]),
    );
    return { ...row, cells };
  });
  return { ...body, rows };
}

/** Names the findings of a body; a missing API in a discovery document is named as such. */
export function named(
  findings: readonly Finding[],
  body: unknown,
  { shape, where }: Naming,
): readonly Difference[] {
  const status = isJsonObject(body) && body['kind'] === 'Status' && body['status'] === 'Failure';
  // A message spells out its causes: the text has nothing to add. Of several the order is chance.
  const causesDiffer =
    status &&
    (findings.some(({ place }) => place.startsWith('details.causes')) || causeCount(body) > 1);
  if (isDocument(shape)) return namedInDocument(findings, where);
  const kept = causesDiffer ? findings.filter(({ place }) => place !== 'message') : findings;
  return kept.map(withoutSingleChecks).flatMap((finding) => {
    if (isPublishedLater(finding, shape)) return [];
    if (shape.kind === 'openapi' && finding.what === 'missing') {
      const document = finding.path.replace(/^paths(\.|\[")|"\]$/g, '');
      return [absent('', `OpenAPI document of ${document}`, where)];
    }
    const api = shape.kind === 'discovery' ? absentIn(finding, shape.groupVersion) : undefined;
    if (api !== undefined) return [absent(api.group, api.resource, where)];
    return [nameOf(finding, { shape, where }, { status, kind: kindOf(body) })];
  });
}

function nameOf(
  finding: Finding,
  { shape, where }: Naming,
  { status, kind }: { readonly status: boolean; readonly kind: string },
): Difference {
  // What a server made up has no part in the name of a difference.
  const isMadeUp = fieldRules.some(({ at }) => at.test(finding.place));
  const saidOf = (value: unknown): string =>
    isMadeUp && value !== undefined && typeof value !== 'object'
      ? '<made up>'
      : said(finding.place.endsWith('managedFields[]') ? ownerOf(value) : value);
  const [expected, actual] = [saidOf(finding.expected), saidOf(finding.actual)];
  const values = `${shortened(expected, 90)}, here ${shortened(actual, 90)}`;
  const isTable = kind === 'Table' && shape.kind === 'resource';
  const subject = isTable ? `${shape.resource} table` : status ? shape.name : kind || shape.name;
  const difference = {
    missing: `missing (${shortened(expected, 90)})`,
    added: `added (${shortened(actual, 90)})`,
    different: finding.place.endsWith('resourceVersion')
      ? 'changed where it stays for the reference, or the other way round'
      : values,
    order: 'in another order',
  }[finding.what];
  return {
    area: status ? "Errors' texts and details" : areaOf(shape, finding.place),
    key: `${subject} ${placeOf(finding, shape)}: ${difference}`,
    where: `${where} at ${finding.path}`,
    expected: shortened(expected),
    actual: shortened(actual),
  };
}

/** Of an entry of managed fields: who, not what. */
function ownerOf(entry: unknown): unknown {
  if (!isJsonObject(entry)) return entry;
  const { manager, operation, subresource } = entry;
  return { manager, operation, ...(subresource === undefined ? {} : { subresource }) };
}

function placeOf({ path, place }: Finding, shape: RequestShape): string {
  if (shape.kind === 'discovery') return path;
  // Columns are few and known by their names.
  if (place.startsWith('columnDefinitions')) return path;
  return place.replace(/^items\[\]\.?/, '') || 'the whole';
}

/** OpenAPI documents are large: one difference for each kind of place and what is wrong there, with the number of places. */
function namedInDocument(findings: readonly Finding[], where: string): readonly Difference[] {
  const document = /^GET ([^?]*)/.exec(where)?.[1] ?? where;
  const groups = Map.groupBy(findings, (finding) => `${kindOfPlace(finding)}: ${finding.what}`);
  return [...groups].map(([kind, [first, ...more]]) => ({
    area: 'OpenAPI documents',
    key: `${document} ${kind}, ${more.length + 1} times`,
    where: `${where} at ${first?.path}`,
    expected: shortened(said(first?.expected)),
    actual: shortened(said(first?.actual)),
  }));
}

function kindOfPlace({ place, what, expected }: Finding): string {
  const isType = place.endsWith('.produces[]') && what === 'missing';
  if (isType) return `operations[].produces[] ${String(expected)}`;
  return place
    .replace(
      /^paths(\["[^"]*"\]|\.[\w-]+)\.(get|put|post|patch|delete|head|options)\b/,
      'operations[]',
    )
    .replace(/\bcontent\["(application\/vnd\.kubernetes\.protobuf[^"]*)"\]/, 'content[$1]')
    .replace(/\b(responses|content)(\["[^"]*"\]|\.[\w-]+)/g, '$1[]')
    .replace(/^(paths|definitions|parameters|components\.schemas)(\["[^"]*"\]|\.[\w-]+)/, '$1[]')
    .replace(/\.properties(\["[^"]*"\]|\.[\w$-]+)/g, '.properties[]');
}

function causeCount({ details }: Record<string, unknown>): number {
  const causes: unknown = isJsonObject(details) ? details['causes'] : undefined;
  return Array.isArray(causes) ? causes.length : 0;
}

/** Whether a finding in a list of all documents is about a definition that one side has published already. */
function isPublishedLater({ path, what }: Finding, shape: RequestShape): boolean {
  if (!publishedLater.test(path)) return false;
  if (shape.kind === 'openapi') return true;
  return (
    shape.kind === 'discovery' && what !== 'different' && /^(items|groups)\[[^\]]*\]$/.test(path)
  );
}

/** The names of single health checks are one difference, as those of one program in parts. */
function withoutSingleChecks(finding: Finding): Finding {
  const isCheck = /^paths\[\/(healthz|livez|readyz)\//.test(finding.path);
  return isCheck ? { ...finding, expected: 'single health checks' } : finding;
}

/** The resource whose entry in a discovery document is missing here. */
function absentIn(
  { what, path }: Finding,
  groupVersion: string | undefined,
): { readonly group: string; readonly resource: string } | undefined {
  if (what !== 'missing') return undefined;
  const group = /^items\[([^\]]*)\]/.exec(path)?.[1] ?? /^groups\[([^\]]*)\]/.exec(path)?.[1];
  const last = /\[([^\]]*)\]$/.exec(path)?.[1];
  if (last === undefined) return undefined;
  if (/^(items|groups)\[[^\]]*\]$/.test(path)) return { group: last, resource: '*' };
  const parent = /\.resources\[([^\]]*)\]\.subresources\[[^\]]*\]$/.exec(path)?.[1];
  if (parent !== undefined) return { group: group ?? '', resource: `${parent}/${last}` };
  if (/resources\[[^\]]*\]$/.test(path)) {
    return { group: group ?? (groupVersion ?? '').replace(/\/?[^/]*$/, ''), resource: last };
  }
  if (/versions\[[^\]]*\]$/.test(path)) return { group: `${group}/${last}`, resource: '*' };
  return undefined;
}

function kindOf(body: unknown): string {
  if (!isJsonObject(body)) return '';
  const kind = typeof body['kind'] === 'string' ? body['kind'] : '';
  const items: unknown = body['items'];
  const first: unknown = Array.isArray(items) ? items[0] : undefined;
  if (kind === 'List' && isJsonObject(first)) return String(first['kind']);
  return kind.replace(/(.)List$/, '$1');
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return undefined;
  }
}

function said(value: unknown): string {
  if (value === undefined) return 'nothing';
  return normaliseText(JSON.stringify(sorted(value)) ?? 'nothing');
}

/** With the keys of objects in order, so that one value is said in one way. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** At most this many characters. */
export function shortened(text: string, lengthMax: number = 400): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax - 1)}…`;
}

/** Once per key: what one command met several times has one cause. */
export function distinct(differences: readonly Difference[]): readonly Difference[] {
  const seen = new Map<string, Difference>();
  for (const difference of differences) {
    const name = `${difference.area}\n${difference.key}`;
    if (!seen.has(name)) seen.set(name, difference);
  }
  return [...seen.values()];
}
