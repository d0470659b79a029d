// Answers that turn a connection into something else: 101, and what happens then.

import type { ApiResponse } from '@tweendeck/kube';

/** A connection that carries whole messages both ways. */
export interface MessageSocket {
  /** Called once, and at once: until then nothing is read. `gone` comes once, when the connection is closed by whomever. */
  listen(handlers: { readonly message: (data: Buffer) => void; readonly gone: () => void }): void;
  /** Resolves when the system has taken the message; rejects when the connection is gone. Texts go as text, bytes as binary messages. */
  send(message: Buffer | string): Promise<void>;
  /** Stops reading: the other side's messages pile up at the other side. */
  pause(): void;
  resume(): void;
  /** Makes the system notice that the other side is gone. */
  ping(): void;
  /** Says good-bye with a code of RFC 6455. */
  close(code: number, reason: string): void;
  /** Cuts the connection. */
  terminate(): void;
}

/** What is done with a connection that was upgraded to WebSocket messages. */
export interface Upgrade {
  /** The subprotocol agreed on; empty for none. */
  readonly protocol: string;
  /** Resolves when the connection is no longer needed. Never rejects. */
  readonly run: (socket: MessageSocket, signal: AbortSignal) => Promise<void>;
}

interface UpgradeResponse extends ApiResponse {
  readonly upgrade: Upgrade;
}

/** The answer 101. Its body is empty; it must be read when `run` is done or cannot be: then `held` is disposed of, and the request is over. */
export function upgradeResponse(upgrade: Upgrade, held: Disposable): UpgradeResponse {
  return { status: 101, headers: {}, body: letGo(held), upgrade };
}

/** What follows an answer; undefined for an ordinary one. */
export function upgradeOf(response: ApiResponse | UpgradeResponse): Upgrade | undefined {
  return 'upgrade' in response ? response.upgrade : undefined;
}

/** The headers that ask for another protocol. */
interface UpgradeHeaders {
  readonly connection?: string | undefined;
  readonly upgrade?: string | undefined;
}

/** Whether a request asks for WebSockets. */
export function wantsWebSocket(headers: UpgradeHeaders): boolean {
  return upgradeOffered(headers).toLowerCase() === 'websocket';
}

/** The protocol that a request asks to change to; empty for none. */
export function upgradeOffered(headers: UpgradeHeaders): string {
  const connection = (headers.connection ?? '').toLowerCase();
  return connection.includes('upgrade') ? (headers.upgrade ?? '') : '';
}

async function* letGo(held: Disposable): AsyncGenerator<Uint8Array> {
  using _held = held;
  yield* [];
}
