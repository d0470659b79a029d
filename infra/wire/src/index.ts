// The public surface of wire.

export * from './cri-log.ts';
