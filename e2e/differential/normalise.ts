// Everything that may differ between the two servers without being a difference, each with its reason. Nothing else hides one.

/** How values at a rule's place are held against each other. */
export type Treatment =
  /** Made up by the server: each value of the reference stands for one of the subject, always the same. */
  | 'identity'
  /** Drawn by the server and given back when its object goes: assigned on both sides or on neither. */
  | 'assigned'
  /** As `identity` what stands behind `?hash=`; before it, the same on both sides. */
  | 'address'
  /** A resourceVersion: changes when and only when the reference's does. */
  | 'version'
  /** How long ago something was: a duration on both sides, or the same word. */
  | 'age'
  /** May be anything, but must be there on both sides or on neither. */
  | 'presence';

export interface FieldRule {
  /** Matched against the path of a value, indexes as `[]`: `items[].metadata.uid`. */
  readonly at: RegExp;
  readonly treatment: Treatment;
  readonly reason: string;
}

/** For values in JSON bodies. The first that matches counts. */
export const fieldRules: readonly FieldRule[] = [
  {
    at: /(^|\.)(uid|UID)$/,
    treatment: 'identity',
    reason: 'uids are random',
  },
  {
    at: /(^|\.)resourceVersion$/,
    treatment: 'version',
    reason: 'a resourceVersion is a number of the store behind a server',
  },
  {
    at: /(^|\.)metadata\.continue$/,
    treatment: 'identity',
    reason: 'a paging token is opaque',
  },
  {
    at: /(^|\.)serverRelativeURL$/,
    treatment: 'address',
    reason:
      'the hash in the address of an OpenAPI document stands for its content, which is compared itself',
  },
  {
    at: /(^|\.)(clusterIP|clusterIPs\[\]|nodePort|healthCheckNodePort|podIP|podIPs\[\]\.ip|hostIP|hostIPs\[\]\.ip|endpoints\[\]\.addresses\[\])$/,
    treatment: 'assigned',
    reason: 'addresses and node ports are drawn from a range of the server',
  },
  {
    at: /(\.(pod-template-hash|controller-revision-hash)|\["controller\.kubernetes\.io\/hash"\]|^(items\[\]\.)?status\.(current|update)Revision)$/,
    treatment: 'identity',
    reason:
      'the hash of a pod template is of a form internal to the controller; only its being stable is promised',
  },
  {
    at: /^rows\[\]\.cells(\[\]|\.(Age|Duration)|\["(Last Seen|First Seen|Last Schedule)"\])$/,
    treatment: 'age',
    reason: 'ages depend on when one looks',
  },
  {
    at: /(^|\.)serverAddressByClientCIDRs\[\]\.serverAddress$/,
    treatment: 'presence',
    reason: 'each server listens elsewhere',
  },
  {
    at: /^(serverVersion\.)?(gitCommit|gitTreeState|gitVersion|buildDate|goVersion|compiler|platform)$/,
    treatment: 'presence',
    reason: 'of GET /version: what a build says of itself; major and minor are compared',
  },
  {
    at: /^status\.userInfo\.(username|extra|groups)/,
    treatment: 'presence',
    reason: 'the administrators of the two servers are configured apart',
  },
  {
    at: /^status\.token$/,
    treatment: 'presence',
    reason: 'a token is signed by the server',
  },
  {
    at: /(^|\.)data\["ca\.crt"\]$/,
    treatment: 'presence',
    reason: 'each server has an authority of its own',
  },
];

// Besides: names that a server made up, from `generateName` or with the hash of a template, are random at their end;
// compare.ts pairs them by what they have in common, and holds them to that pair.

export interface OrderRule {
  readonly at: RegExp;
  readonly reason: string;
}

/** Lists whose order is not compared. */
export const unorderedLists: readonly OrderRule[] = [
  {
    at: /^status\.(resourceRules|nonResourceRules)$/,
    reason: 'upstream collects rules from roles in the order of a map of Go, which is random',
  },
  {
    at: /^details\.causes$/,
    reason: 'upstream walks maps of Go, whose order is random, when it looks for what is wrong',
  },
  {
    at: /(^|\.)managedFields$/,
    reason: 'entries stand by their times in whole seconds, which two servers may see differently',
  },
];

/** Names that admission makes up for parts of an object, short of their random end. */
export const generatedParts: RegExp =
  /^(kube-api-access|debugger)-[bcdfghjklmnpqrstvwxz2456789]{5}$/;

/** Groups of custom definitions here; in lists of all documents they appear some time after the definition. */
export const publishedLater: RegExp = /\b(example\.com|tweendeck\.io)\b/;

/** Lines that stand in no lasting order are put into one: causes of a refusal, events of the same second, rows by names whose ends are random, and what Helm lists by kind. */
export function inLastingOrder(text: string): string {
  const [head = '', ...rest] = text.split(/^(?===> )/m);
  // Behind an empty line the last of the kinds is followed by what belongs to none, such as notes.
  const [last = '', ...after] = (rest.pop() ?? '').split(/\n{2,}/);
  const blocks = last === '' ? [] : [...rest, last].map(trimmedBlock).sort();
  return [head, ...blocks, after.join('\n\n')]
    .join('')
    .replace(sortedRuns, (run) => run.split('\n').slice(0, -1).sort().join('\n').concat('\n'));
}

const trimmedBlock = (block: string): string => `${block.trimEnd()}\n`;
const sortedRuns =
  /(?:^(?:\* | {2}(?:Normal|Warning) {2}).*\n){2,}|(?:^[\w./-]+-<generated> .*\n){2,}/gm;

export interface HeaderRule {
  readonly name: RegExp;
  readonly treatment: 'ignored' | 'presence';
  readonly reason: string;
}

/** For headers of answers, names in lower case. */
export const headerRules: readonly HeaderRule[] = [
  { name: /^audit-id$/, treatment: 'ignored', reason: 'random, for the audit log of that server' },
  {
    name: /^x-kubernetes-pf-/,
    treatment: 'ignored',
    reason: 'uids of priority-and-fairness objects, which are no part of the platform',
  },
  { name: /^(date|expires|last-modified)$/, treatment: 'ignored', reason: 'wall clock' },
  {
    name: /^(connection|keep-alive|transfer-encoding|content-length|content-encoding)$/,
    treatment: 'ignored',
    reason: 'how a body travels, not what it says',
  },
  { name: /^etag$/, treatment: 'presence', reason: 'a hash of a body that is compared itself' },
];

/** Two times of one precision are held to be the same moment when they are this near, in seconds: requests go out together, but servers do not start at one instant. */
const sameMomentSeconds = 60;

const repairReason =
  'the reference keeps an address object beside each service, and tells of one that it does not see yet: timing within it';

/** Whether an event, or its row in a table, is the reference's own affair: {@link repairReason}. */
export function isRepair(entry: unknown): boolean {
  return /"ClusterIPNotAllocated"/.test(JSON.stringify(entry));
}

interface TextRule {
  readonly pattern: RegExp;
  readonly to: string;
  readonly reason: string;
}

/** For texts a person reads (command output, table cells, messages): both sides are rewritten, in this order. */
const textRules: readonly TextRule[] = [
  {
    pattern: /\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g,
    to: '<uid>',
    reason: 'uids are random',
  },
  {
    pattern: /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)/g,
    to: '<time with microseconds>',
    reason: 'wall clock; that there are microseconds is kept',
  },
  {
    pattern: /\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)/g,
    to: '<time>',
    reason: 'wall clock',
  },
  {
    pattern:
      /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g,
    to: '<time>',
    reason: 'wall clock, as `describe` writes it',
  },
  {
    pattern:
      /\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d+ \d\d:\d\d:\d\d \d{4}/g,
    to: '<time>',
    reason: 'wall clock, as Helm writes it',
  },
  {
    pattern: /\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( [+-]\d{4} [A-Z]+)?/g,
    to: '<time>',
    reason: 'wall clock, as Helm writes it',
  },
  {
    pattern: /(^|[ \t]{2,}|over |\(|, )(\d+[smhdy]){1,2}(?=$|[ \t]{2,}|\)| ago|,)/gm,
    to: '$1<age>',
    reason: 'ages depend on when one looks; only whole columns and "... ago" count as ages',
  },
  {
    pattern: /https?:\/\/127\.\d+\.\d+\.\d+:\d+/g,
    to: '<server>',
    reason: 'each server listens elsewhere',
  },
  {
    pattern: /\b127\.\d+\.\d+\.\d+:\d+/g,
    to: '<server>',
    reason: 'each server listens elsewhere',
  },
  {
    pattern:
      /(resourceVersion\\*"?[:=] *\\*"?|Resource Version: +|ResourceVersion in record \()\d+/g,
    to: '$1<version>',
    reason: 'a resourceVersion is a number of the store behind a server',
  },
  {
    pattern: /\b10\.96\.\d+\.\d+\b/g,
    to: '<cluster address>',
    reason: 'addresses are drawn from a range of the server',
  },
  {
    pattern: /\b10\.244\.\d+\.\d+(,10\.244\.\d+\.\d+)*\b/g,
    to: '<pod addresses>',
    reason: 'addresses of pods are drawn in the order in which pods are met',
  },
  {
    pattern: /"(Age|Last Seen|First Seen|Duration)":"(\d+[smhdy])+"/g,
    to: '"$1":"<age>"',
    reason: 'ages depend on when one looks; here in rows of tables as JSON',
  },
  {
    pattern: /(\[[^\][]*,)"(\d+[smhdy]){1,2}"(?=[,\]])/g,
    to: '$1"<age>"',
    reason: 'as above, where the columns have no names',
  },
  {
    pattern: /\/tmp\/(LIVE|MERGED)-\d+/g,
    to: '/tmp/$1-<number>',
    reason: 'folders that `kubectl diff` makes',
  },
  {
    pattern: /\.[0-9a-f]{16}\b/g,
    to: '.<generated>',
    reason: 'names of events end in a number made of the time',
  },
  {
    pattern: /-[bcdfghjklmnpqrstvwxz2456789]{6,10}(-[bcdfghjklmnpqrstvwxz2456789]{5})?\b/g,
    to: '-<generated>',
    reason: 'hashes and random letters at the end of names of ReplicaSets and their pods',
  },
  {
    pattern: /-[bcdfghjklmnpqrstvwxz2456789]{5}\b/g,
    to: '-<generated>',
    reason: 'names from generateName end in random letters',
  },
  {
    pattern: /\b(\d+):3\d{4}(\/(?:TCP|UDP))/g,
    to: '$1:<node port>$2',
    reason: 'node ports are drawn from a range of the server',
  },
  {
    pattern: /(NodePort:.*? {2})3\d{4}/g,
    to: '$1<node port>',
    reason: 'as above, in `describe`',
  },
  {
    pattern: /pod-template-hash=\w+/g,
    to: 'pod-template-hash=<hash>',
    reason: 'the hash of a pod template is of a form internal to the controller',
  },
  {
    pattern: /^Waiting for .*(\n|$)/gm,
    to: '',
    reason: 'how many steps of a wait are seen is timing; how it ends is compared',
  },
  {
    pattern: /^.* Warning +ClusterIPNotAllocated +service\/.*(\n|$)/gm,
    to: '',
    reason: repairReason,
  },
  {
    pattern: /\beyJ[\w-]+\.[\w-]+\.[\w-]+/g,
    to: '<token>',
    reason: 'a token is signed by the server',
  },
  {
    pattern: /\bX509SHA256=[0-9a-f]+/g,
    to: 'X509SHA256=<hash>',
    reason: 'the administrators of the two servers have certificates of their own',
  },
  {
    pattern: /\b(kubernetes-admin|tweendeck:admin)\b/g,
    to: '<administrator>',
    reason: 'the administrators of the two servers are configured apart',
  },
  {
    pattern: /\bv1\.34\.\d+(\+\w+)?\b/g,
    to: '<server version>',
    reason: 'what a build says of itself; that it is 1.34 is kept',
  },
  {
    pattern: / {2,}/g,
    to: '  ',
    reason:
      'the width of a column follows from its longest value, which may be an age or a generated name',
  },
  {
    pattern: /[ \t]+$/gm,
    to: '',
    reason: 'as above, at the end of a line',
  },
];

/** A text for people with all that may differ rewritten. */
export function normaliseText(text: string): string {
  return textRules.reduce((current, { pattern, to }) => current.replace(pattern, to), text);
}

/** Whether two values are times of one precision and near enough. */
export function sameMoment(expected: string, actual: string): boolean {
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
  if (!time.test(expected) || !time.test(actual) || expected.length !== actual.length) return false;
  return Math.abs(Date.parse(expected) - Date.parse(actual)) <= sameMomentSeconds * 1_000;
}
