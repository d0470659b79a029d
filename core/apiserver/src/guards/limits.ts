// What the server takes from all of its clients together, and from each of them.

/** Every limit says what happens at it. Bytes and milliseconds; see docs/operating/limits.md. */
export interface GuardLimits {
  /** Seats of all levels of fairness together; further requests wait, then are answered with 429. */
  readonly seats: number;
  /** Requests of one user that wait for a seat; the next is answered with 429. */
  readonly queuedPerUser: number;
  /** Requests of one level that wait for a seat; the next is answered with 429. */
  readonly queuedPerLevel: number;
  /** How long a request waits for a seat before it is answered with 429. */
  readonly queueWaitMs: number;
  /** How long the event loop works off requests before it looks for new ones. */
  readonly sliceMs: number;
  /** Watches and followed logs under way, of all users; the next is answered with 429. */
  readonly watches: number;
  /** Of one user. */
  readonly watchesPerUser: number;
  /** How long a request that is no watch may take before it is answered with 504. */
  readonly requestTimeoutMs: number;
  /** Bytes of bodies in memory, of all users; the next body is answered with 429. */
  readonly bodyBytes: number;
  /** Of one user. */
  readonly bodyBytesPerUser: number;
  /** Bytes of answers above 1 MiB that their readers have not taken yet, of all users; the next such answer is a 429. */
  readonly answerBytes: number;
  /** Of one user. */
  readonly answerBytesPerUser: number;
}

/** Seats and times are those of kube-apiserver's priority and fairness as it comes. */
export const defaultLimits: GuardLimits = {
  seats: 600,
  queuedPerUser: 300,
  queuedPerLevel: 3_000,
  queueWaitMs: 15_000,
  sliceMs: 10,
  watches: 8_192,
  watchesPerUser: 4_096,
  requestTimeoutMs: 60_000,
  bodyBytes: 96 * 1024 ** 2,
  bodyBytesPerUser: 48 * 1024 ** 2,
  answerBytes: 256 * 1024 ** 2,
  answerBytesPerUser: 128 * 1024 ** 2,
};
