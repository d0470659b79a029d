// The public surface of controller.

export * from './controller.ts';
export * from './errors.ts';
export * from './event-recorder.ts';
export * from './health.ts';
export * from './metrics.ts';
export * from './observed-transport.ts';
export * from './rights.ts';
export * from './run-manager.ts';
export * from './work-queue.ts';
