// The public surface of std.

export * from './abort.ts';
export * from './assert.ts';
export * from './backoff.ts';
export * from './bounded-queue.ts';
export * from './clock.ts';
export * from './error.ts';
export * from './errors.ts';
export * from './json.ts';
export * from './logger.ts';
export * from './open-metrics.ts';
export * from './random.ts';
export * from './task-group.ts';
