// Reads what ginkgo writes in JUnit's XML: the cases that were run, and why some failed.

export interface JunitCase {
  readonly name: string;
  /** `passed`, `skipped`, `failed`, `timedout`, `panicked`, `interrupted`, ... */
  readonly status: string;
  /** The first lines of the failure; empty when there is none. */
  readonly message: string;
}

const messageLengthMax = 600;

/** The cases of a report. Text that is no report has none. */
export function junitCases(xml: string): readonly JunitCase[] {
  return [...xml.matchAll(/<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(
    ([, attributes = '', body = '']) => {
      const failure =
        /<(?:failure|error|skipped)[^>]*>([\s\S]*?)<\/(?:failure|error|skipped)>/.exec(body);
      const brief = /<(?:failure|error|skipped)[^>]* message="([^"]*)"/.exec(body);
      return {
        name: attribute(attributes, 'name'),
        status: attribute(attributes, 'status'),
        message: unescaped(failure?.[1] || brief?.[1] || '')
          .trim()
          .slice(0, messageLengthMax),
      };
    },
  );
}

function attribute(attributes: string, name: string): string {
  return unescaped(new RegExp(`(?:^|\\s)${name}="([^"]*)"`).exec(attributes)?.[1] ?? '');
}

const entities: Readonly<Record<string, string>> = {
  ...{ amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" },
};

function unescaped(text: string): string {
  return text.replace(/&(#x?[0-9A-Fa-f]+|\w+);/g, (whole, entity: string) => {
    if (entity.startsWith('#x')) return String.fromCodePoint(Number.parseInt(entity.slice(2), 16));
    if (entity.startsWith('#')) return String.fromCodePoint(Number(entity.slice(1)));
    return entities[entity] ?? whole;
  });
}
