// The public surface of client.

export * from './client.ts';
export * from './create-client.ts';
export * from './errors.ts';
export * from './https-transport.ts';
export * from './informer.ts';
export * from './informer-set.ts';
export * from './kubeconfig.ts';
export * from './open-informer.ts';
export * from './resource-version.ts';
