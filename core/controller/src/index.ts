// The public surface of controller.

export * from './controller.ts';
export * from './errors.ts';
export * from './event-recorder.ts';
export * from './metrics.ts';
export * from './run-manager.ts';
export * from './work-queue.ts';
