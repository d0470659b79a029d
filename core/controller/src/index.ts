// The public surface of controller.

export * from './controller.ts';
