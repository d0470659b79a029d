// What a conversation is: commands of real clients, or bare requests, that belong together and have a namespace of their own.

/** A command line: `kubectl ...`, `helm ...` or `tweendeck ...`; quotes as in a shell, nothing else of one. */
export interface Command {
  readonly run: string;
  /** Standard input. */
  readonly input?: string;
  /** The command runs on in the background while these are run, and is then interrupted: for `get -w` and `logs -f`. */
  readonly during?: readonly string[];
}

/** A bare request: `GET /api/v1/...`. */
export interface BareRequest {
  readonly request: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text as it is, anything else as JSON. */
  readonly body?: unknown;
  /** Values of the reference's answer, by name, that later requests say as `{name}`: dotted paths. */
  readonly save?: Readonly<Record<string, string>>;
}

/** What a step is: text is a command line, or a bare request when it begins with an HTTP method. */
export type Step = string | Command | BareRequest;

export interface Conversation {
  /** Also its namespace, and a folder of its own. */
  readonly name: string;
  /** With controllers, a scheduler and a node whose pods only say that they run, or with nothing but the API server. */
  readonly servers: 'bare' | 'controllers';
  /**
   * `newest`: with the newest clients only, where others add nothing; `once`: of these through the proxy only, where not
   * even what they print adds anything. Default `everywhere`.
   */
  readonly held?: 'everywhere' | 'newest' | 'once';
  /** Files for `-f NAME`, written to the folder in which commands run. */
  readonly files?: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
}

/** A step that is text, read as what it means. */
export function stepOf(step: Step): Command | BareRequest {
  if (typeof step !== 'string') return step;
  return /^(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \//.test(step)
    ? { request: step }
    : { run: step };
}

/** The words of a command line. */
export function wordsOf(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (const character of line) {
    if (quote !== '') {
      if (character === quote) quote = '';
      else word += character;
    } else if (character === "'" || character === '"') {
      quote = character;
      word ??= '';
    } else if (character === ' ') {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + character;
  }
  if (word !== undefined) words.push(word);
  return words;
}
