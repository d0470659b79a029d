// URLs as expressions hold them: absolute, or a rooted path.

import { goQuote } from '../go-format.ts';

const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/;

/** A text that Go takes for the URI of a request. */
export class CelUrl {
  readonly text: string;
  readonly #scheme: string;
  readonly #host: string;
  readonly #path: string;
  readonly #query: string;

  private constructor(text: string) {
    this.text = text;
    const parts = /^(?:([^:/?#]+):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/.exec(text) ?? [];
    this.#scheme = (parts[1] ?? '').toLowerCase();
    this.#host = (parts[2] ?? '').replace(/^[^@]*@/, '');
    const path = parts[3] ?? '';
    // What is behind a scheme and does not begin with a slash is opaque.
    this.#path = parts[1] !== undefined && !path.startsWith('/') ? '' : path;
    this.#query = parts[4] ?? '';
  }

  /** A text with what is wrong with it, in Go's words. */
  static parse(text: string): CelUrl | { readonly problem: string } {
    const refuse = (why: string): { readonly problem: string } => ({
      problem: `URL parse error during conversion from string: parse ${goQuote(text)}: ${why}`,
    });
    if ([...text].some((char) => char < ' ' || char === '\u007f'))
      return refuse('net/url: invalid control character in URL');
    if (text === '') return refuse('empty url');
    if (text === '*') return new CelUrl(text);
    const named = scheme.exec(text);
    if (!named && !text.startsWith('/')) {
      if (text.startsWith(':')) return refuse('missing protocol scheme');
      return refuse('invalid URI for request');
    }
    const bad = /%(?![0-9A-Fa-f]{2}).{0,2}/su.exec(text.replace(/[?#].*$/s, ''));
    if (bad) return refuse(`invalid URL escape ${goQuote(bad[0])}`);
    const authority = named ? /^[^:]+:\/\/([^/?#]*)/.exec(text)?.[1] : undefined;
    const problem = authority === undefined ? undefined : authorityProblem(authority);
    return problem === undefined ? new CelUrl(text) : refuse(problem);
  }

  get scheme(): string {
    return this.#scheme;
  }

  /** With the port. */
  get host(): string {
    return this.#host;
  }

  get hostname(): string {
    return this.#host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1');
  }

  get port(): string {
    return /:(\d*)$/.exec(this.#host)?.[1] ?? '';
  }

  get escapedPath(): string {
    return this.#path.replaceAll(/[^\w\-.~$&+,/:;=@!'()*%]/gu, (char) =>
      [...Buffer.from(char)]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
        .join(''),
    );
  }

  /** Every value of every key. */
  get query(): ReadonlyMap<string, readonly string[]> {
    const values = new Map<string, string[]>();
    for (const pair of this.#query.split('&')) {
      if (pair === '' || pair.includes(';')) continue;
      const [key, value] = splitOnce(pair).map(unescaped);
      if (key === undefined || value === undefined) continue;
      values.set(key, [...(values.get(key) ?? []), value]);
    }
    return values;
  }
}

function authorityProblem(authority: string): string | undefined {
  const host = authority.replace(/^[^@]*@/, '');
  if (host.startsWith('[') && !host.includes(']')) return "missing ']' in host";
  const port = /:([^\]]*)$/.exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port))
    return `invalid port ${goQuote(`:${port}`)} after host`;
  const odd = /[ <>"^`{|}\\]/.exec(host)?.[0];
  return odd === undefined ? undefined : `invalid character ${goQuote(odd)} in host name`;
}

function splitOnce(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return at < 0 ? [pair, ''] : [pair.slice(0, at), pair.slice(at + 1)];
}

function unescaped(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}
