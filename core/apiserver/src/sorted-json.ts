// JSON as Go writes maps: keys in order. Custom objects are maps upstream, objects of built-in kinds are structures.

/** As JSON.stringify, with the keys of all objects in order of their code units, numbers among them. */
export function sortedJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  let text = '';
  if (Array.isArray(value)) {
    for (const item of value) text += text === '' ? sortedJson(item) : `,${sortedJson(item)}`;
    return `[${text}]`;
  }
  const fields: Readonly<Record<string, unknown>> = Object(value);
  for (const key of Object.keys(fields).sort()) {
    const inner = fields[key];
    if (inner === undefined) continue;
    text += `${text === '' ? '' : ','}${quoted(key)}:${sortedJson(inner)}`;
  }
  return `{${text}}`;
}

const special = /[^ !#-[\]-\ud7ff\ue000-\uffff]/;

/** Asking first is twice as fast as escaping what needs none. */
function quoted(text: string): string {
  return special.test(text) ? JSON.stringify(text) : `"${text}"`;
}
