// What the reference calls X the subject calls Y: pairs learned from answers to the same request, used to say the next request to the subject in its own words.

import { isJsonObject } from '@tweendeck/std';

/** A request as it is sent to one of the two servers. `path` has its query. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What pairing two values said. */
export type Pairing = 'new' | 'same' | 'broken';

/** Learned while a conversation runs; a new conversation against the same servers goes on with it. */
export class Translation {
  readonly #followsVersions: boolean;
  readonly #tokens = new Map<string, string>();
  readonly #tokensBack = new Map<string, string>();
  /** Of all tokens; made anew when there is another. */
  #pattern: RegExp | undefined;
  readonly #versions = new Map<string, string>();
  readonly #objectVersions = new Map<string, string>();

  /** Where controllers act, how often an object is written is timing: then `followsVersions` is false. */
  constructor({ followsVersions = true }: { readonly followsVersions?: boolean } = {}) {
    this.#followsVersions = followsVersions;
  }

  /** A value that a server made up and that stands for one thing: uid, generated name, continue token, hash. */
  token(reference: string, subject: string): Pairing {
    if (reference === '' || subject === '') return reference === subject ? 'same' : 'broken';
    const known = this.#tokens.get(reference);
    if (known !== undefined) return known === subject ? 'same' : 'broken';
    if (reference === subject) return 'same';
    if (this.#tokensBack.has(subject)) return 'broken';
    this.#set(reference, subject);
    return 'new';
  }

  /** The subject's name for a thing is another from here on: addresses come back to their range and are given again. */
  retoken(reference: string, subject: string): void {
    if (reference === subject && !this.#tokens.has(reference)) return;
    this.#set(reference, subject);
  }

  #set(reference: string, subject: string): void {
    if (!this.#tokens.has(reference)) this.#pattern = undefined;
    this.#tokens.set(reference, subject);
    this.#tokensBack.set(subject, reference);
  }

  /**
   * A resourceVersion. With the uid of its object: as long as the reference says the same version, so must the
   * subject, and the other way round.
   */
  version(reference: string, subject: string, uid?: string): Pairing {
    if (/^[1-9]/.test(reference) && /^[1-9]/.test(subject)) this.#versions.set(reference, subject);
    if (uid === undefined || !this.#followsVersions) return 'same';
    const there = `r ${uid} ${reference}`;
    const here = `s ${uid} ${subject}`;
    const known = this.#objectVersions.get(there);
    const knownBack = this.#objectVersions.get(here);
    if (known === undefined && knownBack === undefined) {
      this.#objectVersions.set(there, subject);
      this.#objectVersions.set(here, reference);
      return 'new';
    }
    return known === subject && knownBack === reference ? 'same' : 'broken';
  }

  /** A text of the reference with every learned token in the subject's words. */
  text(reference: string): string {
    this.#pattern ??= patternOf(this.#tokens.keys());
    // In one pass: what two things are called may have changed places.
    return reference.replace(this.#pattern, (found) => this.#tokens.get(found) ?? found);
  }

  /** The request for the subject. Bodies that are no JSON are changed as text. */
  request(sent: Sent): Sent {
    const path = this.#path(sent.path);
    if (sent.body.byteLength === 0 || !isText(sent.headers)) return { ...sent, path };
    return { ...sent, path, body: Buffer.from(this.body(sent.body.toString())) };
  }

  /** The body of a request for the subject: learned tokens everywhere, resourceVersions where they stand. */
  body(text: string): string {
    const translated = this.text(text);
    if (!/resourceVersion/.test(translated)) return translated;
    try {
      const parsed: unknown = JSON.parse(translated);
      const changed = this.#versionsIn(parsed);
      return changed === parsed ? translated : JSON.stringify(changed);
    } catch {
      return translated.replace(
        /(resourceVersion: *"?)(\d+)/g,
        (_, before: string, version: string) => before + this.#version(version),
      );
    }
  }

  #version(version: string): string {
    return this.#versions.get(version) ?? version;
  }

  #path(path: string): string {
    const [bare = '', query] = path.split('?', 2);
    const translated = this.text(bare);
    if (query === undefined) return translated;
    const parts = query.split('&').map((part) => {
      const [name = '', value = ''] = part.split('=', 2);
      if (name === 'resourceVersion') return `${name}=${this.#version(value)}`;
      const plain = decodeURIComponent(value.replaceAll('+', ' '));
      const other = this.text(plain);
      return other === plain ? part : `${name}=${encodeURIComponent(other)}`;
    });
    return `${translated}?${parts.join('&')}`;
  }

  /** The same value when nothing in it is a version. */
  #versionsIn(value: unknown): unknown {
    if (Array.isArray(value)) {
      const items = value.map((item: unknown) => this.#versionsIn(item));
      return items.every((item, index) => item === value[index]) ? value : items;
    }
    if (!isJsonObject(value)) return value;
    const patched = typeof value['path'] === 'string' && /\/resourceVersion$/.test(value['path']);
    let changed = false;
    const entries = Object.entries(value).map(([key, item]) => {
      const isVersion = key === 'resourceVersion' || (patched && key === 'value');
      const next =
        isVersion && typeof item === 'string' ? this.#version(item) : this.#versionsIn(item);
      if (next !== item) changed = true;
      return [key, next] as const;
    });
    return changed ? Object.fromEntries(entries) : value;
  }
}

/** Matches each of the texts where it stands by itself, or as a part of a name between dashes; never matches when there are none. */
function patternOf(texts: Iterable<string>): RegExp {
  const escaped = [...texts]
    .sort((left, right) => right.length - left.length)
    .map((text) => text.replace(/[.*+?^$(){}|[\]\\/]/g, '\\$&'));
  return escaped.length === 0
    ? /(?!)/g
    : new RegExp(`(?<![\\w.])(?:${escaped.join('|')})(?!\\w)`, 'g');
}

/** Whether a request's body is text, of which parts can be replaced. */
function isText(headers: Readonly<Record<string, string>>): boolean {
  return /json|yaml|text/.test(headers['content-type'] ?? 'json');
}
