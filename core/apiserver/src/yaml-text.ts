// JSON values as YAML, as the library of kube-apiserver writes them: keys in order, lists at the level of their key.

const widthMax = 80;

/** The text of a document, with a line feed at its end. */
export function yamlText(value: unknown): string {
  return `${blockOf(value, 0).replace(/^\n/, '').replace(/^ /, '')}\n`;
}

/** What stands behind `key:` or `-`: a space and a scalar, or a line feed and more lines. */
function blockOf(value: unknown, indent: number): string {
  if (Array.isArray(value)) return value.length === 0 ? ' []' : listOf(value, indent);
  if (typeof value === 'object' && value !== null) {
    return Object.keys(value).length === 0 ? ' {}' : mapOf(Object(value), indent);
  }
  return ` ${scalarOf(value, indent)}`;
}

function mapOf(value: Readonly<Record<string, unknown>>, indent: number): string {
  const lines = Object.keys(value)
    .toSorted(byNature)
    .map((key) => {
      const inner = value[key];
      // Lists stand at the level of the key they belong to.
      const below = Array.isArray(inner) ? indent : indent + 2;
      return `${' '.repeat(indent)}${keyOf(key)}:${blockOf(inner, below)}`;
    });
  return `\n${lines.join('\n')}`;
}

function listOf(value: readonly unknown[], indent: number): string {
  const pad = ' '.repeat(indent);
  const lines = value.map((item) => {
    const text = blockOf(item, indent + 2);
    return text.startsWith('\n') ? `${pad}- ${text.slice(1).trimStart()}` : `${pad}-${text}`;
  });
  return `\n${lines.join('\n')}`;
}

/** Letters before what is none, and numbers within by their value. */
function byNature(left: string, right: string): number {
  const [first, second] = [[...left], [...right]];
  const length = Math.min(first.length, second.length);
  for (let index = 0; index < length; index++) {
    const [one = '', other = ''] = [first[index], second[index]];
    if (one === other) continue;
    const [isLetter, isOtherLetter] = [/\p{L}/u.test(one), /\p{L}/u.test(other)];
    if (isLetter && isOtherLetter) return one < other ? -1 : 1;
    if (isLetter || isOtherLetter) return isLetter ? 1 : -1;
    const number = Number(/^\d+/.exec(first.slice(index).join(''))?.[0] ?? Number.NaN);
    const otherNumber = Number(/^\d+/.exec(second.slice(index).join(''))?.[0] ?? Number.NaN);
    if (number !== otherNumber && !Number.isNaN(number) && !Number.isNaN(otherNumber)) {
      return number - otherNumber;
    }
    return one < other ? -1 : 1;
  }
  return first.length - second.length;
}

function keyOf(key: string): string {
  return isPlain(key) ? (needsQuotes(key) ? JSON.stringify(key) : key) : quoted(key);
}

function scalarOf(value: unknown, indent: number): string {
  if (typeof value !== 'string') return value === null ? 'null' : String(value);
  if (value.includes('\n') && !/[^\P{C}\n\t]/u.test(value)) return literal(value, indent);
  if (needsQuotes(value)) return JSON.stringify(value);
  return isPlain(value) ? folded(value, indent) : quoted(value);
}

/** A text that YAML would take for something else. */
function needsQuotes(text: string): boolean {
  if (text === '' || /^(?:~|null|Null|NULL|<<)$/.test(text)) return true;
  if (/^(?:y|n|yes|no|on|off|true|false)$/i.test(text)) return true;
  if (/^[-+]?(?:\.inf|\.Inf|\.INF)$|^(?:\.nan|\.NaN|\.NAN)$/.test(text)) return true;
  if (/^[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[\da-fA-F_]+|[\d_]+)$/.test(text) && /\d/.test(text))
    return true;
  if (/^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/.test(text)) return true;
  if (/^[-+]?\d[\d_]*(?::[0-5]?\d)+(?:\.[\d_]*)?$/.test(text)) return true;
  return /^\d{4}-\d\d?-\d\d?(?:(?:[Tt]|[ \t]+)\d\d?:\d\d:\d\d.*)?$/.test(text);
}

function isPlain(text: string): boolean {
  if (/[^\P{C}]/u.test(text) || /^\s|\s$/.test(text)) return false;
  if (
    /^[#,[\]{}&*!|>'"%@`]/.test(text) ||
    /^[-?:](?:\s|$)/.test(text) ||
    /^---|^\.\.\./.test(text)
  ) {
    return false;
  }
  return !/:(?:\s|$)|\s#/.test(text);
}

function quoted(text: string): string {
  return /[^\P{C}]/u.test(text) ? JSON.stringify(text) : `'${text.replaceAll("'", "''")}'`;
}

/** A long text goes on in a new line where it has a space. */
function folded(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const [index, word] of text.split(' ').entries()) {
    const isLong = indent + line.length > widthMax && word !== '' && index > 0;
    if (isLong) lines.push(line);
    line = isLong ? word : index === 0 ? word : `${line} ${word}`;
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`);
}

function literal(text: string, indent: number): string {
  const mark = text.endsWith('\n') ? (text.endsWith('\n\n') || text === '\n' ? '|+' : '|') : '|-';
  const hint = text.startsWith(' ') || text.startsWith('\n') ? '2' : '';
  const lines = text.replace(/\n$/, '').split('\n');
  const pad = ' '.repeat(Math.max(2, indent));
  const head = mark.slice(0, 1) + hint + mark.slice(1);
  return `${head}\n${lines.map((line) => (line === '' ? '' : pad + line)).join('\n')}`;
}
