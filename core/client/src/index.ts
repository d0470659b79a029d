// The public surface of client.

export * from './client.ts';
export * from './informer.ts';
