// An OpenAPI v2 document in protobuf: the messages of gnostic's OpenAPIv2.proto that Kubernetes' documents consist of.

import { assert, isJsonObject } from '@tweendeck/std';
import { WireWriter } from './wire-writer.ts';

/** The parts of a document that have an entry for each thing that is served, with their fields and those of entries. */
const sections = {
  paths: { field: 8, entry: 2 },
  definitions: { field: 9, entry: 1 },
  parameters: { field: 10, entry: 1 },
} as const;

export type Section = keyof typeof sections;

/** One entry of a section, ready to stand in its message. It must be one that OpenAPI v2 can say; a bug otherwise. */
export function sectionEntry(section: Section, entry: unknown): Uint8Array {
  const writer = new WireWriter();
  const { entry: at } = sections[section];
  named(sectionWriters[section], at)(writer, entry);
  return writer.finish();
}

/** A whole document: what stands around its sections, and their entries. */
export function protobufOf(
  frame: Readonly<Record<string, unknown>>,
  entries: Readonly<Record<Section, readonly Uint8Array[]>>,
): readonly Uint8Array[] {
  const writer = new WireWriter();
  message('Document')(writer, frame);
  const found: Uint8Array[] = [writer.finish()];
  for (const section of ['paths', 'definitions', 'parameters'] as const) {
    const head = new WireWriter();
    const length = entries[section].reduce((sum, { byteLength }) => sum + byteLength, 0);
    head.head(sections[section].field, length);
    found.push(head.finish(), ...entries[section]);
  }
  return found;
}

type Write = (writer: WireWriter, value: unknown) => void;
type Field = (writer: WireWriter, number: number, value: unknown) => void;

/** Empty texts, zeros and falses are not written: they are what a missing field means. */
const text: Field = (writer, number, value) => {
  if (value !== '') writer.text(number, String(value));
};
const truth: Field = (writer, number, value) => {
  if (value === true) writer.integer(number, 1n);
};
const integer: Field = (writer, number, value) => {
  if (value !== 0) writer.integer(number, BigInt(Math.trunc(Number(value))));
};
const double: Field = (writer, number, value) => {
  if (value !== 0) writer.double(number, Number(value));
};
const texts: Field = (writer, number, value) => {
  for (const item of listOf(value)) writer.text(number, String(item));
};

const inner =
  (write: Write): Field =>
  (writer, number, value) =>
    writer.message(number, (own) => write(own, value));
const many =
  (write: Write): Field =>
  (writer, number, value) => {
    for (const item of listOf(value)) writer.message(number, (own) => write(own, item));
  };

/** A map is a list of pairs, in fields `at` of a message of its own. */
const named =
  (write: Write, at = 1): Write =>
  (writer, value) => {
    for (const [name, item] of entriesOf(value)) {
      writer.message(at, (pair) => {
        pair.text(1, name);
        pair.message(2, (own) => write(own, item));
      });
    }
  };

/** A choice between messages has a field for each. */
const chosen =
  (number: number, write: Write): Write =>
  (writer, value) =>
    writer.message(number, (own) => write(own, value));

/** Any JSON is YAML. */
const anything: Write = (writer, value) => writer.text(2, `${JSON.stringify(value)}\n`);

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  isJsonObject(value) ? Object.entries(value) : [];

const additionalProperties: Write = (writer, value) => {
  if (typeof value === 'boolean') writer.integer(2, value ? 1n : 0n);
  else chosen(1, message('Schema'))(writer, value);
};
const typeItem: Write = (writer, value) => texts(writer, 1, value);
const itemsItem: Write = (writer, value) => many(message('Schema'))(writer, 1, value);
const stringArray: Write = (writer, value) => texts(writer, 1, value);

const parameter: Write = (writer, value) => {
  const place = isJsonObject(value) ? value['in'] : undefined;
  if (place === 'body') chosen(1, message('BodyParameter'))(writer, value);
  else if (place === 'query') chosen(2, chosen(3, message('QueryParameter')))(writer, value);
  else chosen(2, chosen(4, message('PathParameter')))(writer, value);
};
const parametersItem: Write = (writer, value) => {
  const shared = isJsonObject(value) && value['$ref'] !== undefined;
  if (shared) chosen(2, message('JsonReference'))(writer, value);
  else chosen(1, parameter)(writer, value);
};

/** Fields of each message by their names in JSON; `x-` is where extensions go. */
const messages: Readonly<Record<string, Readonly<Record<string, readonly [number, Field]>>>> = {
  Document: {
    swagger: [1, text],
    info: [2, inner(lazily('Info'))],
    security: [12, many(named(stringArray))],
    securityDefinitions: [13, inner(named(chosen(2, lazily('ApiKeySecurity'))))],
    'x-': [16, many(anything)],
  },
  Info: { title: [1, text], version: [2, text], description: [3, text] },
  ApiKeySecurity: { type: [1, text], name: [2, text], in: [3, text], description: [4, text] },
  PathItem: {
    get: [2, inner(lazily('Operation'))],
    put: [3, inner(lazily('Operation'))],
    post: [4, inner(lazily('Operation'))],
    delete: [5, inner(lazily('Operation'))],
    patch: [8, inner(lazily('Operation'))],
    parameters: [9, many(parametersItem)],
  },
  Operation: {
    tags: [1, texts],
    description: [3, text],
    operationId: [5, text],
    produces: [6, texts],
    consumes: [7, texts],
    parameters: [8, many(parametersItem)],
    responses: [9, inner(named(chosen(1, lazily('Response'))))],
    schemes: [10, texts],
    'x-': [13, many(anything)],
  },
  Response: { description: [1, text], schema: [2, inner(chosen(1, lazily('Schema')))] },
  JsonReference: { $ref: [1, text], description: [2, text] },
  BodyParameter: {
    description: [1, text],
    name: [2, text],
    in: [3, text],
    required: [4, truth],
    schema: [5, inner(lazily('Schema'))],
  },
  QueryParameter: {
    required: [1, truth],
    in: [2, text],
    description: [3, text],
    name: [4, text],
    type: [6, text],
    uniqueItems: [20, truth],
  },
  PathParameter: {
    required: [1, truth],
    in: [2, text],
    description: [3, text],
    name: [4, text],
    type: [5, text],
    uniqueItems: [19, truth],
  },
  Schema: {
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    multipleOf: [6, double],
    maximum: [7, double],
    exclusiveMaximum: [8, truth],
    minimum: [9, double],
    exclusiveMinimum: [10, truth],
    maxLength: [11, integer],
    minLength: [12, integer],
    pattern: [13, text],
    maxItems: [14, integer],
    minItems: [15, integer],
    uniqueItems: [16, truth],
    maxProperties: [17, integer],
    minProperties: [18, integer],
    required: [19, texts],
    enum: [20, many(anything)],
    additionalProperties: [21, inner(additionalProperties)],
    type: [22, inner(typeItem)],
    items: [23, inner(itemsItem)],
    properties: [25, inner(named(lazily('Schema')))],
    'x-': [31, many(anything)],
  },
};

const sectionWriters: Readonly<Record<Section, Write>> = {
  paths: lazily('PathItem'),
  definitions: lazily('Schema'),
  parameters: parameter,
};

/** Messages contain one another, so that they are looked up when something is written. */
function lazily(name: string): Write {
  return (writer, value) => message(name)(writer, value);
}

function message(name: string): Write {
  const fields = messages[name] ?? {};
  const extension = fields['x-']?.[0];
  return (writer, value) => {
    for (const [key, item] of entriesOf(value)) {
      if (key.startsWith('x-')) {
        assert(extension !== undefined, `${name} takes no ${key}`);
        named(anything, extension)(writer, { [key]: item });
        continue;
      }
      const field = fields[key];
      assert(field !== undefined, `${name} has no ${key}`);
      field[1](writer, field[0], item);
    }
  };
}
