// What a data plane puts up with, and what happens there.

export interface CacheLimits {
  /** Connections at once; a further one is closed as it comes. */
  readonly connectionsMax: number;
  /** Largest size a put may announce; a larger one closes the connection before its body. At most 2^31-1. */
  readonly valueBytesMax: number;
  /** Answers that wait for a slow reader; beyond, nothing more is read from that connection. */
  readonly queuedBytesMax: number;
  /** Large answers that wait for their turn; beyond, nothing more is read from that connection. */
  readonly queuedBodiesMax: number;
  /** Time to send the version. */
  readonly handshakeTimeoutMs: number;
  /** A client inside a command or body that sends nothing for so long, or less than `uploadBytesMin` in it, is cut. */
  readonly uploadTimeoutMs: number;
  readonly uploadBytesMin: number;
  /** A client that leaves a transaction open and silent for so long is cut. */
  readonly transactionTimeoutMs: number;
  /** A client that takes nothing of a waiting answer for so long is cut; what it takes shows in steps of up to 1 MiB. */
  readonly readerTimeoutMs: number;
  /** While the server stops, a client with nothing under way is let go after so long: it is not between two requests. */
  readonly drainQuietMs: number;
}

export const defaultCacheLimits: CacheLimits = {
  connectionsMax: 20_000,
  valueBytesMax: 2 ** 31 - 1,
  queuedBytesMax: 512 * 1_024,
  queuedBodiesMax: 64,
  handshakeTimeoutMs: 10_000,
  uploadTimeoutMs: 60_000,
  uploadBytesMin: 1_024,
  transactionTimeoutMs: 600_000,
  readerTimeoutMs: 60_000,
  drainQuietMs: 500,
};
