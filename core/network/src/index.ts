// The public surface of network.

export * from './service-relay.ts';
export * from './tcp-relay.ts';
