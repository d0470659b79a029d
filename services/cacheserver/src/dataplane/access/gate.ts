// What a client passes before it speaks the cache protocol: the PROXY header, TLS, the token.

import type { Socket } from 'node:net';
import type { Clock } from '@tweendeck/std';
import { readProxyHeader } from '@tweendeck/wire';
import type { ClosingReason } from '../counters.ts';
import type { CacheLimits } from '../limits.ts';
import { type ClientAddress, inRange, parseAddress } from './address.ts';
import { type ClientIdentity, type ListenerPolicy, tokenName } from './policy.ts';
import { certificateNames, type TlsDoor } from './tls-door.ts';

export interface GateHost {
  readonly limits: CacheLimits;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  /** The client is through; what it sent beyond the gate is still to be read from the socket. */
  admitted(gate: Gate, socket: Socket, client: ClientIdentity): void;
  refused(gate: Gate, reason: ClosingReason): void;
}

/** What is asked at a gate, as it was when the client came. */
export interface GateRules {
  readonly policy: ListenerPolicy;
  readonly door: TlsDoor | undefined;
}

const tokenStart = 'TWEENDECK-TOKEN ';
/** The start, a token of 256 bytes at most, and the line end. */
const tokenLineBytesMax = tokenStart.length + 257;
const lineEnd = 0x0a;
const none = Buffer.alloc(0);

/** Whether clients have to pass a gate at all. */
export function needsGate({ proxiesTrusted, tls }: ListenerPolicy): boolean {
  return proxiesTrusted !== undefined || tls !== undefined;
}

/**
 * One client at the gate. The header comes first and in the clear, then the handshake, then inside TLS the line
 * `TWEENDECK-TOKEN <token>\n`, which no client of the cache protocol can begin with.
 */
export class Gate {
  readonly #raw: Socket;
  readonly #host: GateHost;
  readonly #rules: GateRules;
  readonly #openedMs: number;
  #address: ClientAddress | undefined;
  #names: readonly string[] = [];
  #stage: 'proxy' | 'tls' | 'token' = 'proxy';
  #held: Buffer = none;
  #handshake: Disposable | undefined;
  #ended = false;

  constructor(socket: Socket, host: GateHost, rules: GateRules) {
    this.#raw = socket;
    this.#host = host;
    this.#rules = rules;
    this.#openedMs = host.clock.monotonicMs();
    this.#address = parseAddress(socket.remoteAddress ?? '');
    socket.on('error', () => this.close('client-reset'));
    socket.on('close', this.#gone);
  }

  /** Who it is as far as is known, for logs. */
  get clientText(): string {
    return this.#address?.text ?? '';
  }

  start(): void {
    const trusted = this.#rules.policy.proxiesTrusted;
    if (trusted === undefined) {
      this.#secure(this.#raw);
      return;
    }
    const address = this.#address;
    if (address !== undefined && trusted.some((range) => inRange(address, range))) {
      this.#listen(this.#raw, (held) => this.#readHeader(held));
    } else this.close('proxy-untrusted');
  }

  tick(nowMs: number): void {
    if (nowMs - this.#openedMs > this.#host.limits.handshakeTimeoutMs) {
      this.close('handshake-timeout');
    }
  }

  /** Lets go whoever is not through for a while: one who has just come is served. To be called again and again. */
  drain(): void {
    const { clock, limits } = this.#host;
    if (clock.monotonicMs() - this.#openedMs >= limits.drainQuietMs) this.close('drained');
  }

  close(reason: ClosingReason): void {
    if (this.#ended) return;
    this.#end();
    this.#raw.destroy();
    this.#host.refused(this, reason);
  }

  readonly #gone = (): void => this.close(this.#stage === 'tls' ? 'tls-failed' : 'client-reset');

  #end(): void {
    this.#ended = true;
    this.#held = none;
    this.#handshake?.[Symbol.dispose]();
    this.#raw.off('close', this.#gone);
  }

  /** Gathers what comes and shows all of it, until `look` says how many bytes were the stage's. */
  #listen(socket: Socket, look: (held: Buffer) => number | undefined, then?: () => void): void {
    const onData = (chunk: Buffer): void => {
      this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
      const used = look(this.#held);
      if (used === undefined || this.#ended) return;
      socket.off('data', onData);
      socket.off('end', onEnd);
      socket.pause();
      const rest = this.#held.subarray(used);
      this.#held = none;
      if (rest.length > 0) socket.unshift(rest);
      if (then === undefined) this.#secure(socket);
      else then();
    };
    const onEnd = (): void => this.close('client-closed');
    socket.on('data', onData);
    socket.on('end', onEnd);
  }

  #readHeader(held: Buffer): number | undefined {
    const read = readProxyHeader(held);
    if (read.state === 'more') return undefined;
    if (read.state === 'malformed') {
      this.close('proxy-malformed');
      return undefined;
    }
    if (read.header.kind === 'proxied') this.#address = parseAddress(read.header.source);
    return read.bytes;
  }

  #secure(socket: Socket): void {
    const { door } = this.#rules;
    this.#stage = 'tls';
    if (door === undefined) {
      this.#admit(socket, undefined);
      return;
    }
    socket.pause();
    this.#handshake = door.enter(socket, (secured) => {
      this.#names = certificateNames(secured);
      this.#stage = 'token';
      secured.on('error', () => this.close('client-reset'));
      if (this.#rules.policy.tokens.length === 0) this.#admit(secured, undefined);
      else this.#askToken(secured);
    });
  }

  #askToken(socket: Socket): void {
    let token: string | undefined;
    const look = (held: Buffer): number | undefined => {
      const start = held.toString('latin1', 0, tokenStart.length);
      if (!tokenStart.startsWith(start)) {
        if (!this.#rules.policy.tokenRequired) return 0;
        this.close('token-missing');
        return undefined;
      }
      const end = held.indexOf(lineEnd);
      if (end < 0 && held.length < tokenLineBytesMax) return undefined;
      const given = held.subarray(tokenStart.length, end);
      token = end < 0 ? undefined : tokenName(given, this.#rules.policy.tokens);
      if (token === undefined) this.close('token-refused');
      return end + 1;
    };
    this.#listen(socket, look, () => this.#admit(socket, token));
  }

  #admit(socket: Socket, token: string | undefined): void {
    const address = this.#address;
    this.#end();
    this.#host.admitted(this, socket, { address, certificateNames: this.#names, token });
  }
}
