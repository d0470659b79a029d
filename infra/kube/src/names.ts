// Which names, label keys and label values Kubernetes accepts, and its words for those it does not.

const qualifiedFormat = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const qualifiedHint =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelValueFormat = `(${qualifiedFormat})?`;
const dnsLabelFormat = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const dnsSubdomainFormat = `${dnsLabelFormat}(\\.${dnsLabelFormat})*`;
const dns1035Format = '[a-z]([-a-z0-9]*[a-z0-9])?';
const configKeyFormat = '[-._a-zA-Z0-9]+';

const qualifiedPattern = new RegExp(`^${qualifiedFormat}$`);
const labelValuePattern = new RegExp(`^${labelValueFormat}$`);
const dnsLabelPattern = new RegExp(`^${dnsLabelFormat}$`);
const dnsSubdomainPattern = new RegExp(`^${dnsSubdomainFormat}$`);
const dns1035Pattern = new RegExp(`^${dns1035Format}$`);
const configKeyPattern = new RegExp(`^${configKeyFormat}$`);

/** A validator: every complaint about `text`, in Kubernetes' words; none when it is fine. */
export type NameCheck = (text: string) => readonly string[];

/** `msg (e.g. 'a',  or 'b', regex used for validation is '...')`, commas and all as the original prints them. */
function patternMessage(message: string, format: string, examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${message} (e.g. ${shown}regex used for validation is '${format}')`;
}

/** `must be no more than 63 characters`. */
export function lengthMessage(lengthMax: number): string {
  return `must be no more than ${lengthMax} characters`;
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

/** Namespaces, pods' host names, services' labels: lower case, digits and `-`; 63 bytes at most. */
export const dnsLabelProblems: NameCheck = (text) => {
  const problems = byteLength(text) > 63 ? [lengthMessage(63)] : [];
  if (dnsLabelPattern.test(text)) return problems;
  if (dnsSubdomainPattern.test(text)) return [...problems, 'must not contain dots'];
  const message =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [...problems, patternMessage(message, dnsLabelFormat, ['my-name', '123-abc'])];
};

/** Most object names: DNS labels joined by dots; 253 bytes at most. */
export const dnsSubdomainProblems: NameCheck = (text) => {
  const problems = byteLength(text) > 253 ? [lengthMessage(253)] : [];
  if (dnsSubdomainPattern.test(text)) return problems;
  const message =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [...problems, patternMessage(message, dnsSubdomainFormat, ['example.com'])];
};

/** Service names and CRD names: as a DNS label, but starting with a letter. */
export const dns1035LabelProblems: NameCheck = (text) => {
  const problems = byteLength(text) > 63 ? [lengthMessage(63)] : [];
  if (dns1035Pattern.test(text)) return problems;
  const message =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [...problems, patternMessage(message, dns1035Format, ['my-name', 'abc-123'])];
};

/** Keys of labels, annotations (in lower case) and finalizers: `name` or `dns.prefix/name`. */
export const qualifiedNameProblems: NameCheck = (text) => {
  const parts = text.split('/');
  const examples = ['MyName', 'my.name', '123-abc'];
  if (parts.length > 2) {
    return [
      `a qualified name ${patternMessage(qualifiedHint, qualifiedFormat, examples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const name = parts.at(-1) ?? '';
  const problems = parts.length === 2 ? prefixProblems(parts[0] ?? '') : [];
  if (name === '') problems.push('name part must be non-empty');
  else if (byteLength(name) > 63) problems.push(`name part ${lengthMessage(63)}`);
  if (!qualifiedPattern.test(name)) {
    problems.push(`name part ${patternMessage(qualifiedHint, qualifiedFormat, examples)}`);
  }
  return problems;
};

function prefixProblems(prefix: string): string[] {
  if (prefix === '') return ['prefix part must be non-empty'];
  return dnsSubdomainProblems(prefix).map((problem) => `prefix part ${problem}`);
}

/** Values of labels: empty, or 63 bytes of letters, digits, `-`, `_` and `.`. */
export const labelValueProblems: NameCheck = (text) => {
  const problems = byteLength(text) > 63 ? [lengthMessage(63)] : [];
  if (labelValuePattern.test(text)) return problems;
  const message = `a valid label must be an empty string or consist of ${qualifiedHint.slice('must consist of '.length)}`;
  return [...problems, patternMessage(message, labelValueFormat, ['MyValue', 'my_value', '12345'])];
};

/** Names of container and service ports: 15 characters with a letter among them. */
export const portNameProblems: NameCheck = (text) => {
  const problems: string[] = [];
  if (byteLength(text) > 15) problems.push(lengthMessage(15));
  if (!/^[-a-z0-9]+$/.test(text)) {
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(text)) problems.push('must contain at least one letter (a-z)');
  if (text.includes('--')) problems.push('must not contain consecutive hyphens');
  if (text.startsWith('-') || text.endsWith('-')) {
    problems.push('must not begin or end with a hyphen');
  }
  return problems;
};

/** Port numbers, 1 to 65535. */
export function portNumberProblems(port: number): readonly string[] {
  return port >= 1 && port <= 65_535 ? [] : ['must be between 1 and 65535, inclusive'];
}

/** Keys of config maps and secrets. */
export const configKeyProblems: NameCheck = (text) => {
  const problems = byteLength(text) > 253 ? [lengthMessage(253)] : [];
  if (!configKeyPattern.test(text)) {
    const message = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
    problems.push(patternMessage(message, configKeyFormat, ['key.name', 'KEY_NAME', 'key-name']));
  }
  return [...problems, ...directoryProblems(text)];
};

/** Names of environment variables, as Kubernetes 1.34 accepts them: printable ASCII without `=`. */
export const environmentNameProblems: NameCheck = (text) => {
  const problems = text === '' ? ['environment variable name must be non-empty'] : [];
  if (/[^\x20-\x7e]|=/.test(text)) {
    problems.push(
      "a valid environment variable name must consist only of printable ASCII characters other than '='",
    );
  }
  return problems;
};

function directoryProblems(text: string): readonly string[] {
  if (text === '.' || text === '..') return [`must not be '${text}'`];
  return text.startsWith('..') ? ["must not start with '..'"] : [];
}
